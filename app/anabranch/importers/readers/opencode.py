"""OpenCode: `opencode.db`, before that `storage/session`; sessions of messages of parts."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.files.databases import snapshot
from anabranch.importers.reader import Source, data_folder
from anabranch.importers.readers.abandoned import Course
from anabranch.importers.readers.opencode_store import (
    Store,
    folder_of,
    is_of_project,
    is_session_file,
    sessions_in,
)
from anabranch.importers.records.chains import END, Node
from anabranch.importers.records.families import Family, Head, Link, Member, families_of
from anabranch.importers.records.model import (
    Boundary,
    Broken,
    Described,
    Ended,
    Opened,
    Skipped,
    Summary,
    ToolCall,
    ToolResult,
    Turn,
    Unknown,
)
from anabranch.importers.records.values import json_of, kind_of, object_of, text_of, time_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from anabranch.importers.files.candidates import Candidate
    from anabranch.importers.records.model import Kind, Record

_TABLES: Final = frozenset({"session", "message", "part"})
_LEFT_OUT: Final = frozenset(
    {
        "agent",
        "compaction",
        "file",
        "patch",
        "reasoning",
        "retry",
        "snapshot",
        "step-start",
        "subtask",
    }
)
REVERTED: Final = "reverted: that message and all after it are hidden"


class OpenCodeReader:
    """Reads the sessions of OpenCode."""

    tool = "opencode"
    versions = "0.5.29 to 1.18.33"

    def places(self, home: Path, environment: Mapping[str, str]) -> list[Path]:
        """Return the folder of the database, and of the files before it."""
        return [data_folder(home, environment) / "opencode"]

    def claims(self, candidate: Candidate) -> bool:
        """Tell by the tables, or by the place of a session's file."""
        if candidate.suffix == ".json":
            return is_session_file(candidate.path)
        tables = candidate.tables
        return tables.keys() >= _TABLES and "message_id" in tables["part"]

    def sources(self, files: Sequence[Path]) -> list[Source]:
        """Return a source a folder: its database, and the sessions that are only in files."""
        files_in: dict[Path, dict[str, Path]] = {}
        databases = [path for path in files if path.suffix != ".json"]
        for path in sorted(files, key=is_of_project):
            if path.suffix == ".json":
                files_in.setdefault(folder_of(path), {}).setdefault(path.stem, path)
        found: list[Source] = []
        for path in databases:
            ids = sessions_in(path)
            beside = files_in.pop(path.parent, {})
            taken = set(ids)
            only = {name: file for name, file in beside.items() if name not in taken}
            found.append(Source(self.tool, (path, *only.values()), keys=(*ids, *only)))
        return found + [
            Source(self.tool, tuple(named.values()), keys=tuple(named))
            for named in files_in.values()
        ]

    def read(self, source: Source) -> Iterator[Record]:
        """Yield the records of all sessions: sub-agents where called, forks where they left."""
        databases = [path for path in source.files if path.suffix != ".json"]
        sessions = [path for path in source.files if path.suffix == ".json"]
        try:
            with ExitStack() as stack:
                opened = [stack.enter_context(closing(snapshot(path))) for path in databases]
                store = Store(opened[0] if opened else None, sessions)
                yield from _Reading(store).records()
                yield from store.broken
        except sqlite3.Error as error:
            yield Broken(path=source.path, number=0, reason=str(error), more=False)


@dataclass(slots=True, kw_only=True)
class RowHead(Head):
    """A session's row, in the form that families are found by; `path` is only a name."""

    row: dict[str, Any]


class _Reading:
    """The sessions of a store, each yielded once."""

    def __init__(self, store: Store) -> None:
        self.rows = store.rows
        self.messages = store.messages
        self.parts = store.parts
        self.children = store.children
        self.told: set[str] = set()
        self._asked: dict[str, int | None] = {}

    def records(self) -> Iterator[Record]:
        """Yield the sessions that no other began, and within them all others."""
        heads = [
            self._head(session_id, row)
            for session_id, row in self.rows.items()
            if text_of(row.get("parent_id")) not in self.rows
        ]
        for group in families_of(heads):
            family = Family(group, links=lambda head: self._links(head.session_id))
            for root in family.roots():
                session = _Session(root.session_id, self, None if family.lone else family)
                yield from session.records(parent=None)
        for session_id, row in self.rows.items():
            if session_id not in self.told:
                yield from _Session(session_id, self, None).records(parent=row.get("parent_id"))

    def mark(self, message_id: str, message: dict[str, Any]) -> str:
        """Return what a message and its copies have in common: their ids differ."""
        said = ""
        for _, part in self.parts(message_id):
            said = text_of(part.get("text")) or text_of(part.get("callID")) or ""
            if said:
                break
        created = object_of(message.get("time")).get("created")
        return f"{message.get('role')}@{created}#{said[:80]}"

    def was_asked(self, session_id: str, prompt: str) -> bool:
        """Tell whether a prompt is the first text of a session; that is looked up once."""
        if session_id not in self._asked:
            first = next(self.messages(session_id), None)
            parts = self.parts(first[0]) if first else ()
            text = next((text for _, part in parts if (text := text_of(part.get("text")))), None)
            self._asked[session_id] = None if text is None else hash(text)
        return self._asked[session_id] == hash(prompt)

    def told_in_messages(self, session_id: str) -> dict[str, Any]:
        """Return the agent and the folder of a session by its messages: old rows have neither."""
        found: dict[str, Any] = {}
        if {"agent", "directory"} - {name for name, of in self.rows[session_id].items() if of}:
            for _, message in self.messages(session_id):
                folder = object_of(message.get("path")).get("cwd")
                found["agent"] = found.get("agent") or message.get("agent") or message.get("mode")
                found["directory"] = found.get("directory") or folder
                if all(found.values()):
                    break
        return found

    def _head(self, session_id: str, row: dict[str, Any]) -> RowHead:
        first = next(self.messages(session_id), None)
        mark = self.mark(*first) if first else None
        time = time_of(row.get("time_created"))
        return RowHead(Path(session_id), session_id, first_id=mark, time=time, row=row)

    def _links(self, session_id: str) -> Iterator[Link]:
        before: str | None = None
        for message_id, message in self.messages(session_id):
            mark = self.mark(message_id, message)
            yield Link(mark, before)
            before = mark


class _Session:
    """One session, with what leaves it."""

    def __init__(self, session_id: str, reading: _Reading, family: Family[RowHead] | None) -> None:
        self._id = session_id
        self._reading = reading
        self._family = family
        self._row = reading.rows[session_id]
        self._model: str | None = None
        self._left_out: Counter[str] = Counter()

    def records(
        self, *, parent: str | None, fork: bool = False, ended: Ended | None = None
    ) -> Iterator[Record]:
        """Yield the session's records; a sub-agent's end comes from the call that began it."""
        if self._id in self._reading.told:
            return
        self._reading.told.add(self._id)
        yield self._opened(parent, fork=fork)
        course = Course(self._id, self._nodes)
        last: datetime | None = None
        for message_id, message in self._reading.messages(self._id):
            mark = self._reading.mark(message_id, message) if self._family else message_id
            if self._is_inherited(mark):
                self._left_out["inherited"] += 1
                continue
            last = time_of(object_of(message.get("time")).get("created")) or last
            yield from course.at(message_id, last)
            yield from self._message(message_id, message, course.line)
            for other in self._family.leaving(self._id, mark) if self._family else ():
                yield from self._fork(other, course.line)
            yield from course.left(last, reason=REVERTED)
        for other in self._family.left_over(self._id) if self._family else ():
            yield from self._fork(other, self._id)
        for child in self._reading.children(self._id):
            yield from _Session(child, self._reading, None).records(parent=self._id)
        for why, count in sorted((+self._left_out).items()):
            yield Skipped(line=self._id, why=why, count=count)
        if ended is not None:
            yield ended

    def _opened(self, parent: str | None, *, fork: bool) -> Opened:
        kind: Kind = "fork" if fork else "subagent" if parent else "main"
        told = self._reading.told_in_messages(self._id)
        told |= {name: value for name, value in self._row.items() if value}
        found = {
            "project": text_of(told.get("directory")),
            "tool_version": text_of(self._row.get("version")),
        }
        return Opened(
            key=self._id,
            source_id=self._id,
            kind=kind,
            parent=parent,
            role=text_of(told.get("agent")) if kind == "subagent" else None,
            time=time_of(self._row.get("time_created")),
            attributes={name: value for name, value in found.items() if value},
        )

    def _is_inherited(self, mark: str) -> bool:
        return self._family is not None and self._family.is_inherited(
            self._id, Path(self._id), mark
        )

    def _fork(self, member: Member, line: str) -> Iterator[Record]:
        session = _Session(member.session_id, self._reading, self._family)
        yield from session.records(parent=line, fork=True)

    def _nodes(self) -> Iterator[Node]:
        """Yield messages in a chain; from the one that was reverted to on it was abandoned."""
        reverted = text_of(object_of(json_of(self._row.get("revert"))).get("messageID"))
        before: str | None = None
        end: str | None = None
        for message_id, message in self._reading.messages(self._id):
            if self._family and self._is_inherited(self._reading.mark(message_id, message)):
                continue
            if message_id == reverted:
                end = before or ""
            yield Node(message_id, before, speaks=True)
            before = message_id
        if end is not None:
            yield Node(END, end or None, speaks=False, restarts=not end)

    def _message(self, message_id: str, message: dict[str, Any], line: str) -> Iterator[Record]:
        time = time_of(object_of(message.get("time")).get("created"))
        if message.get("role") == "user":
            yield from self._user(message_id, line, time)
        elif message.get("role") == "assistant":
            if message.get("summary") is True or message.get("mode") == "compaction":
                yield from self._summary(message_id, line, time)
            else:
                yield from self._assistant(message_id, message, line, time)
        else:
            yield Unknown(line=line, what=f"role {message.get('role')}")

    def _user(self, message_id: str, line: str, time: datetime | None) -> Iterator[Record]:
        texts: list[str] = []
        for _, part in self._reading.parts(message_id):
            text = text_of(part.get("text"))
            if kind_of(part) == "text" and text and not _put_in(part):
                texts.append(unquoted(text))
            else:
                self._left_out[f"part {part.get('type')}"] += 1
        if texts:
            text = "\n\n".join(texts)
            yield Turn(line=line, id=message_id, said="user", text=text, time=time)
        else:
            yield Boundary(line=line)

    def _summary(self, message_id: str, line: str, time: datetime | None) -> Iterator[Record]:
        parts = [part for _, part in self._reading.parts(message_id)]
        texts = [text for part in parts if (text := text_of(part.get("text")))]
        if texts:
            yield Summary(line=line, id=message_id, text="\n\n".join(texts), time=time)

    def _assistant(
        self, message_id: str, message: dict[str, Any], line: str, time: datetime | None
    ) -> Iterator[Record]:
        model = text_of(message.get("modelID"))
        if model and model != self._model:
            self._model = model
            yield Described(line=self._id, model=model)
        parts = list(self._reading.parts(message_id))
        # A stream that ended early has no reason for it: the half is kept, and the talk goes on.
        is_half = message.get("finish") == "unknown" or bool(object_of(message.get("error")))
        final = not is_half and not any(kind_of(part) == "tool" for _, part in parts)
        for part_id, part in parts:
            kind = kind_of(part)
            text = text_of(part.get("text"))
            if kind == "text" and text and not _put_in(part):
                at = time_of(object_of(part.get("time")).get("start")) or time
                yield Turn(line=line, id=part_id, said="assistant", text=text, time=at, final=final)
            elif kind == "tool":
                yield from self._tool(part_id, part, line)
            elif kind in _LEFT_OUT or kind in {"text", "step-finish"}:
                self._left_out["hidden reasoning" if kind == "reasoning" else f"part {kind}"] += 1
            else:
                yield Unknown(line=line, what=f"part {kind}")

    def _tool(self, part_id: str, part: dict[str, Any], line: str) -> Iterator[Record]:
        state = object_of(part.get("state"))
        times, metadata = object_of(state.get("time")), object_of(state.get("metadata"))
        call_id = text_of(part.get("callID")) or part_id
        started, ended = time_of(times.get("start")), time_of(times.get("end"))
        yield ToolCall(
            line=line,
            id=call_id,
            name=text_of(part.get("tool")) or "tool",
            input=state.get("input"),
            time=started,
        )
        child = text_of(metadata.get("sessionId")) or self._begun_by(part, ended)
        status = text_of(state.get("status"))
        if child in self._reading.rows and child != self._id:
            over = Ended(
                line=child,
                how="completed" if status == "completed" else "failed",
                reason=text_of(state.get("error")),
                started=started,
                time=ended,
            )
            session = _Session(child, self._reading, None)
            done = over if status in {"completed", "error"} else None
            yield from session.records(parent=line, ended=done)
        if status in {"completed", "error"}:
            code = metadata.get("exit")
            yield ToolResult(
                line=line,
                call_id=call_id,
                given=state.get("output", state.get("error")),
                failed=status == "error" or (isinstance(code, int) and code != 0),
                time=ended,
            )

    def _begun_by(self, part: dict[str, Any], ended: datetime | None) -> str | None:
        """Return the session that a call began which does not name it: the one with its task.

        One that began after the call had ended is that of another call, which asked again.
        """
        prompt = text_of(object_of(object_of(part.get("state")).get("input")).get("prompt"))
        if part.get("tool") != "task" or prompt is None:
            return None
        for child in self._reading.children(self._id):
            began = time_of(self._reading.rows[child].get("time_created"))
            if child in self._reading.told or (ended and began and began > ended):
                continue
            if self._reading.was_asked(child, prompt):
                return child
        return None


def unquoted(text: str) -> str:
    """Return a prompt without the one pair of quotes in which the command line stores it.

    Before 1.3 it added the end of a line.
    """
    text = text.removesuffix("\n")
    inner = text[1:-1]
    quoted = len(text) > 2 and text[0] == text[-1] == '"' and '"' not in inner.replace('\\"', "")
    return inner.replace('\\"', '"') if quoted else text


def _put_in(part: dict[str, Any]) -> bool:
    return bool(part.get("synthetic") or part.get("ignored"))
