"""Sub-agents of Claude Code: each has a file of its own, and is read where it was called."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.readers.claude_files import (
    BOOKKEEPING,
    Results,
    age_of,
    agent_id,
    chained_in,
    copied_from,
    head_of,
    id_of,
    is_chained,
    meta_of,
    owner_of,
    record_in,
    results_in,
)
from anabranch.importers.readers.claude_prompts import (
    Prompts,
    is_interrupted,
    plain_text,
    skill_in,
)
from anabranch.importers.readers.claude_talk import Talk, attributes_of
from anabranch.importers.records.model import Broken, Ended, How, Opened, Skipped, Unknown
from anabranch.importers.records.values import kind_of, object_of, objects_of, text_of, time_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from anabranch.importers.files.lines import ReadLines
    from anabranch.importers.records.model import Record

_WARM_UP: Final = "Warmup"


class Agents:
    """The sub-agents of a source, each yielded once: where it was called, or at the end."""

    def __init__(self, paths: Sequence[Path], read: ReadLines) -> None:
        self.read = read
        self._waiting: dict[str, list[Path]] = {}
        for path in paths:
            self._waiting.setdefault(agent_id(path), []).append(path)
        self._meta = {name: meta_of(found[0]) for name, found in self._waiting.items()}

    def called(
        self, calls: dict[str, dict[str, Any]], parent: str, *, session: str
    ) -> Iterator[Record]:
        """Yield the records of the agents that calls began; their inputs by their ids."""
        for name, meta in self._meta.items():
            call_id = text_of(meta.get("toolUseId"))
            if name in self._waiting and call_id in calls:
                yield from self._told(name, parent, session=session, told=calls[call_id])

    def named(self, told: dict[str, Any], parent: str, *, session: str) -> Iterator[Record]:
        """Yield the records of an agent that a result tells of, with what its call said.

        The agents of a workflow lie in a folder with the name of its run.
        """
        name, run = text_of(told.get("agentId")), text_of(told.get("runId"))
        if name in self._waiting:
            yield from self._told(name, parent, session=session, told=told)
        for one, paths in list(self._waiting.items()):
            if run and one in self._waiting and paths[0].parent.name == run:
                yield from self._told(one, parent, session=session)

    def commanded(self, prompt_id: str, parent: str, *, session: str) -> Iterator[Record]:
        """Yield the records of the agents that carry out a command of a person."""
        for name in self.commands.get(prompt_id, ()):
            if name in self._waiting:
                yield from self._told(name, parent, session=session)

    @cached_property
    def commands(self) -> dict[str, list[str]]:
        """The agents that no call began, by the ids of the commands that did."""
        found: dict[str, list[str]] = {}
        for name, meta in self._meta.items():
            called = meta.get("toolUseId") or meta.get("parentAgentId") or meta.get("inWorkflowRun")
            if name not in self._waiting or not meta or called:
                continue
            first = next(chained_in(self._waiting[name][0], self.read), {})
            if (prompt_id := text_of(first.get("promptId"))) and skill_in(first):
                found.setdefault(prompt_id, []).append(name)
        return found

    def of_session(self, session: str) -> Iterator[Record]:
        """Yield the records of the agents of a session that no call of its names."""
        for name, paths in list(self._waiting.items()):
            if name in self._waiting and owner_of(paths[0], self.read) == session:
                parent = text_of(self._meta[name].get("parentAgentId"))
                known = parent is not None and parent in self._meta
                if self._is_warm_up(name):
                    yield self._passed_over(name, session)
                elif not (known and parent in self._waiting):
                    yield from self._told(
                        name, parent if known and parent else session, session=session
                    )

    def left(self) -> Iterator[Record]:
        """Yield the records of agents whose session is not there."""
        for name, paths in list(self._waiting.items()):
            if name in self._waiting:
                session = owner_of(paths[0], self.read)
                owner = text_of(self._meta[name].get("parentAgentId")) or session
                if self._is_warm_up(name):
                    yield self._passed_over(name, None)
                else:
                    yield from self._told(name, owner, session=session)

    def _is_warm_up(self, name: str) -> bool:
        """Tell whether the tool started an agent that no call began, so that its model is ready.

        Releases of 2.0 did so at each start. Some wrote down what they asked it, others did not.
        """
        if self._meta[name]:
            return False
        prompts = Prompts()
        for record in chained_in(self._waiting[name][0], self.read):
            asked = prompts.asked(record)
            if asked is not None or _calls(record):
                return asked == _WARM_UP
        return True

    def _passed_over(self, name: str, line: str | None) -> Skipped:
        del self._waiting[name]
        return Skipped(line=line, why="agent that only warms up")

    def _told(
        self, name: str, parent: str | None, *, session: str, told: dict[str, Any] | None = None
    ) -> Iterator[Record]:
        agent = _Agent(
            name, self._waiting.pop(name), self._meta[name], self, session=session, told=told or {}
        )
        yield from agent.records(parent)


class _Agent(Talk):
    """A sub-agent's file, and copies beside it, such as a compressed one, that may hold less.

    Some releases left out its task, or its reason to stop: the result of its call has `told` both.
    """

    def __init__(
        self,
        name: str,
        paths: list[Path],
        meta: dict[str, Any],
        agents: Agents,
        *,
        session: str,
        told: dict[str, Any],
    ) -> None:
        super().__init__(agents, session)
        self._name, self._paths, self._meta, self._call = name, paths, meta, told
        self._read = agents.read

    def records(self, parent: str | None) -> Iterator[Record]:
        """Yield the agent's records, from its task to its report."""
        first = last = None
        end = _End()
        for found in self._chained():
            if isinstance(found, Results):
                last = time_of(found.timestamp) or last
            elif isinstance(found, dict):
                last = time_of(found.get("timestamp")) or last
                if first is None:
                    first = time_of(found.get("timestamp"))
                    yield self._opened(found, parent, first)
                end = _End.of(found) or end
            else:
                yield found
                continue
            yield from self.said(found, self._name)
        yield from self.counted(self._name)
        over = self._meta.get("finished") or self._call.get("status") == "completed"
        if first is not None and (over or end.is_one):
            yield Ended(line=self._name, how=end.how, reason=end.reason, started=first, time=last)

    def _chained(self) -> Iterator[dict[str, Any] | Results | Broken | Unknown]:
        """Yield the records of the file's chain that were not copied, and what is no record."""
        seen: set[str] = set()
        for path in sorted(self._paths, key=lambda path: age_of(head_of(path, self._read))):
            for found in self._of_file(path):
                if len(self._paths) > 1 and isinstance(found, (dict, Results)):
                    record_id = found.uuid if isinstance(found, Results) else id_of(found)
                    if record_id in seen:
                        continue
                    seen.add(record_id)
                yield found

    def _of_file(self, path: Path) -> Iterator[dict[str, Any] | Results | Broken | Unknown]:
        begun = False
        for line in self._read(path):
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
            elif kind_of(record) in BOOKKEEPING:
                self.left_out[str(kind_of(record))] += 1
            elif not is_chained(record):
                yield Unknown(line=self._name, what=f"record {record.get('type')}")
            elif copied_from(record) or (not begun and self._is_own_call(record)):
                self.left_out["inherited"] += 1
            else:
                begun = True
                yield record

    def _is_own_call(self, record: dict[str, Any]) -> bool:
        """Tell whether a record is the call that began a copy of the assistant: it comes first."""
        return bool(self._meta.get("isFork")) and record["type"] == "assistant"

    def _opened(self, record: dict[str, Any], parent: str | None, time: datetime | None) -> Opened:
        self.version = text_of(record.get("version"))
        described = text_of(self._meta.get("description")) or text_of(self._call.get("description"))
        return Opened(
            key=self._name,
            source_id=self._name,
            kind="subagent",
            parent=parent,
            task=self._task(record),
            role=text_of(self._meta.get("agentType")) or text_of(self._call.get("subagent_type")),
            model=text_of(self._meta.get("model")),
            time=time,
            attributes=attributes_of(record) | ({"description": described} if described else {}),
        )

    def _task(self, record: dict[str, Any]) -> str | None:
        """Return the task of an agent whose first record is no prompt: as called, or its skill."""
        if record["type"] == "assistant":
            return text_of(self._call.get("prompt"))
        return skill_in(record)


@dataclass(frozen=True, slots=True)
class _End:
    """An agent's standing after a record: whether it has ended, and as what."""

    how: How = "completed"
    reason: str | None = None
    is_one: bool = False

    @classmethod
    def of(cls, record: dict[str, Any]) -> _End | None:
        """Return how an agent stands after one of its records, None where as before."""
        if is_interrupted(record):
            return cls("cancelled", "it was interrupted", is_one=True)
        if record["type"] != "assistant":
            return None
        message = object_of(record.get("message"))
        if record.get("isApiErrorMessage") is True:
            return cls("failed", plain_text(message.get("content")), is_one=True)
        return cls(is_one=text_of(message.get("stop_reason")) == "end_turn")


def _calls(record: dict[str, Any]) -> bool:
    """Tell whether a record calls a tool."""
    content = object_of(record.get("message")).get("content")
    return any(kind_of(block) == "tool_use" for block in objects_of(content))
