"""Copilot CLI: `session-state/<id>/events.jsonl`, an event a line.

Sub-agents' events stand among those of their session, with the agent's id. A fork begins with a
copy of its origin's events. A rewind takes events out of the file.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.files.cache import FileCache
from anabranch.importers.files.lines import lines, parsed, records
from anabranch.importers.reader import Source
from anabranch.importers.records.families import Family, Head, Link, families_of
from anabranch.importers.records.model import (
    Boundary,
    Broken,
    Described,
    Ended,
    How,
    Opened,
    Skipped,
    Summary,
    ToolCall,
    ToolResult,
    Turn,
    Unknown,
)
from anabranch.importers.records.values import kind_of, object_of, objects_of, text_of, time_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from anabranch.importers.files.candidates import Candidate
    from anabranch.importers.files.lines import ReadLines
    from anabranch.importers.records.families import Member
    from anabranch.importers.records.model import Record

_START: Final = "session.start"
_ENDS: Final = frozenset({"subagent.completed", "subagent.failed"})
_TALK: Final = frozenset({"user", "assistant", "tool"})
"""Kinds of events that may say something, up to their dot."""
_SILENT: Final = frozenset(
    {
        "assistant.intent",
        "assistant.message",
        "assistant.reasoning",
        "assistant.turn_end",
        "assistant.turn_start",
        "assistant.usage",
        "tool.user_requested",
        "user.message",
    }
)
"""Events of talk that may say nothing, as a message without a text does."""


class CopilotCliReader:
    """Reads the sessions of Copilot CLI."""

    tool = "copilot-cli"
    versions = "1.0.102"

    def places(self, home: Path, environment: Mapping[str, str]) -> list[Path]:
        """Return the folder of sessions."""
        base = environment.get("COPILOT_HOME")
        return [(Path(base) if base else home / ".copilot") / "session-state"]

    def claims(self, candidate: Candidate) -> bool:
        """Tell by the first event."""
        found = candidate.first_records
        return candidate.name == "events.jsonl" and bool(found) and found[0].get("type") == _START

    def sources(self, files: Sequence[Path]) -> list[Source]:
        """Group sessions with their forks."""
        return [
            Source(
                self.tool,
                tuple(head.path for head in family),
                project=next((head.project for head in family if head.project), None),
                keys=tuple(dict.fromkeys(head.session_id for head in family)),
            )
            for family in families_of([_head(path) for path in files])
        ]

    def read(self, source: Source) -> Iterator[Record]:
        """Yield the records of a session, its sub-agents and its forks."""
        read = FileCache().lines
        heads = {path: _head(path, read) for path in source.files}
        family = Family([*heads.values()], links=lambda head: _links(head.path, read))
        for root in family.roots():
            yield from _Session(root, family, heads, read).records(parent=None)


@dataclass(slots=True)
class StartedHead(Head):
    """The beginning of a session's file, with what its start says of the place it runs in."""

    branch: str | None = None
    version: str | None = None

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes of the sessions that the file gives."""
        named = {
            "project": self.project,
            "git_branch": self.branch,
            "tool_version": self.version,
        }
        return {name: value for name, value in named.items() if value}


def _head(path: Path, read: ReadLines = lines) -> StartedHead:
    for record in records(path, read):
        if isinstance(record, Broken):
            continue
        event = record[1]
        data = object_of(event.get("data"))
        context = object_of(data.get("context"))
        return StartedHead(
            path,
            text_of(data.get("sessionId")) or path.parent.name,
            first_id=text_of(event.get("id")),
            project=text_of(context.get("cwd")),
            branch=text_of(context.get("branch")),
            version=text_of(data.get("copilotVersion")),
            time=time_of(data.get("startTime")) or time_of(event.get("timestamp")),
        )
    return StartedHead(path, path.parent.name)


def _links(path: Path, read: ReadLines) -> Iterator[Link]:
    for record in records(path, read):
        if not isinstance(record, Broken) and text_of(record[1].get("id")):
            yield Link(record[1]["id"], text_of(record[1].get("parentId")))


def _last_ends(path: Path, read: ReadLines) -> set[str]:
    """Return the events that end sub-agents which were asked nothing more after that."""
    ends: dict[str, str | None] = {}
    for line in read(path):
        if isinstance(line, Broken) or b'"agentId"' not in line.data:
            continue
        event = parsed(path, line)
        agent = None if isinstance(event, Broken) else text_of(event.get("agentId"))
        if agent is not None and not isinstance(event, Broken):
            if kind_of(event) in _ENDS:
                ends[agent] = text_of(event.get("id"))
            elif kind_of(event) == "user.message":
                ends[agent] = None
    return {event_id for event_id in ends.values() if event_id}


class _Session:
    """A session's file, with the sub-agents in it and the forks that leave it."""

    def __init__(
        self,
        member: Member,
        family: Family[StartedHead],
        heads: dict[Path, StartedHead],
        read: ReadLines,
    ) -> None:
        self._read = read
        self._member = member
        self._key = member.session_id
        self._family = family
        self._heads = heads
        self._opened: set[str] = set()
        self._callers: dict[str, str] = {}
        self._left_out: Counter[str] = Counter()

    def records(self, *, parent: str | None) -> Iterator[Record]:
        """Yield the session's records; `parent` is the line that a fork left."""
        for path in self._member.paths:
            yield from self._of_file(path, parent)
        for fork in self._family.left_over(self._key):
            yield from self._fork(fork, self._key)
        for why, count in sorted((+self._left_out).items()):
            yield Skipped(line=self._key, why=why, count=count)

    def _of_file(self, path: Path, parent: str | None) -> Iterator[Record]:
        head = self._heads[path]
        ends = _last_ends(path, self._read)
        for record in records(path, self._read):
            if isinstance(record, Broken):
                yield record
                continue
            number, event = record
            event_id = text_of(event.get("id")) or f"{self._key}/{number}"
            if self._family.is_inherited(self._key, path, event_id):
                self._left_out["inherited"] += 1
                continue
            time = time_of(event.get("timestamp"))
            if self._key not in self._opened:
                yield self._opening(head, parent, head.time if parent is None else time)
            agent = self._agent_of(event)
            line = f"{self._key}/{agent}" if agent else self._key
            if line not in self._opened:
                yield self._agent(event, agent, line, time)
            told = [*_said(event, event_id, line, time), *_ended(event, event_id, line, time, ends)]
            yield from told or self._silent(kind_of(event), line, head.version)
            for fork in self._family.leaving(self._key, event_id):
                yield from self._fork(fork, self._key)

    def _silent(self, kind: str, line: str, version: str | None) -> Iterator[Record]:
        """Count an event that says nothing; one of talk that is not known may have said more."""
        if kind.partition(".")[0] in _TALK and kind not in _SILENT:
            yield Unknown(line=line, what=f"event {kind}", version=version)
        else:
            self._left_out[kind] += 1

    def _opening(self, head: StartedHead, parent: str | None, time: datetime | None) -> Opened:
        self._opened.add(self._key)
        return Opened(
            key=self._key,
            source_id=self._key,
            kind="fork" if parent else "main",
            parent=parent,
            time=time,
            attributes=head.attributes,
        )

    def _agent_of(self, event: dict[str, Any]) -> str | None:
        """Return the sub-agent whose event it is: by its id, or by the call that began it."""
        data = object_of(event.get("data"))
        agent = text_of(event.get("agentId"))
        if kind_of(event) == "subagent.started":
            call_id = text_of(data.get("toolCallId"))
            agent = agent or call_id
            if agent and call_id:
                self._callers[call_id] = agent
        elif kind_of(event) in _ENDS:
            agent = agent or self._callers.get(text_of(data.get("toolCallId")) or "")
        return agent or self._callers.get(text_of(data.get("parentToolCallId")) or "")

    def _agent(
        self, event: dict[str, Any], agent: str | None, line: str, time: datetime | None
    ) -> Opened:
        self._opened.add(line)
        data = object_of(event.get("data")) if kind_of(event) == "subagent.started" else {}
        caller = f"{self._key}/{data.get('parentId')}"
        return Opened(
            key=line,
            source_id=agent,
            kind="subagent",
            parent=caller if caller in self._opened else self._key,
            role=text_of(data.get("agentName")),
            model=text_of(data.get("model")),
            time=time,
        )

    def _fork(self, fork: Member, line: str) -> Iterator[Record]:
        session = _Session(fork, self._family, self._heads, self._read)
        yield from session.records(parent=line)


def _ended(
    event: dict[str, Any], event_id: str, line: str, time: datetime | None, ends: set[str]
) -> Iterator[Record]:
    """Yield the end of a sub-agent, if nothing more was asked of it."""
    if kind_of(event) in _ENDS and (event_id in ends or "agentId" not in event):
        data = object_of(event.get("data"))
        how: How = "failed" if kind_of(event) == "subagent.failed" else "completed"
        if data.get("cancelled") is True:
            how = "cancelled"
        yield Ended(line=line, how=how, reason=text_of(data.get("error")), time=time)


def _said(
    event: dict[str, Any], event_id: str, line: str, time: datetime | None
) -> Iterator[Record]:
    data = object_of(event.get("data"))
    match kind_of(event):
        case "user.message":
            text = text_of(data.get("content"))
            if text:
                yield Turn(line=line, id=event_id, said="user", text=text, time=time)
        case "assistant.message":
            yield from _answer(data, event_id, line, time)
        case "session.model_change":
            yield Described(line=line, model=text_of(data.get("newModel")))
        case "session.compaction_complete":
            text = text_of(data.get("summaryContent"))
            if text:
                yield Summary(line=line, id=event_id, text=text, time=time)
        case "system.notification":
            yield Boundary(line=line)
        case "tool.execution_start":
            yield ToolCall(
                line=line,
                id=text_of(data.get("toolCallId")) or event_id,
                name=text_of(data.get("toolName")) or "tool",
                input=data.get("arguments"),
                time=time,
            )
        case "tool.execution_complete":
            yield _result(data, line, time)
        case _:
            pass


def _answer(
    data: dict[str, Any], event_id: str, line: str, time: datetime | None
) -> Iterator[Record]:
    text = text_of(data.get("content"))
    if text:
        final = not objects_of(data.get("toolRequests"))
        yield Turn(line=line, id=event_id, said="assistant", text=text, time=time, final=final)


def _result(data: dict[str, Any], line: str, time: datetime | None) -> ToolResult:
    success = data.get("success")
    exit_code = object_of(data.get("shellExecution")).get("exitCode")
    failed = not success if isinstance(success, bool) else None
    if isinstance(exit_code, int) and exit_code:
        failed = True
    return ToolResult(
        line=line,
        call_id=text_of(data.get("toolCallId")) or "",
        given=object_of(data.get("result")).get("content")
        or object_of(data.get("error")).get("message"),
        failed=failed,
        time=time,
    )
