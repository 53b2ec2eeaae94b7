"""Goose: `sessions.db`, sessions of messages whose content is JSON."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.files.databases import looked_up, rows, snapshot
from anabranch.importers.reader import Source, data_folder
from anabranch.importers.readers.goose_rows import Message, Rows, agent_in, key_of, told_of_agent
from anabranch.importers.records.families import Family, Head, Link, families_of
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
    output_of,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from anabranch.importers.files.candidates import Candidate
    from anabranch.importers.records.model import How, Kind, Record

_COMPACTING: Final = frozenset({"/compact", "/summarize", "Please compact this conversation"})
_REASONING: Final = frozenset({"thinking", "redactedThinking", "reasoning"})
_TOLD: Final = frozenset({"text", "toolRequest", "toolResponse"})
_LEFT_OUT: Final = frozenset(
    {
        "actionRequired",
        "conversationCompacted",
        "contextLengthExceeded",
        "frontendToolRequest",
        "image",
        "summarizationRequested",
        "systemNotification",
        "toolConfirmationRequest",
    }
)
_ENDS: Final[dict[str, How]] = {"completed": "completed", "cancelled": "cancelled"}


class GooseReader:
    """Reads the sessions of Goose. A compaction keeps what it replaced; an edit deletes it."""

    tool = "goose"
    versions = "1.34.0 to 1.52.0"

    def places(self, home: Path, environment: Mapping[str, str]) -> list[Path]:
        """Return the folder of the database."""
        return [data_folder(home, environment) / "goose" / "sessions"]

    def claims(self, candidate: Candidate) -> bool:
        """Tell by the tables."""
        tables = candidate.tables
        return "sessions" in tables and "content_json" in tables.get("messages", ())

    def sources(self, files: Sequence[Path]) -> list[Source]:
        """Return a source a database."""
        return [Source(self.tool, (path,), keys=_keys(path)) for path in files]

    def read(self, source: Source) -> Iterator[Record]:
        """Yield the records of all sessions: sub-agents where called, forks where they left."""
        try:
            with closing(snapshot(source.path)) as database:
                yield from _Reading(Rows(database)).records()
        except sqlite3.Error as error:
            yield Broken(path=source.path, number=0, reason=str(error), more=False)


def _keys(path: Path) -> tuple[str, ...]:
    def ask(database: sqlite3.Connection) -> tuple[str, ...]:
        found = rows(database, "SELECT id, created_at FROM sessions")
        return tuple(key_of(str(row[0]), row[1]) for row in found)

    try:
        return looked_up(path, ask)
    except sqlite3.Error:
        return ()


class _Reading:
    """The sessions of a database, each yielded once."""

    def __init__(self, found: Rows) -> None:
        self.rows = found
        self.told: set[str] = set()
        self.open: dict[str, bool] = {}
        """Agents whose end is not known, and whether an answer is the last they said."""

    def records(self) -> Iterator[Record]:
        """Yield the sessions that no other called, and within them all others."""
        heads = [
            self._head(session_id)
            for session_id in self.rows.sessions
            if session_id not in self.rows.callers
        ]
        for group in families_of(heads):
            family = Family(group, links=lambda head: self._links(head.session_id))
            for root in family.roots():
                yield from _Session(root.session_id, self, family).records()

    def _head(self, session_id: str) -> Head:
        first = next(self.rows.messages(session_id), None)
        mark = first.mark if first else None
        time = self.rows.began(session_id)
        return Head(Path(session_id), session_id, first_id=mark, time=time)

    def _links(self, session_id: str) -> Iterator[Link]:
        before: str | None = None
        for message in self.rows.messages(session_id):
            yield Link(message.mark, before)
            before = message.mark


class _Session:
    """One session, with what leaves it."""

    def __init__(self, session_id: str, reading: _Reading, family: Family[Head] | None) -> None:
        self._id = session_id
        self._reading = reading
        self._rows = reading.rows
        self._family = family if family is not None and not family.lone else None
        self._key = reading.rows.key(session_id)
        self._is_agent = reading.rows.is_agent(session_id)
        self._waiting = reading.rows.children(session_id)
        self._named = {
            call_id: child
            for (one, call_id), child in self._rows.named.items()
            if one == session_id
        }
        self._in_background: set[str] = set()
        self._unseen: Message | None = None
        self._commanded = False
        self._left_out: Counter[str] = Counter()

    def records(
        self, *, parent: str | None = None, fork: bool = False, role: str | None = None
    ) -> Iterator[Record]:
        """Yield the session's records, to an agent's end where its own messages tell it."""
        if self._id in self._reading.told:
            return
        self._reading.told.add(self._id)
        kind: Kind = "subagent" if self._is_agent else "fork" if fork else "main"
        yield self._opened(kind, parent, role)
        last: Message | None = None
        for message in self._rows.messages(self._id):
            if self._is_inherited(message.mark):
                self._left_out["inherited"] += 1
                continue
            yield from self._message(message)
            last = last if message.is_hidden else message
            if self._family is not None:
                for other in self._family.leaving(self._id, message.mark):
                    yield from self._fork(other.session_id)
        for other in self._family.left_over(self._id) if self._family is not None else ():
            yield from self._fork(other.session_id)
        for child in list(self._waiting):
            yield from self._begun(child, None)
        yield from self._counted()
        if self._is_agent:
            yield from self._over(last)

    def _opened(self, kind: Kind, parent: str | None, role: str | None) -> Opened:
        row = self._rows.sessions[self._id]
        project = text_of(row.get("working_dir"))
        return Opened(
            key=self._key,
            source_id=self._id,
            kind=kind,
            parent=parent,
            role=role,
            model=text_of(object_of(json_of(row.get("model_config_json"))).get("model_name")),
            time=self._rows.began(self._id),
            attributes={"project": project} if project else {},
        )

    def _is_inherited(self, mark: str) -> bool:
        return self._family is not None and self._family.is_inherited(
            self._id, Path(self._id), mark
        )

    def _fork(self, session_id: str) -> Iterator[Record]:
        fork = _Session(session_id, self._reading, self._family)
        yield from fork.records(parent=self._key, fork=True)

    def _over(self, last: Message | None) -> Iterator[Record]:
        """Yield an agent's end if its last message is one; else its caller may tell of it."""
        answered = last is not None and last.role == "assistant" and bool(last.text)
        if last is not None and answered and last.ends_turn:
            started = self._rows.began(self._id)
            yield Ended(line=self._key, started=started, time=last.time)
        else:
            self._reading.open[self._id] = answered and not (last and last.calls)

    def _message(self, message: Message) -> Iterator[Record]:
        if message.is_hidden:
            yield from self._hidden(message)
            return
        self._pass_over_unseen()
        if message.role == "user":
            yield from self._user(message)
        elif message.role == "assistant":
            yield from self._assistant(message)
        else:
            yield Unknown(line=self._key, what=f"role {message.role}")
        for part in message.of_kind("toolResponse"):
            yield from self._result(part, message.time)
        for part in message.parts:
            kind = kind_of(part)
            if kind in _REASONING:
                self._left_out["hidden reasoning"] += 1
            elif kind in _LEFT_OUT:
                self._left_out[f"part {kind}"] += 1
            elif kind not in _TOLD:
                yield Unknown(line=self._key, what=f"part {kind}")

    def _hidden(self, message: Message) -> Iterator[Record]:
        """Yield a summary: what is said for a user and not shown, before what an assistant says so.

        All else that is not shown is left out, a prompt that stands again behind a summary too.
        """
        if message.is_context:
            self._left_out["injected context"] += 1
        elif message.role == "user":
            self._pass_over_unseen()
            self._unseen = message
        else:
            summary, self._unseen = self._unseen, None
            self._left_out["message that is not shown"] += 1
            if summary is not None and (text := summary.text):
                record_id = self._record_id(summary)
                yield Summary(line=self._key, id=record_id, text=text, time=summary.time)

    def _pass_over_unseen(self) -> None:
        if self._unseen is not None:
            self._left_out["message that is not shown"] += 1
            self._unseen = None

    def _user(self, message: Message) -> Iterator[Record]:
        text = message.text
        self._commanded = text in _COMPACTING
        if text is None:
            return
        if self._commanded:
            self._left_out["command"] += 1
            return
        if self._is_agent:
            text = text.removeprefix(f"Subagent ID: {self._id}\n\n")
        yield from self._interrupted(message.time)
        record_id = self._record_id(message)
        yield Turn(line=self._key, id=record_id, said="user", text=text, time=message.time)

    def _assistant(self, message: Message) -> Iterator[Record]:
        if self._commanded and not message.metadata.get("inference") and message.text:
            self._left_out["message of the tool itself"] += 1
        elif text := message.text:
            yield Turn(
                line=self._key,
                id=self._record_id(message),
                said="assistant",
                text=text,
                time=message.time,
                final=message.ends_turn,
            )
        self._commanded = False
        for part in message.calls:
            yield from self._call(part, message)

    def _call(self, part: dict[str, Any], message: Message) -> Iterator[Record]:
        value = object_of(object_of(part.get("toolCall")).get("value"))
        given = object_of(value.get("arguments"))
        call_id = text_of(part.get("id")) or self._record_id(message)
        yield ToolCall(
            line=self._key,
            id=call_id,
            name=text_of(value.get("name")) or "tool",
            input=value.get("arguments"),
            time=message.time,
        )
        if given.get("async") is True:
            self._in_background.add(call_id)
        if child := self._named.get(call_id):
            yield from self._begun(child, text_of(given.get("source")))

    def _result(self, part: dict[str, Any], time: datetime | None) -> Iterator[Record]:
        result, call_id = object_of(part.get("toolResult")), text_of(part.get("id")) or ""
        value = result.get("value", result.get("error"))
        told = object_of(value)
        output = told.get("content") if "content" in told else value
        code = object_of(told.get("structuredContent")).get("exit_code")
        yield ToolResult(
            line=self._key,
            call_id=call_id,
            given=output,
            failed=result.get("status") == "error"
            or told.get("isError") is True
            or (isinstance(code, int) and code != 0),
            time=time,
        )
        child = agent_in(part)
        if child is not None and child in self._reading.open:
            status = text_of(told_of_agent(part).get("task_status"))
            if status or call_id not in self._in_background:
                yield self._ended(child, status, output_of(output), time)

    def _ended(self, child: str, status: str | None, said: str, time: datetime | None) -> Ended:
        """Return the end of an agent by its caller's word; a refusal is no error there."""
        answered = self._reading.open.pop(child)
        how: How = _ENDS.get(status or "", "failed")
        if status is None and answered:
            how = "completed"
        return Ended(
            line=self._rows.key(child),
            how=how,
            reason=None if how == "completed" else f"it was {status}" if status else said,
            started=self._rows.began(child),
            time=time,
        )

    def _begun(self, child: str, role: str | None) -> Iterator[Record]:
        """Yield an agent's records, on this line."""
        if self._rows.callers.get(child) != self._id:
            return
        if child in self._waiting:
            self._waiting.remove(child)
        agent = _Session(child, self._reading, None)
        yield from agent.records(parent=self._key, role=role)

    def _interrupted(self, time: datetime | None) -> Iterator[Record]:
        """Yield the agents whose call was never stored, as the person went on without them."""
        named = set(self._named.values())
        for child in [one for one in self._waiting if one not in named]:
            began = self._rows.began(child)
            if began is None or time is None or began >= time:
                continue
            yield from self._begun(child, None)
            if self._reading.open.pop(child, None) is not None:
                reason = "it was interrupted"
                key = self._rows.key(child)
                yield Ended(line=key, how="cancelled", reason=reason, started=began, time=time)

    def _record_id(self, message: Message) -> str:
        return f"{self._key}/{message.mark}"

    def _counted(self) -> Iterator[Record]:
        self._pass_over_unseen()
        for why, count in sorted(self._left_out.items()):
            yield Skipped(line=self._key, why=why, count=count)
