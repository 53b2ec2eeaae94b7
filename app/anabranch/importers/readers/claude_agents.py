"""Sub-agents of Claude Code: each has a file of its own, and is read where it was called."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.files.lines import lines
from anabranch.importers.readers.claude_files import (
    Results,
    agent_id,
    copied_from,
    head_of,
    id_of,
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
    from pathlib import Path

    from anabranch.importers.records.model import Record

_LATE: Final = datetime.max.replace(tzinfo=UTC)


class Agents:
    """The sub-agents of a source, each yielded once: where it was called, or at the end."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._waiting: dict[str, list[Path]] = {}
        for path in paths:
            self._waiting.setdefault(agent_id(path), []).append(path)
        self._meta = {name: meta_of(found[0]) for name, found in self._waiting.items()}

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
        for name, paths in list(self._waiting.items()):
            if name in self._waiting and owner_of(paths[0]) == session:
                parent = text_of(self._meta[name].get("parentAgentId"))
                known = parent is not None and parent in self._meta
                if not (known and parent in self._waiting):
                    yield from self._told(
                        name, parent if known and parent else session, session=session
                    )

    def left(self) -> Iterator[Record]:
        """Yield the records of agents whose session is not there."""
        for name, paths in list(self._waiting.items()):
            if name in self._waiting:
                session = owner_of(paths[0])
                owner = text_of(self._meta[name].get("parentAgentId")) or session
                yield from self._told(name, owner, session=session)

    def _told(self, name: str, parent: str | None, *, session: str) -> Iterator[Record]:
        paths = self._waiting.pop(name)
        yield from _Agent(name, paths, self._meta[name], self, session=session).records(parent)


class _Agent(Talk):
    """A sub-agent's file, and copies beside it, such as a compressed one, that may hold less."""

    def __init__(
        self, name: str, paths: list[Path], meta: dict[str, Any], agents: Agents, *, session: str
    ) -> None:
        super().__init__(agents, session)
        self._name, self._paths, self._meta = name, paths, meta

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
        seen: set[str] = set()
        for path in sorted(self._paths, key=_head_time):
            for found in self._of_file(path):
                if len(self._paths) > 1 and isinstance(found, (dict, Results)):
                    record_id = found.uuid if isinstance(found, Results) else id_of(found)
                    if record_id in seen:
                        continue
                    seen.add(record_id)
                yield found

    def _of_file(self, path: Path) -> Iterator[dict[str, Any] | Results | Broken | Unknown]:
        begun = False
        for line in lines(path):
            if isinstance(line, Broken):
                yield line
                continue
            if begun and (results := results_in(line)):
                yield results
                continue
            record = record_in(path, line)
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


def _head_time(path: Path) -> datetime:
    return head_of(path).time or _LATE
