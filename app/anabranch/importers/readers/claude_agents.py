"""Sub-agents of Claude Code: each has a file of its own, and is read where it was called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anabranch.importers.files.lines import lines
from anabranch.importers.readers.claude_files import (
    Results,
    agent_id,
    copied_from,
    is_chained,
    meta_of,
    owner_of,
    record_in,
    results_in,
)
from anabranch.importers.readers.claude_talk import Talk, attributes_of
from anabranch.importers.records.model import Broken, Ended, Opened, Unknown
from anabranch.importers.records.values import object_of, text_of, time_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from anabranch.importers.records.model import Record


class Agents:
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


class _Agent(Talk):
    """A sub-agent's file."""

    def __init__(self, path: Path, meta: dict[str, Any], agents: Agents, *, session: str) -> None:
        super().__init__(agents, session)
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
            attributes=attributes_of(record) | ({"description": described} if described else {}),
        )
