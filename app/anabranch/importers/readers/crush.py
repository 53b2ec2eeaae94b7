"""Crush: `.crush/crush.db` of a project, sessions of messages whose parts are JSON."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from anabranch.importers.files.databases import looked_up, names_in, rows, snapshot
from anabranch.importers.reader import Source, data_folder
from anabranch.importers.records.model import (
    Broken,
    Ended,
    Opened,
    Skipped,
    Summary,
    ToolCall,
    ToolResult,
    Turn,
    Unknown,
)
from anabranch.importers.records.values import (
    json_of,
    kind_of,
    object_of,
    objects_of,
    output_of,
    text_of,
    time_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from pydantic import JsonValue

    from anabranch.importers.files.candidates import Candidate
    from anabranch.importers.records.model import Record

_SESSIONS: Final = "SELECT * FROM sessions ORDER BY created_at, rowid"
_MESSAGES: Final = "SELECT * FROM messages WHERE session_id = ? ORDER BY created_at, rowid"
_INDEX: Final = "CREATE INDEX anabranch_order ON messages (session_id, created_at)"
"""Made in the copy that is read: without it each session costs a look at all messages."""
_CALLED: Final = "$$"
"""Stands between the message and the call in the id of a session that a tool began."""
_TITLE: Final = "title-"
_LEFT_OUT: Final = frozenset({"binary", "finish", "image_url"})
_FOLDER: Final = ".crush"


class CrushReader:
    """Reads the sessions of Crush. A summary is a message that says so; nothing is taken away."""

    tool = "crush"
    versions = "as described in 2026; no release was run"

    def places(self, home: Path, environment: Mapping[str, str]) -> list[Path]:
        """Return the folders of all projects that Crush has noted."""
        noted = data_folder(home, environment) / "crush" / "projects.json"
        try:
            told = object_of(orjson.loads(noted.read_bytes()))
        except (OSError, orjson.JSONDecodeError):
            return []
        found = [text_of(one.get("data_dir")) for one in objects_of(told.get("projects"))]
        return [Path(folder) for folder in found if folder]

    def claims(self, candidate: Candidate) -> bool:
        """Tell by the tables."""
        tables = candidate.tables
        return "parent_session_id" in tables.get("sessions", ()) and {
            "session_id",
            "parts",
        } <= tables.get("messages", frozenset())

    def sources(self, files: Sequence[Path]) -> list[Source]:
        """Return a source a database; its project is the folder that holds it."""
        return [
            Source(self.tool, (path,), project=_project(path), keys=_session_ids(path))
            for path in files
        ]

    def read(self, source: Source) -> Iterator[Record]:
        """Yield the records of all sessions, sub-agents where they were called."""
        try:
            with closing(snapshot(source.path)) as database:
                yield from _Reading(database, source.project).records()
        except sqlite3.Error as error:
            yield Broken(path=source.path, number=0, reason=str(error), more=False)


def _project(path: Path) -> str | None:
    folder = path.absolute().parent
    return str(folder.parent) if folder.name == _FOLDER else None


def _session_ids(path: Path) -> tuple[str, ...]:
    try:
        return looked_up(path, lambda database: names_in(database, "SELECT id FROM sessions"))
    except sqlite3.Error:
        return ()


class _Reading:
    """The sessions of a database, each yielded once."""

    def __init__(self, database: sqlite3.Connection, project: str | None) -> None:
        self._database = database
        self._project = project
        self._rows = {
            str(row["id"]): dict(zip(row.keys(), row, strict=True))
            for row in rows(database, _SESSIONS)
            if not str(row["id"]).startswith(_TITLE)
        }
        self._children: dict[tuple[str | None, str], list[str]] = {}
        for child, row in self._rows.items():
            _, called, call_id = child.partition(_CALLED)
            if called:
                parent = text_of(row.get("parent_session_id"))
                self._children.setdefault((parent, call_id), []).append(child)
        database.execute(_INDEX)
        self._told: set[str] = set()

    def records(self) -> Iterator[Record]:
        """Yield the sessions that no other began, and within them all others."""
        for session_id, row in self._rows.items():
            if text_of(row.get("parent_session_id")) not in self._rows:
                yield from self._session(session_id, parent=None)
        for session_id, row in self._rows.items():
            yield from self._session(session_id, parent=text_of(row.get("parent_session_id")))

    def _session(self, session_id: str, parent: str | None) -> Iterator[Record]:
        if session_id in self._told:
            return
        self._told.add(session_id)
        row = self._rows[session_id]
        yield Opened(
            key=session_id,
            source_id=session_id,
            kind="subagent" if parent else "main",
            parent=parent,
            time=time_of(row.get("created_at")),
            attributes={"project": self._project} if self._project else {},
            model=self._model(session_id),
        )
        left_out: Counter[str] = Counter()
        for one in rows(self._database, _MESSAGES, session_id):
            yield from self._message(dict(zip(one.keys(), one, strict=True)), session_id, left_out)
        for why, count in sorted((+left_out).items()):
            yield Skipped(line=session_id, why=why, count=count)

    def _model(self, session_id: str) -> str | None:
        query = (
            "SELECT model FROM messages WHERE session_id = ? AND role = 'assistant' "
            "AND model <> '' ORDER BY created_at, rowid LIMIT 1"
        )
        return next((text_of(row[0]) for row in rows(self._database, query, session_id)), None)

    def _message(
        self, message: dict[str, Any], line: str, left_out: Counter[str]
    ) -> Iterator[Record]:
        message_id, time = str(message.get("id")), time_of(message.get("created_at"))
        parts = objects_of(json_of(message.get("parts")))
        by_kind: dict[str, list[dict[str, Any]]] = {}
        for part in parts:
            by_kind.setdefault(kind_of(part), []).append(object_of(part.get("data")))
        texts = [one for one in by_kind.pop("text", []) if text_of(one.get("text"))]
        left_out["message that is not shown"] += sum(one.get("hidden") is True for one in texts)
        text = "\n\n".join(str(one["text"]) for one in texts if one.get("hidden") is not True)
        calls = by_kind.pop("tool_call", [])
        if text and message.get("is_summary_message"):
            yield Summary(line=line, id=message_id, text=text, time=time)
        elif text and message.get("role") == "user":
            yield Turn(line=line, id=message_id, said="user", text=text, time=time)
        elif text and message.get("role") == "assistant":
            yield Turn(
                line=line, id=message_id, said="assistant", text=text, time=time, final=not calls
            )
        elif text:
            left_out[f"message of {message.get('role')}"] += 1
        for call in calls:
            yield from self._call(call, message_id, line, time)
        for command in by_kind.pop("shell_command", []):
            yield from _shell(command, f"{message_id}/shell", line, time)
        for result in by_kind.pop("tool_result", []):
            yield from self._result(result, line, time)
        left_out["hidden reasoning"] += len(by_kind.pop("reasoning", []))
        for kind in by_kind.keys() - _LEFT_OUT:
            yield Unknown(line=line, what=f"part {kind}")

    def _call(
        self, call: dict[str, Any], message_id: str, line: str, time: datetime | None
    ) -> Iterator[Record]:
        call_id = text_of(call.get("id")) or message_id
        given = json_of(call.get("input"))
        yield ToolCall(
            line=line,
            id=f"{line}/{call_id}",
            name=text_of(call.get("name")) or "tool",
            input=call.get("input") if given is None else given,
            time=time,
        )
        child = f"{message_id}{_CALLED}{call_id}"
        if child in self._rows:
            yield from self._session(child, parent=line)

    def _result(self, result: dict[str, Any], line: str, time: datetime | None) -> Iterator[Record]:
        call_id, failed = text_of(result.get("tool_call_id")) or "", result.get("is_error") is True
        output = output_of(result.get("content"))
        yield ToolResult(
            line=line, call_id=f"{line}/{call_id}", given=output, failed=failed, time=time
        )
        for child in self._children.get((line, call_id), ()):
            yield Ended(
                line=child,
                how="failed" if failed else "completed",
                result=None if failed else text_of(output),
                reason=output if failed else None,
                started=time_of(self._rows[child].get("created_at")),
                time=time,
            )


def _shell(
    command: dict[str, Any], call_id: str, line: str, time: datetime | None
) -> Iterator[Record]:
    """Yield a command that the user ran, with its outcome."""
    given: JsonValue = {"command": text_of(command.get("command"))}
    yield ToolCall(line=line, id=call_id, name="shell", input=given, time=time, by="user")
    yield ToolResult(
        line=line,
        call_id=call_id,
        given=command.get("output"),
        failed=command.get("exit_code") not in {0, None},
        time=time,
    )
