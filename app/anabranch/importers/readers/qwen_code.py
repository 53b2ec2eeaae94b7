"""Qwen Code: `projects/<folder>/chats/<session>.jsonl`, sub-agents in `subagents/<session>/`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from anabranch.importers.files.cache import FileCache
from anabranch.importers.files.lines import lines, plain_name, records
from anabranch.importers.reader import Source
from anabranch.importers.readers.abandoned import Course
from anabranch.importers.readers.gemini_cli import GeminiCliReader
from anabranch.importers.readers.gemini_files import is_qwen, is_whole
from anabranch.importers.readers.qwen_talk import Talk, asked_in, id_of
from anabranch.importers.records.chains import Node
from anabranch.importers.records.families import Family, Head, Link, Member, families_of
from anabranch.importers.records.model import (
    Broken,
    Ended,
    Opened,
    ToolCall,
    ToolResult,
    Unknown,
)
from anabranch.importers.records.values import (
    json_of,
    kind_of,
    object_of,
    text_of,
    time_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from anabranch.importers.files.candidates import Candidate
    from anabranch.importers.files.lines import ReadLines
    from anabranch.importers.records.model import Record

_GEMINI: Final = GeminiCliReader()
"""Reads what releases before 0.5 wrote: they kept sessions as Gemini CLI did."""
_TYPES: Final = frozenset({"user", "assistant", "tool_result", "system"})
_GOING_ON: Final = frozenset({"running", "background", "pending"})
_ENDS: Final[dict[str, Literal["completed", "cancelled"]]] = {
    "completed": "completed",
    "cancelled": "cancelled",
}


class QwenCodeReader:
    """Reads the sessions of Qwen Code."""

    tool = "qwen-code"
    versions = "0.1 to 0.24.4"

    def places(self, home: Path, environment: Mapping[str, str]) -> list[Path]:
        """Return the folder of projects, and that of earlier releases."""
        config = environment.get("QWEN_CONFIG_DIR")
        base = Path(config) if config else home / ".qwen"
        return [base / "projects", base / "tmp"]

    def claims(self, candidate: Candidate) -> bool:
        """Tell by records whose messages have parts; earlier files are those of Gemini CLI."""
        if candidate.suffix == ".json":
            return is_whole(candidate) and is_qwen(candidate)
        if candidate.suffix != ".jsonl":
            return False
        return any(
            "uuid" in record
            and kind_of(record) in _TYPES
            and ("provenance" in record or "parts" in object_of(record.get("message")))
            for record in candidate.first_records
        )

    def sources(self, files: Sequence[Path]) -> list[Source]:
        """Group sessions with their sub-agents and forks."""
        early = [path for path in files if _is_early(path)]
        found = [replace(source, tool=self.tool) for source in _GEMINI.sources(early)]
        files = [path for path in files if not _is_early(path)]
        agents: dict[str, list[Path]] = {}
        for path in files:
            if _is_agent(path):
                agents.setdefault(path.parent.name, []).append(path)
        heads = [_head(path) for path in files if not _is_agent(path)]
        for family in families_of(heads):
            own = [path for head in family for path in agents.pop(head.session_id, ())]
            keys = dict.fromkeys(head.session_id for head in family)
            paths = (*(head.path for head in family), *own)
            project = next((head.project for head in family if head.project), None)
            beside = tuple(map(_beside, own))
            found.append(Source(self.tool, paths, project=project, keys=tuple(keys), beside=beside))
        return found + [
            Source(self.tool, tuple(paths), beside=tuple(map(_beside, paths)))
            for paths in agents.values()
        ]

    def read(self, source: Source) -> Iterator[Record]:
        """Yield the records of a session, its sub-agents and its forks."""
        if _is_early(source.path):
            yield from _GEMINI.read(source)
            return
        read = FileCache().lines
        heads = [_head(path, read) for path in source.files if not _is_agent(path)]
        family = Family(heads, links=lambda head: _links(head.path, read))
        agents = [_Agent(path) for path in source.files if _is_agent(path)]
        for root in family.roots():
            origin = next(iter(sorted(root.origins)), None)
            session = _Session(root.session_id, family, agents, read)
            yield from session.records(root, parent=origin)
        for agent in agents:
            yield from agent.records(agent.session, agents)


def _is_early(path: Path) -> bool:
    return plain_name(path).endswith(".json")


def _is_agent(path: Path) -> bool:
    return path.parent.parent.name == "subagents"


def _head(path: Path, read: ReadLines = lines) -> Head:
    for record in records(path, read):
        if isinstance(record, Broken) or not text_of(record[1].get("uuid")):
            continue
        _, found = record
        forked = object_of(found.get("forkedFrom"))
        return Head(
            path,
            text_of(found.get("sessionId")) or plain_name(path).removesuffix(".jsonl"),
            text_of(forked.get("messageUuid")) or found["uuid"],
            text_of(forked.get("sessionId")),
            text_of(found.get("cwd")),
            time_of(found.get("timestamp")),
        )
    return Head(path, plain_name(path).removesuffix(".jsonl"))


def _links(path: Path, read: ReadLines) -> Iterator[Link]:
    for record in records(path, read):
        if not isinstance(record, Broken) and text_of(record[1].get("uuid")):
            _, found = record
            forked = object_of(found.get("forkedFrom"))
            yield Link(
                found["uuid"],
                text_of(found.get("parentUuid")),
                text_of(forked.get("messageUuid")),
                text_of(forked.get("sessionId")),
            )


class _Session(Talk):
    """A session's file, with the forks and agents that leave it."""

    def __init__(
        self, session_id: str, family: Family[Head], agents: list[_Agent], read: ReadLines
    ) -> None:
        super().__init__(session_id)
        self._read = read
        self._family = family
        self._agents = agents
        self._opened = False

    def records(self, member: Member, *, parent: str | None) -> Iterator[Record]:
        """Yield the session's records; `parent` is the line that a fork left."""
        for path in member.paths:
            yield from self._of_file(path, parent)
        for fork in self._family.left_over(self.key):
            yield from self._fork(fork, self.key)
        for agent in self._agents:
            if agent.session == self.key and agent.parent is None:
                yield from agent.records(self.key, self._agents)
        yield from self.counted()

    def _of_file(self, path: Path, parent: str | None) -> Iterator[Record]:
        course = Course(self.key, lambda: self._nodes(path))
        for record in records(path, self._read):
            if isinstance(record, Broken):
                yield record
                continue
            _, found = record
            if not text_of(found.get("uuid")):
                yield Unknown(line=self.key, what=f"record {found.get('type')}")
                continue
            if self._family.is_inherited(self.key, path, id_of(found)):
                self.left_out["inherited"] += 1
                continue
            time = time_of(found.get("timestamp"))
            if not self._opened:
                self._opened = True
                kind = "fork" if parent else "main"
                yield _opened(found, self.key, self.key, kind=kind, parent=parent, time=time)
            yield from course.at(id_of(found), time)
            for record_said in self.said(found, course.line):
                yield record_said
                if isinstance(record_said, ToolCall):
                    yield from self._called(record_said.id, course.line)
                elif isinstance(record_said, ToolResult):
                    yield from self._without_file(found, record_said.call_id, course.line, time)
            for fork in self._family.leaving(self.key, id_of(found)):
                yield from self._fork(fork, course.line)
            yield from course.left(time)

    def _called(self, call_id: str, line: str) -> Iterator[Record]:
        for agent in self._agents:
            if agent.session == self.key and agent.call_id == call_id:
                yield from agent.records(line, self._agents)

    def _without_file(
        self, record: dict[str, Any], call_id: str, line: str, time: datetime | None
    ) -> Iterator[Record]:
        """Yield an agent of an earlier release, of which its result is all that is kept."""
        told = object_of(object_of(record.get("toolCallResult")).get("resultDisplay"))
        task, status = text_of(told.get("taskPrompt")), kind_of(told, "status")
        if not task or status in _GOING_ON:
            return
        if {agent.call_id for agent in self._agents if agent.session == self.key} & {call_id, None}:
            return
        key = f"{self.key}/{call_id}"
        role = text_of(told.get("subagentName"))
        yield Opened(
            key=key, source_id=None, kind="subagent", parent=line, task=task, role=role, time=time
        )
        yield Ended(
            line=key,
            how=_ENDS.get(status, "failed"),
            result=text_of(told.get("result")),
            reason=f"it was {status}",
            time=time,
        )

    def _fork(self, fork: Member, line: str) -> Iterator[Record]:
        session = _Session(fork.session_id, self._family, self._agents, self._read)
        yield from session.records(fork, parent=line)

    def _nodes(self, path: Path) -> Iterator[Node]:
        for record in records(path, self._read):
            if isinstance(record, Broken) or not text_of(record[1].get("uuid")):
                continue
            _, found = record
            if not self._family.is_inherited(self.key, path, id_of(found)):
                speaks = asked_in(found) is not None
                parent = text_of(found.get("parentUuid"))
                yield Node(found["uuid"], parent, speaks, restarts=speaks)


class _Agent(Talk):
    """A sub-agent's file; its id is its own within its session only."""

    def __init__(self, path: Path) -> None:
        self.name = plain_name(path).removeprefix("agent-").removesuffix(".jsonl")
        self.session = path.parent.name
        super().__init__(f"{self.session}/{self.name}")
        self._path = path
        self._meta = _meta(path)
        self.call_id = text_of(self._meta.get("toolUseId"))
        self.parent = text_of(self._meta.get("parentAgentId"))
        self._told = False

    def records(self, parent: str | None, agents: list[_Agent]) -> Iterator[Record]:
        """Yield the agent's records, once; its own agents where it called them."""
        if self._told:
            return
        self._told = True
        first = last = None
        for record in records(self._path):
            if isinstance(record, Broken):
                yield record
                continue
            _, found = record
            if not text_of(found.get("uuid")):
                yield Unknown(line=self.key, what=f"record {found.get('type')}")
                continue
            time = time_of(found.get("timestamp"))
            if first is None:
                first = time
                yield self._opening(found, parent, time)
            last = time or last
            yield from self._with_helpers(found, agents)
        for agent in agents:
            if agent.session == self.session and agent.parent == self.name:
                yield from agent.records(self.key, agents)
        yield from self.counted()
        yield from self._end(first, last)

    def _with_helpers(self, record: dict[str, Any], agents: list[_Agent]) -> Iterator[Record]:
        """Yield what a record says, and after a call the agent that it began."""
        for said in self.said(record, self.key):
            yield said
            called = said.id if isinstance(said, ToolCall) else None
            for agent in agents:
                if called and agent.session == self.session and agent.call_id == called:
                    yield from agent.records(self.key, agents)

    def _opening(self, record: dict[str, Any], parent: str | None, time: datetime | None) -> Opened:
        role = text_of(self._meta.get("agentType")) or text_of(record.get("agentName"))
        return _opened(
            record,
            self.key,
            self.name,
            kind="subagent",
            parent=parent,
            time=time_of(self._meta.get("createdAt")) or time,
            role=role,
            model=text_of(self._meta.get("model")),
        )

    def _end(self, first: datetime | None, last: datetime | None) -> Iterator[Record]:
        status = text_of(self._meta.get("status"))
        if first is None or status is None or status in _GOING_ON:
            return
        yield Ended(
            line=self.key,
            how=_ENDS.get(status, "failed"),
            reason=f"it was {status}",
            started=time_of(self._meta.get("createdAt")) or first,
            time=time_of(self._meta.get("lastUpdatedAt")) or last,
        )


def _beside(path: Path) -> Path:
    """Return the file that says of an agent what its own does not; how it ended, above all."""
    return path.with_name(f"{plain_name(path).removesuffix('.jsonl')}.meta.json")


def _meta(path: Path) -> dict[str, Any]:
    try:
        return object_of(json_of(_beside(path).read_bytes()))
    except OSError:
        return {}


def _opened(
    record: dict[str, Any],
    key: str,
    source_id: str,
    *,
    kind: Any,
    parent: str | None,
    time: datetime | None,
    role: str | None = None,
    model: str | None = None,
) -> Opened:
    found = {
        "project": text_of(record.get("cwd")),
        "git_branch": text_of(record.get("gitBranch")),
        "tool_version": text_of(record.get("version")),
    }
    return Opened(
        key=key,
        source_id=source_id,
        kind=kind,
        parent=parent,
        role=role,
        model=model,
        time=time,
        attributes={name: value for name, value in found.items() if value},
    )
