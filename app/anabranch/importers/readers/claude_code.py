"""Claude Code: `projects/<folder>/<session>.jsonl`, its sub-agents in `<session>/subagents/`.

Releases of 2.0 kept them beside the session, earlier ones in its own file.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from anabranch.importers.files.cache import FileCache
from anabranch.importers.reader import Source
from anabranch.importers.readers.abandoned import Course
from anabranch.importers.readers.claude_agents import Agents
from anabranch.importers.readers.claude_copies import Copies, found_head
from anabranch.importers.readers.claude_files import (
    BOOKKEEPING,
    Results,
    age_of,
    agent_id,
    beside,
    head_of,
    id_of,
    is_agent,
    is_chained,
    is_claude,
    is_other,
    owner_of,
    place_in,
    places_in,
    record_in,
    record_of,
    results_in,
)
from anabranch.importers.readers.claude_prompts import Prompts
from anabranch.importers.readers.claude_sides import SideChains
from anabranch.importers.readers.claude_talk import Talk, attributes_of
from anabranch.importers.records.chains import Node
from anabranch.importers.records.families import Family, Head, Member, families_of
from anabranch.importers.records.model import Broken, Opened, Unknown
from anabranch.importers.records.values import kind_of, text_of, time_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from anabranch.importers.files.candidates import Candidate
    from anabranch.importers.records.model import Record


class ClaudeCodeReader:
    """Reads the sessions of Claude Code."""

    tool = "claude-code"
    versions = "1.0.60 to 2.1.332"

    def places(self, home: Path, environment: Mapping[str, str]) -> list[Path]:
        """Return the folder of projects."""
        config = environment.get("CLAUDE_CONFIG_DIR")
        return [(Path(config) if config else home / ".claude") / "projects"]

    def claims(self, candidate: Candidate) -> bool:
        """Tell by the fields of the first records; an agent's file lies in `subagents`."""
        if candidate.suffix != ".jsonl" or candidate.path.parent.name == "chats":
            return False
        if candidate.name == "journal.jsonl":  # A workflow's: it says again what its agents said.
            return False
        found = candidate.first_records
        if any(is_other(record) for record in found):
            return False
        return any(is_claude(record) for record in found) or (
            not found
            and candidate.head.startswith((b'{"parentUuid":', b'{"type":"queue-operation"'))
        )

    def sources(self, files: Sequence[Path]) -> list[Source]:
        """Group sessions with their sub-agents, and with the sessions forked from them."""
        agents: dict[str, list[Path]] = {}
        for path in files:
            if is_agent(path):
                agents.setdefault(owner_of(path), []).append(path)
        mains = [path for path in files if not is_agent(path)]
        heads = [head for path in mains if (head := found_head(path)) is not None]
        owned = {head.session_id for head in heads}
        found = [
            _source(family, [agent for head in family for agent in agents.get(head.session_id, ())])
            for family in families_of(heads)
        ]
        orphans = [paths for owner, paths in sorted(agents.items()) if owner not in owned]
        return found + [
            Source(
                self.tool,
                tuple(paths),
                keys=tuple(agent_id(path) for path in paths),
                beside=tuple(map(beside, paths)),
            )
            for paths in orphans
        ]

    def read(self, source: Source) -> Iterator[Record]:
        """Yield the records of a session, its sub-agents and its forks."""
        read = FileCache().lines
        heads = [head_of(path, read) for path in source.files if not is_agent(path)]
        heads.sort(key=age_of)
        agents = Agents([path for path in source.files if is_agent(path)], read)
        copies = Copies(read)
        family = Family(heads, links=copies.links)
        for root in family.roots():
            origin = next(iter(sorted(root.origins)), None)
            session = _Session(root.session_id, family, agents, copies)
            yield from session.records(root.paths, parent=origin)
        yield from agents.left()


def _source(family: Sequence[Head], agents: Sequence[Path]) -> Source:
    keys = dict.fromkeys(head.session_id for head in family)
    return Source(
        ClaudeCodeReader.tool,
        (*(head.path for head in family), *agents),
        project=next((head.project for head in family if head.project), None),
        keys=(*keys, *(agent_id(path) for path in agents)),
        beside=tuple(map(beside, agents)),
    )


class _Session(Talk):
    """A session's file: its lines, and the forks and agents that leave it."""

    def __init__(
        self, session_id: str, family: Family[Head], agents: Agents, copies: Copies
    ) -> None:
        super().__init__(agents, session_id, prompts=Prompts(agents.commands))
        self._copies = copies
        self._agents = agents
        self._read = agents.read
        self._family = family
        self._sides = SideChains(self)
        self._begun = False

    def records(self, paths: Sequence[Path], *, parent: str | None = None) -> Iterator[Record]:
        """Yield the session's records; `parent` is the line that a fork left."""
        for path in paths:
            yield from self._of_file(path, parent=parent)
        for fork in self._family.left_over(self.session):
            yield from self._fork(fork, self.session)
        yield from self._agents.of_session(self.session)
        yield from self._sides.left()
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
            if isinstance(found, dict) and found.get("isSidechain"):
                yield from self._sides.told(found, course.line)
            elif plain:
                yield from self._sides.beside(self.said(found, self.session))
            else:
                yield from self._on_course(course, found)

    def _chained(
        self, path: Path, course: Course
    ) -> Iterator[dict[str, Any] | Results | Broken | Unknown]:
        """Yield the records of a file that are of its chain and its own, and what is no record."""
        lone = self._family.lone
        for line in self._read(path):
            if isinstance(line, Broken):
                yield line
                continue
            if lone and self._begun and (results := results_in(line)) and not results.isSidechain:
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
            elif not lone and self._is_inherited(path, record):
                self.left_out["inherited"] += 1
            else:
                yield record

    def _on_course(self, course: Course, record: dict[str, Any] | Results) -> Iterator[Record]:
        """Yield what a record says on its line, and the sessions that were forked there."""
        if isinstance(record, Results):
            record_id, time = record.uuid, time_of(record.timestamp)
        else:
            record_id, time = id_of(record), time_of(record.get("timestamp"))
        yield from course.at(record_id, time)
        yield from self._sides.beside(self.said(record, course.line))
        for fork in self._family.leaving(self.session, self._copies.id(record_id)):
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
            attributes=attributes_of(record),
        )

    def _fork(self, fork: Member, line: str) -> Iterator[Record]:
        """Yield a session that was forked, where it left the line."""
        session = _Session(fork.session_id, self._family, self._agents, self._copies)
        yield from session.records(fork.paths, parent=line)

    def _is_inherited(self, path: Path, record: dict[str, Any]) -> bool:
        return self._family.is_inherited(self.session, path, self._copies.id(id_of(record)))

    def _nodes(self, path: Path) -> Iterator[Node]:
        prompts = Prompts(self._agents.commands)
        lone = self._family.lone
        for place, line in places_in(path, self._read):
            if place.isSidechain:
                continue
            may_ask = place.may_ask
            record = record_of(path, line) if may_ask or not lone else {}
            if not lone and record and self._is_inherited(path, record):
                continue
            speaks = may_ask and prompts.asked(record) is not None
            yield Node(place.uuid or "", place.parent, speaks, speaks)

    def _unchained(self, record: dict[str, Any]) -> Iterator[Unknown]:
        kind = kind_of(record)
        if kind in BOOKKEEPING:
            self.left_out[str(kind)] += 1
        else:
            yield Unknown(line=self.session, what=f"record {kind}", version=self.version)
