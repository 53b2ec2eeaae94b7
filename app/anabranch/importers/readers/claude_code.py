"""Claude Code: `projects/<folder>/<session>.jsonl`, its sub-agents in `<session>/subagents/`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.chains import Node
from anabranch.importers.families import Family, Member, families_of
from anabranch.importers.lines import lines
from anabranch.importers.reader import Source
from anabranch.importers.readers.abandoned import Course
from anabranch.importers.readers.claude_files import (
    BOOKKEEPING,
    Head,
    Results,
    agent_id,
    copied_from,
    head_of,
    id_of,
    is_agent,
    is_chained,
    is_claude,
    links_in,
    meta_of,
    owner_of,
    part_id,
    place_in,
    places_in,
    record_in,
    record_of,
    results_in,
)
from anabranch.importers.readers.claude_prompts import (
    Prompts,
    has_results,
    is_notice,
    is_put_in,
    plain_text,
    summary_in,
    why_no_prompt,
)
from anabranch.importers.records import (
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
from anabranch.importers.values import kind_of, object_of, objects_of, text_of, time_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from anabranch.importers.candidates import Candidate
    from anabranch.importers.records import Record

_HARNESS: Final = frozenset({"synthetic", "<synthetic>"})


class ClaudeCodeReader:
    """Reads the sessions of Claude Code."""

    tool = "claude-code"
    versions = "2.1.0 to 2.1.332"

    def places(self, home: Path, environment: Mapping[str, str]) -> list[Path]:
        """Return the folder of projects."""
        config = environment.get("CLAUDE_CONFIG_DIR")
        return [(Path(config) if config else home / ".claude") / "projects"]

    def claims(self, candidate: Candidate) -> bool:
        """Tell by the fields of the first records; an agent's file lies in `subagents`."""
        if candidate.suffix != ".jsonl" or candidate.path.parent.name == "chats":
            return False
        return any(is_claude(record) for record in candidate.first_records) or (
            not candidate.first_records
            and candidate.head.startswith((b'{"parentUuid":', b'{"type":"queue-operation"'))
        )

    def sources(self, files: Sequence[Path]) -> list[Source]:
        """Group sessions with their sub-agents, and with the sessions forked from them."""
        mains = [path for path in files if not is_agent(path)]
        agents: dict[str, list[Path]] = {}
        for path in files:
            if is_agent(path):
                agents.setdefault(owner_of(path), []).append(path)
        heads = [head_of(path) for path in mains]
        owned = {head.session_id for head in heads}
        found = [
            _source(family, [agent for head in family for agent in agents.get(head.session_id, ())])
            for family in families_of(heads)
        ]
        orphans = [paths for owner, paths in sorted(agents.items()) if owner not in owned]
        return found + [
            Source(self.tool, tuple(paths), keys=tuple(agent_id(path) for path in paths))
            for paths in orphans
        ]

    def read(self, source: Source) -> Iterator[Record]:
        """Yield the records of a session, its sub-agents and its forks."""
        heads = [head_of(path) for path in source.files if not is_agent(path)]
        agents = _Agents([path for path in source.files if is_agent(path)])
        family = Family(heads, links=lambda head: links_in(head.path))
        for root in family.roots():
            origin = next(iter(sorted(root.origins)), None)
            session = _Session(root.session_id, family, agents)
            yield from session.records(root.paths, parent=origin)
        yield from agents.left()


def _source(family: Sequence[Head], agents: Sequence[Path]) -> Source:
    keys = dict.fromkeys(head.session_id for head in family)
    return Source(
        ClaudeCodeReader.tool,
        (*(head.path for head in family), *agents),
        project=next((head.project for head in family if head.project), None),
        keys=(*keys, *(agent_id(path) for path in agents)),
    )


class _Agents:
    """The sub-agents of a source, each yielded once: where it was called, or at the end."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._waiting = {agent_id(path): path for path in paths}
        self._meta = {name: meta_of(path) for name, path in self._waiting.items()}

    def called(self, calls: set[str], parent: str, *, session: str) -> Iterator[Record]:
        """Yield the records of the agents that a call began."""
        for name, meta in self._meta.items():
            if name in self._waiting and text_of(meta.get("toolUseId")) in calls:
                yield from self._told(name, parent, session=session)

    def named(self, name: str, parent: str, *, session: str) -> Iterator[Record]:
        """Yield the records of an agent that a result names."""
        if name in self._waiting:
            yield from self._told(name, parent, session=session)

    def of_session(self, session: str) -> Iterator[Record]:
        """Yield the records of the agents of a session that no call of its names."""
        for name, path in list(self._waiting.items()):
            if name in self._waiting and owner_of(path) == session:
                parent = text_of(self._meta[name].get("parentAgentId"))
                known = parent is not None and parent in self._meta
                if not (known and parent in self._waiting):
                    yield from self._told(
                        name, parent if known and parent else session, session=session
                    )

    def left(self) -> Iterator[Record]:
        """Yield the records of agents whose session is not there."""
        for name, path in list(self._waiting.items()):
            if name in self._waiting:
                owner = text_of(self._meta[name].get("parentAgentId")) or owner_of(path)
                yield from self._told(name, owner, session=owner_of(path))

    def _told(self, name: str, parent: str | None, *, session: str) -> Iterator[Record]:
        path = self._waiting.pop(name)
        yield from _Agent(path, self._meta[name], self, session=session).records(parent)


@dataclass(slots=True)
class _Talk:
    """The base of sessions and agents: records of a chain into what they say."""

    agents: _Agents
    session: str
    sidechain: bool = False
    left_out: Counter[str] = field(default_factory=Counter[str])
    version: str | None = None
    model: str | None = None
    task: str | None = None
    prompts: Prompts = field(default_factory=Prompts)

    def said(self, record: dict[str, Any] | Results, line: str) -> Iterable[Record]:
        """Return what a record of the chain says on a line, to be taken before the next."""
        if isinstance(record, Results):
            return _results(record, line)
        time = time_of(record.get("timestamp"))
        match kind_of(record):
            case "user":
                return self._user(record, line, time)
            case "assistant":
                return self._assistant(record, line, time)
            case "attachment":
                return self._attachment(record, line, time)
            case "system" if kind_of(record, "subtype") in {
                "compact_boundary",
                "microcompact_boundary",
            }:
                self.left_out["compaction boundary"] += 1
            case kind:
                self.left_out[str(kind)] += 1
        return ()

    def _user(self, record: dict[str, Any], line: str, time: datetime | None) -> Iterator[Record]:
        content = object_of(record.get("message")).get("content")
        if record.get("isCompactSummary"):
            self.prompts.asked(record)
            text = plain_text(content)
            if text:
                yield Summary(line=line, id=id_of(record), text=summary_in(text), time=time)
            return
        for result in objects_of(content):
            if kind_of(result) == "tool_result":
                yield from self._result(record, result, line, time)
        if prompt := self.prompts.asked(record):
            yield Turn(line=line, id=id_of(record), said="user", text=prompt, time=time)
        elif is_notice(record):
            self.left_out["notification"] += 1
            yield Boundary(line=line)
        elif not has_results(content):
            self.left_out[why_no_prompt(record)] += 1

    def _result(
        self, record: dict[str, Any], result: dict[str, Any], line: str, time: datetime | None
    ) -> Iterator[Record]:
        call_id = text_of(result.get("tool_use_id")) or ""
        told = object_of(record.get("toolUseResult"))
        agent = text_of(told.get("agentId"))
        if agent:
            yield from self.agents.named(agent, line, session=self.session)
        failed = result.get("is_error")
        yield ToolResult(
            line=line,
            call_id=call_id,
            given=result.get("content"),
            failed=failed if isinstance(failed, bool) else None,
            time=time,
        )

    def _assistant(
        self, record: dict[str, Any], line: str, time: datetime | None
    ) -> Iterator[Record]:
        message = object_of(record.get("message"))
        model = text_of(message.get("model"))
        if model in _HARNESS:
            self.left_out["message of the tool itself"] += 1
            return
        if model and model != self.model:
            self.model = model
            yield Described(line=line, model=model)
        content = message.get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        calls: set[str] = set()
        for number, block in enumerate(objects_of(blocks)):
            match kind_of(block):
                case "text":
                    text = text_of(block.get("text"))
                    if text:
                        final = text_of(message.get("stop_reason"))
                        yield Turn(
                            line=line,
                            id=part_id(record, number),
                            said="assistant",
                            text=text,
                            time=time,
                            final=None if final is None else final != "tool_use",
                        )
                case "tool_use" | "server_tool_use":
                    call_id = text_of(block.get("id")) or part_id(record, number)
                    calls.add(call_id)
                    yield ToolCall(
                        line=line,
                        id=call_id,
                        name=text_of(block.get("name")) or "tool",
                        input=block.get("input"),
                        time=time,
                    )
                case "thinking" | "redacted_thinking":
                    self.left_out["hidden reasoning"] += 1
                case kind:
                    yield Unknown(line=line, what=f"block {kind}", version=self.version)
        if calls:
            yield from self.agents.called(calls, line, session=self.session)

    def _attachment(
        self, record: dict[str, Any], line: str, time: datetime | None
    ) -> Iterator[Record]:
        """Yield what the user typed while the assistant worked; all else was put in by the tool."""
        attachment = object_of(record.get("attachment"))
        if kind_of(attachment) == "queued_command" and not attachment.get("isMeta"):
            text = plain_text(attachment.get("prompt"))
            mode = kind_of(attachment, "commandMode")
            if text and mode in {"", "prompt"} and not is_put_in(text):
                yield Turn(line=line, id=id_of(record), said="user", text=text, time=time)
                return
        self.left_out["injected context"] += 1

    def counted(self, line: str) -> Iterator[Record]:
        """Yield what was left out."""
        for why, count in sorted(self.left_out.items()):
            yield Skipped(line=line, why=why, count=count)
        self.left_out.clear()


class _Session(_Talk):
    """A session's file: its lines, and the forks and agents that leave it."""

    def __init__(self, session_id: str, family: Family[Head], agents: _Agents) -> None:
        super().__init__(agents, session_id)
        self._family = family
        self._begun = False

    def records(self, paths: Sequence[Path], *, parent: str | None = None) -> Iterator[Record]:
        """Yield the session's records; `parent` is the line that a fork left."""
        for path in paths:
            yield from self._of_file(path, parent=parent)
        for fork in self._family.left_over(self.session):
            yield from self._fork(fork, self.session)
        yield from self.agents.of_session(self.session)
        yield from self.counted(self.session)

    def _of_file(self, path: Path, *, parent: str | None) -> Iterator[Record]:
        course = Course(self.session, lambda: self._nodes(path))
        plain = self._family.lone and not course.branches
        for found in self._chained(path, course):
            if not isinstance(found, (dict, Results)):
                yield found
                continue
            if isinstance(found, dict) and not self._begun:
                self._begun = True
                yield self._opened(found, parent)
            if plain:
                yield from self.said(found, self.session)
            else:
                yield from self._on_course(course, found)

    def _chained(
        self, path: Path, course: Course
    ) -> Iterator[dict[str, Any] | Results | Broken | Unknown]:
        """Yield the records of a file that are of its chain and its own, and what is no record."""
        lone = self._family.lone
        for line in lines(path):
            if isinstance(line, Broken):
                yield line
                continue
            if lone and self._begun and (results := results_in(line)):
                if results.isSidechain:
                    self.left_out["side chain"] += 1
                else:
                    yield results
                continue
            record = record_in(path, line)
            if isinstance(record, Broken):
                place = place_in(path, line)
                if place is not None and not place.isSidechain:
                    course.skip()
                yield record
            elif isinstance(record, str):
                self.left_out[record] += 1
            elif not is_chained(record):
                yield from self._unchained(record)
            elif why := self._why_left_out(path, record):
                self.left_out[why] += 1
            else:
                yield record

    def _why_left_out(self, path: Path, record: dict[str, Any]) -> str | None:
        if record.get("isSidechain"):
            return "side chain"
        if self._family.lone:
            return None
        return "inherited" if self._is_inherited(path, record) else None

    def _on_course(self, course: Course, record: dict[str, Any] | Results) -> Iterator[Record]:
        """Yield what a record says on its line, and the sessions that were forked there."""
        if isinstance(record, Results):
            record_id, time = record.uuid, time_of(record.timestamp)
        else:
            record_id, time = id_of(record), time_of(record.get("timestamp"))
        yield from course.at(record_id, time)
        yield from self.said(record, course.line)
        for fork in self._family.leaving(self.session, record_id):
            yield from self._fork(fork, course.line)
        yield from course.left(time)

    def _opened(self, record: dict[str, Any], parent: str | None) -> Opened:
        self.version = text_of(record.get("version"))
        return Opened(
            key=self.session,
            source_id=self.session,
            kind="fork" if parent else "main",
            parent=parent,
            time=time_of(record.get("timestamp")),
            attributes=_attributes(record),
        )

    def _fork(self, fork: Member, line: str) -> Iterator[Record]:
        """Yield a session that was forked, where it left the line."""
        session = _Session(fork.session_id, self._family, self.agents)
        yield from session.records(fork.paths, parent=line)

    def _is_inherited(self, path: Path, record: dict[str, Any]) -> bool:
        return self._family.is_inherited(self.session, path, id_of(record))

    def _nodes(self, path: Path) -> Iterator[Node]:
        prompts = Prompts()
        lone = self._family.lone
        for place, line in places_in(path):
            if place.isSidechain:
                continue
            may_ask = place.may_ask
            record = record_of(path, line) if may_ask or not lone else {}
            if not lone and record and self._is_inherited(path, record):
                continue
            parent = place.parentUuid or place.logicalParentUuid
            speaks = may_ask and prompts.asked(record) is not None
            yield Node(place.uuid or "", parent, speaks, speaks)

    def _unchained(self, record: dict[str, Any]) -> Iterator[Unknown]:
        kind = kind_of(record)
        if kind in BOOKKEEPING:
            self.left_out[str(kind)] += 1
        else:
            yield Unknown(line=self.session, what=f"record {kind}", version=self.version)


class _Agent(_Talk):
    """A sub-agent's file."""

    def __init__(self, path: Path, meta: dict[str, Any], agents: _Agents, *, session: str) -> None:
        super().__init__(agents, session, sidechain=True)
        self._name, self._path, self._meta = agent_id(path), path, meta

    def records(self, parent: str | None) -> Iterator[Record]:
        """Yield the agent's records, from its task to its report."""
        first = last = None
        stopped: str | None = None
        for found in self._chained():
            if isinstance(found, Results):
                last = time_of(found.timestamp) or last
            elif isinstance(found, dict):
                last = time_of(found.get("timestamp")) or last
                if first is None:
                    first = time_of(found.get("timestamp"))
                    yield self._opened(found, parent, first)
                if found["type"] == "assistant":
                    stopped = text_of(object_of(found.get("message")).get("stop_reason"))
            else:
                yield found
                continue
            yield from self.said(found, self._name)
        yield from self.counted(self._name)
        if first is not None and (self._meta.get("finished") or stopped == "end_turn"):
            yield Ended(line=self._name, started=first, time=last)

    def _chained(self) -> Iterator[dict[str, Any] | Results | Broken | Unknown]:
        """Yield the records of the file's chain that were not copied, and what is no record."""
        begun = False
        for line in lines(self._path):
            if isinstance(line, Broken):
                yield line
                continue
            if begun and (results := results_in(line)):
                yield results
                continue
            record = record_in(self._path, line)
            if isinstance(record, Broken):
                yield record
            elif isinstance(record, str):
                self.left_out[record] += 1
            elif not is_chained(record):
                yield Unknown(line=self._name, what=f"record {record.get('type')}")
            elif copied_from(record):
                self.left_out["inherited"] += 1
            else:
                begun = True
                yield record

    def _opened(self, record: dict[str, Any], parent: str | None, time: datetime | None) -> Opened:
        self.version = text_of(record.get("version"))
        described = text_of(self._meta.get("description"))
        return Opened(
            key=self._name,
            source_id=self._name,
            kind="subagent",
            parent=parent,
            role=text_of(self._meta.get("agentType")),
            model=text_of(self._meta.get("model")),
            time=time,
            attributes=_attributes(record) | ({"description": described} if described else {}),
        )


def _results(record: Results, line: str) -> list[ToolResult]:
    """Return the results of tools of a record that holds nothing else."""
    time = time_of(record.timestamp)
    return [
        ToolResult(
            line=line,
            call_id=text_of(result.tool_use_id) or "",
            given=result.content,
            failed=result.is_error,
            time=time,
        )
        for result in record.message.content
    ]


def _attributes(record: dict[str, Any]) -> dict[str, Any]:
    found = {
        "project": text_of(record.get("cwd")),
        "git_branch": text_of(record.get("gitBranch")),
        "tool_version": text_of(record.get("version")),
    }
    if found["git_branch"] == "HEAD":
        del found["git_branch"]
    return {name: value for name, value in found.items() if value}
