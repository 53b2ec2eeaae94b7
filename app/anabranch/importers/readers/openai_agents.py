"""OpenAI Agents SDK: `SQLiteSession` and `AdvancedSQLiteSession`, where they are not encrypted."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.files.databases import rows, snapshot
from anabranch.importers.reader import Source
from anabranch.importers.records.model import (
    Broken,
    Ended,
    Opened,
    Skipped,
    ToolCall,
    ToolResult,
    Turn,
    Unknown,
)
from anabranch.importers.records.values import (
    json_of,
    kind_of,
    object_of,
    output_of,
    said_in,
    text_of,
    time_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from anabranch.importers.files.candidates import Candidate
    from anabranch.importers.records.model import Record, Said

_MAIN: Final = "main"
_ENCRYPTED: Final = "__enc__"
"""The mark of an `EncryptedSession`, around each of its messages."""
_PARTS: Final = ("text", "input_text", "output_text")
_PLAIN: Final = (
    "SELECT id, message_data, created_at FROM agent_messages WHERE session_id = ? ORDER BY id"
)
_BRANCH: Final = (
    "SELECT m.id, m.message_data, s.created_at FROM message_structure s "
    "JOIN agent_messages m ON m.id = s.message_id "
    "WHERE s.session_id = ? AND s.branch_id = ? ORDER BY s.sequence_number"
)
_OUTSIDE: Final = (
    "SELECT m.id, m.message_data, m.created_at FROM agent_messages m WHERE m.session_id = ? "
    "AND NOT EXISTS (SELECT 1 FROM message_structure s WHERE s.message_id = m.id) ORDER BY m.id"
)
"""Messages that a `SQLiteSession` added to a file of an `AdvancedSQLiteSession`."""


class OpenAIAgentsReader:
    """Reads the sessions of the OpenAI Agents SDK."""

    tool = "openai-agents"
    versions = "0.3 to 0.24.0"

    def places(self, home: Path, environment: Mapping[str, str]) -> list[Path]:
        """Return nothing: programs choose where their sessions are."""
        del home, environment
        return []

    def claims(self, candidate: Candidate) -> bool:
        """Tell by the tables."""
        return candidate.tables.keys() >= {"agent_sessions", "agent_messages"}

    def sources(self, files: Sequence[Path]) -> list[Source]:
        """Return a source a database."""
        return [Source(self.tool, (path,)) for path in files]

    def read(self, source: Source) -> Iterator[Record]:
        """Yield the records of all sessions, with their branches."""
        try:
            with closing(snapshot(source.path)) as database:
                structured = bool(
                    list(rows(database, "SELECT name FROM pragma_table_info('message_structure')"))
                )
                query = "SELECT session_id, created_at FROM agent_sessions ORDER BY created_at"
                for session_id, created_at in list(rows(database, query)):
                    session = _Session(database, str(session_id), str(created_at))
                    yield from session.branched() if structured else session.plain()
        except sqlite3.Error as error:
            yield Broken(path=source.path, number=0, reason=str(error), more=False)


class _Session:
    """One session; its name is any text, so that its beginning is part of its key."""

    def __init__(self, database: sqlite3.Connection, session_id: str, created_at: str) -> None:
        self._database = database
        self._id = session_id
        self._time = time_of(created_at)
        self._key = f"{session_id}@{created_at}"
        self._helpers: dict[str, str] = {}
        self._left_out: Counter[str] = Counter()

    def plain(self) -> Iterator[Record]:
        """Yield a session without branches."""
        yield self._opened()
        for row in rows(self._database, _PLAIN, self._id):
            yield from self._item(row, self._key)
        yield from self._counted()

    def branched(self) -> Iterator[Record]:
        """Yield the main branch, the others within it where they left; last what no branch has."""
        query = (
            "SELECT branch_id FROM message_structure WHERE session_id = ? "
            "GROUP BY branch_id ORDER BY min(id)"
        )
        names = [str(row[0]) for row in rows(self._database, query, self._id)]
        yield self._opened()
        taken = {name: self._ids(name) for name in names}
        yield from self._branch(
            _MAIN if _MAIN in names or not names else names[0], self._key, taken, set()
        )
        for row in rows(self._database, _OUTSIDE, self._id):
            yield from self._item(row, self._key)
        yield from self._counted()

    def _branch(
        self, name: str, line: str, taken: dict[str, list[int]], done: set[int]
    ) -> Iterator[Record]:
        """Yield a branch's own items; branches that share its items up to one leave after it."""
        own = taken.pop(name, [])
        leaving = {other: _shared(ids, own) for other, ids in taken.items()}
        for place, row in enumerate(rows(self._database, _BRANCH, self._id, name), start=1):
            if row["id"] in done:
                self._left_out["inherited"] += line != self._key
            else:
                done.add(row["id"])
                yield from self._item(row, line)
            for other in [one for one, at in leaving.items() if at == place]:
                yield from self._fork(other, line, taken, done)
        for other in leaving if line == self._key else ():
            yield from self._fork(other, line, taken, done)

    def _fork(
        self, name: str, line: str, taken: dict[str, list[int]], done: set[int]
    ) -> Iterator[Record]:
        """Yield a branch, unless it was yielded before: within another branch, which it left."""
        if name not in taken:
            return
        key = f"{self._key}/{name}"
        created = next(
            iter(
                rows(
                    self._database,
                    "SELECT min(created_at) FROM message_structure "
                    "WHERE session_id = ? AND branch_id = ?",
                    self._id,
                    name,
                )
            ),
            [None],
        )[0]
        yield Opened(key=key, source_id=name, kind="fork", parent=line, time=time_of(created))
        yield from self._branch(name, key, taken, done)

    def _ids(self, name: str) -> list[Any]:
        return [row["id"] for row in rows(self._database, _BRANCH, self._id, name)]

    def _opened(self) -> Opened:
        return Opened(key=self._key, source_id=self._id, time=self._time)

    def _counted(self) -> Iterator[Record]:
        for why, count in sorted((+self._left_out).items()):
            yield Skipped(line=self._key, why=why, count=count)

    def _item(self, row: sqlite3.Row, line: str) -> Iterator[Record]:
        item = object_of(json_of(row["message_data"]))
        time = time_of(row["created_at"])
        record_id = f"{self._key}/{row['id']}"
        role, kind = text_of(item.get("role")), kind_of(item)
        if role in {"user", "assistant"}:
            text = said_in(item.get("content"), kinds=_PARTS)
            if text:
                said: Said = "user" if role == "user" else "assistant"
                yield Turn(line=line, id=record_id, said=said, text=text, time=time)
        elif role in {"system", "developer"}:
            self._left_out["system prompt"] += 1
        elif kind == "function_call":
            yield from self._call(item, line, record_id, time)
        elif kind == "function_call_output":
            yield from self._output(item, line, time)
        elif kind == "reasoning":
            self._left_out["hidden reasoning"] += 1
        elif _ENCRYPTED in item:
            self._left_out["encrypted"] += 1
        else:
            yield Unknown(line=line, what=f"item {kind}")

    def _call(
        self, item: dict[str, Any], line: str, record_id: str, time: datetime | None
    ) -> Iterator[Record]:
        """Yield a call; an agent that is a tool is given its task as `input`, and nothing else."""
        given = object_of(json_of(item.get("arguments")))
        call_id = text_of(item.get("call_id")) or record_id
        name = text_of(item.get("name")) or "tool"
        yield ToolCall(line=line, id=call_id, name=name, input=given, time=time)
        task = text_of(given.get("input")) if len(given) == 1 else None
        if task:
            key = f"{self._key}/{call_id}"
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

    def _output(self, item: dict[str, Any], line: str, time: datetime | None) -> Iterator[Record]:
        call_id = text_of(item.get("call_id")) or ""
        output = output_of(item.get("output"))
        helper = self._helpers.pop(call_id, None)
        if helper and output:
            yield Ended(line=helper, result=output, time=time)
        yield ToolResult(line=line, call_id=call_id, given=output, time=time)


def _shared(ids: list[int], others: list[int]) -> int:
    """Return how many items two branches begin with together."""
    count = 0
    for one, other in zip(ids, others, strict=False):
        if one != other:
            break
        count += 1
    return count
