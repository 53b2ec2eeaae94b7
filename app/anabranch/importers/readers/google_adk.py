"""Google's Agent Development Kit: the tables of its `DatabaseSessionService` in SQLite."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.files.cache import RowCache
from anabranch.importers.files.databases import rows, snapshot
from anabranch.importers.reader import Source
from anabranch.importers.readers.abandoned import Course
from anabranch.importers.readers.google_adk_actions import actions_in
from anabranch.importers.records.chains import Node
from anabranch.importers.records.model import (
    Broken,
    Described,
    Ended,
    Opened,
    Skipped,
    Summary,
    ToolCall,
    ToolResult,
    Turn,
)
from anabranch.importers.records.values import (
    json_of,
    object_of,
    objects_of,
    output_of,
    text_of,
    time_of,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence
    from pathlib import Path

    from anabranch.importers.files.candidates import Candidate
    from anabranch.importers.records.model import Record

_EVENTS: Final = (
    "SELECT {columns} FROM events "
    "WHERE app_name = ? AND user_id = ? AND session_id = ? ORDER BY timestamp, rowid"
)
_COLUMNS: Final = "SELECT name FROM pragma_table_info('events')"
_WHOLE: Final = "id, event_data, timestamp"
_APART: Final = "id, invocation_id, author, branch, timestamp, content, actions"
"""The columns of 1.x: an event in pieces, its actions as a pickle, its time that of a clock."""


class GoogleAdkReader:
    """Reads the sessions of the Agent Development Kit."""

    tool = "google-adk"
    versions = "1.14 to 2.13.0"

    def places(self, home: Path, environment: Mapping[str, str]) -> list[Path]:
        """Return nothing: programs choose where their sessions are."""
        del home, environment
        return []

    def claims(self, candidate: Candidate) -> bool:
        """Tell by the tables."""
        tables = candidate.tables
        events = tables.get("events", ())
        is_known = "event_data" in events or {"invocation_id", "content", "actions"} <= {*events}
        return is_known and "app_name" in tables.get("sessions", ())

    def sources(self, files: Sequence[Path]) -> list[Source]:
        """Return a source a database."""
        return [Source(self.tool, (path,)) for path in files]

    def read(self, source: Source) -> Iterator[Record]:
        """Yield the records of all sessions."""
        try:
            with closing(snapshot(source.path)) as database:
                query = (
                    "SELECT app_name, user_id, id, create_time FROM sessions ORDER BY create_time"
                )
                columns = [row[0] for row in rows(database, _COLUMNS)]
                form = _WHOLE if "event_data" in columns else _APART
                for row in list(rows(database, query)):
                    yield from _Session(database, row, form).records()
        except sqlite3.Error as error:
            yield Broken(path=source.path, number=0, reason=str(error), more=False)


class _Session:
    """One session: the root agent's line, and one for each agent that took over or ran beside."""

    def __init__(self, database: sqlite3.Connection, row: sqlite3.Row, form: str) -> None:
        self._database = database
        self._query = _EVENTS.format(columns=form)
        self._where = (row["app_name"], row["user_id"], row["id"])
        self._id = str(row["id"])
        self._time = time_of(row["create_time"])
        created = str(row["create_time"]).removesuffix(".000000")
        self._key = f"{row['app_name']}/{row['user_id']}/{row['id']}@{created}"
        self._asked: str | None = None
        self._agents: dict[str, tuple[datetime | None, datetime | None]] = {}
        self._lines: dict[tuple[str, str | None], dict[str, str]] = {}
        self._runs: Counter[str] = Counter()
        self._helpers: dict[str, str] = {}
        self._models: dict[str, str] = {}
        self._left_out: Counter[str] = Counter()
        self._events = RowCache(self._parsed)

    def records(self) -> Iterator[Record]:
        """Yield the session's records."""
        yield Opened(
            key=self._key,
            source_id=self._id,
            time=self._time,
            attributes={"project": str(self._where[0])},
        )
        course = Course(self._key, self._nodes)
        for event_id, event in self._events:
            time = time_of(event.get("timestamp"))
            yield from course.at(event_id, time)
            yield from self._event(event_id, event, course.line, time)
            yield from course.left(time)
        for line, (started, ended) in self._agents.items():
            yield Ended(line=line, started=started, time=ended)
        for why, count in sorted((+self._left_out).items()):
            yield Skipped(line=self._key, why=why, count=count)

    def _parsed(self) -> Iterator[tuple[int, tuple[str, dict[str, Any]]]]:
        for row in rows(self._database, self._query, *self._where):
            if "event_data" in row.keys():  # noqa: SIM118 - a row's values are what `in` finds.
                event = object_of(json_of(row["event_data"]))
                event.setdefault("timestamp", row["timestamp"])
            else:
                event = _joined(row)
            size = sum(len(one) for one in row if isinstance(one, (str, bytes)))
            yield size, (str(row["id"]), event)

    def _nodes(self) -> Iterator[Node]:
        """Yield events in a chain; one that rewinds hangs before the invocation it names."""
        before: str | None = None
        began: dict[str, str | None] = {}
        for event_id, event in self._events:
            began.setdefault(str(event.get("invocation_id")), before)
            target = text_of(object_of(event.get("actions")).get("rewind_before_invocation_id"))
            parent = began.get(target, before) if target else before
            yield Node(event_id, parent, speaks=_has_content(event), restarts=target is not None)
            before = event_id

    def _event(
        self, event_id: str, event: dict[str, Any], main: str, time: datetime | None
    ) -> Iterator[Record]:
        line = yield from self._line(event, main, time)
        compaction = object_of(object_of(event.get("actions")).get("compaction"))
        if compaction:
            summary = "\n\n".join(_texts(object_of(compaction.get("compacted_content"))))
            if summary:
                yield Summary(line=main, id=event_id, text=summary, time=time)
            return
        model = text_of(event.get("model_version"))
        if model and self._models.get(line) != model:
            self._models[line] = model
            yield Described(line=line, model=model)
        content = object_of(event.get("content"))
        parts = objects_of(content.get("parts"))
        self._left_out["hidden reasoning"] += sum(bool(part.get("thought")) for part in parts)
        texts = _texts(content)
        calls = [object_of(part["function_call"]) for part in parts if part.get("function_call")]
        if texts:
            user = event.get("author") == "user"
            text = "\n\n".join(texts)
            self._asked = text if user else self._asked
            yield Turn(
                line=line,
                id=event_id,
                said="user" if user else "assistant",
                text=text,
                time=time,
                final=None if user else not calls,
            )
        for call in calls:
            yield from self._call(call, line, event_id, time)
        for part in parts:
            if part.get("function_response"):
                yield from self._response(object_of(part["function_response"]), line, time)

    def _line(
        self, event: dict[str, Any], main: str, time: datetime | None
    ) -> Generator[Record, None, str]:
        """Return the line of the agent that speaks; open it when it first speaks in an invocation.

        When the user asks on, an agent is called the same and has another task. It hangs on the
        one that handed over to it, where that spoke in the same invocation.
        """
        name = _called(event)
        if name is None or event.get("author") == "user":
            return main
        lines = self._lines.setdefault((main, text_of(event.get("invocation_id"))), {})
        if name not in lines:
            key = f"{main}/{name}"
            self._runs[key] += 1
            line = lines[name] = key if self._runs[key] == 1 else f"{key}#{self._runs[key]}"
            yield Opened(
                key=line,
                source_id=name,
                kind="subagent",
                parent=next((lines[one] for one in _above(name) if one in lines), main),
                task=self._asked,
                role=text_of(event.get("author")),
                time=time,
            )
        line = lines[name]
        started, _ = self._agents.get(line, (time, None))
        self._agents[line] = (started, time)
        return line

    def _call(
        self, call: dict[str, Any], line: str, event_id: str, time: datetime | None
    ) -> Iterator[Record]:
        """Yield a call; an agent that is a tool gets its task as `request`, and nothing else."""
        call_id = text_of(call.get("id")) or event_id
        given = object_of(call.get("args"))
        name = text_of(call.get("name")) or "tool"
        yield ToolCall(line=line, id=call_id, name=name, input=given, time=time)
        task = text_of(given.get("request")) if len(given) == 1 else None
        if task:
            key = f"{line}/{event_id}/{call_id}"
            self._helpers[call_id] = key
            yield Opened(
                key=key,
                source_id=None,
                kind="subagent",
                parent=line,
                task=task,
                role=name,
                time=time,
            )

    def _response(
        self, response: dict[str, Any], line: str, time: datetime | None
    ) -> Iterator[Record]:
        call_id = text_of(response.get("id")) or ""
        given = object_of(response.get("response"))
        output = output_of(given.get("result", given))
        helper = self._helpers.pop(call_id, None)
        if helper and output:
            yield Ended(line=helper, result=output, time=time)
        failed = True if "error" in given else None
        yield ToolResult(line=line, call_id=call_id, given=output, failed=failed, time=time)


def _joined(row: sqlite3.Row) -> dict[str, Any]:
    """Return an event of 1.x as later releases write it."""
    event = {name: row[name] for name in ("invocation_id", "author", "branch")}
    event["content"] = json_of(row["content"])
    with suppress(ValueError):
        event["timestamp"] = datetime.fromisoformat(str(row["timestamp"])).timestamp()
    if isinstance(row["actions"], bytes):
        with suppress(ValueError):
            event["actions"] = actions_in(row["actions"])
    return event


def _called(event: dict[str, Any]) -> str | None:
    """Return how an agent below another is called, None for one at the root.

    After a transfer the path of the node tells it, and for agents that run in parallel the branch.
    Both may end above the agent: those of a sequence share a branch, and those that a transfer ran
    in parallel a path.
    """
    author = text_of(event.get("author"))
    path = text_of(object_of(event.get("node_info")).get("path")) or ""
    branch = text_of(event.get("branch")) or ""
    for place, mark in ((path, "/"), (branch, ".")):
        if mark in place:
            last = place.rpartition(mark)[2].partition("@")[0]
            return place if author in {None, last} else f"{place}{mark}{author}"
    return None


def _above(name: str) -> Iterator[str]:
    """Yield the names of the agents above one, from the nearest."""
    mark = "/" if "/" in name else "."
    while mark in name:
        name = name.rpartition(mark)[0]
        yield name


def _texts(content: dict[str, Any]) -> list[str]:
    return [
        text
        for part in objects_of(content.get("parts"))
        if not part.get("thought") and (text := text_of(part.get("text")))
    ]


def _has_content(event: dict[str, Any]) -> bool:
    return bool(_texts(object_of(event.get("content"))))
