"""Sub-agents of Claude Code whose records stand in the session's own file, as until 2.0.2x."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anabranch.importers.readers.claude_files import id_of
from anabranch.importers.readers.claude_prompts import Prompts
from anabranch.importers.readers.claude_talk import BEGIN_AGENTS, Talk, attributes_of
from anabranch.importers.records.model import Ended, Opened, ToolCall, ToolResult
from anabranch.importers.records.values import object_of, text_of, time_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from anabranch.importers.records.model import Record


@dataclass(slots=True)
class _Side(Talk):
    """One agent's side chain; nothing but its first prompt says which call began it."""

    key: str = ""
    call_id: str | None = None
    first: datetime | None = None


class SideChains:
    """The side chains of a session's file: lines of their own beside the talk that called them."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._calls: dict[str, ToolCall] = {}
        self._sides: dict[str, _Side] = {}
        self._open: list[_Side] = []

    def beside(self, said: Iterable[Record]) -> Iterator[Record]:
        """Pass on what is said; note the calls that begin agents, and yield the ends of those."""
        for record in said:
            if isinstance(record, ToolResult) and record.call_id in self._calls:
                yield from self._over(record)
            elif isinstance(record, ToolCall) and record.name in BEGIN_AGENTS:
                self._calls[record.id] = record
            yield record

    def told(self, record: dict[str, Any], line: str) -> Iterator[Record]:
        """Yield what a record of a side chain says, on its own line; `line` is the one beside."""
        parent = text_of(record.get("parentUuid"))
        side = self._sides.get(parent) if parent else None
        if side is None and parent and self._open:
            side = self._open[-1]  # The record it hangs on could not be read.
        if side is None:
            side, opened = self._begun(record, line)
            yield opened
        self._sides[id_of(record)] = side
        yield from self.beside(side.said(record, side.key))

    def left(self) -> Iterator[Record]:
        """Yield what was left out of chains whose call had no result."""
        for side in self._open:
            yield from side.counted(side.key)

    def _begun(self, record: dict[str, Any], line: str) -> tuple[_Side, Opened]:
        time = time_of(record.get("timestamp"))
        call = self._call_of(record)
        given = object_of(call.input) if call else {}
        side = _Side(self._talk.agents, self._talk.session, key=id_of(record), first=time)
        side.call_id = call.id if call else None
        self._open.append(side)
        described = text_of(given.get("description"))
        return side, Opened(
            key=side.key,
            source_id=None,
            kind="subagent",
            parent=call.line if call else line,
            role=text_of(given.get("subagent_type")),
            time=time,
            attributes=attributes_of(record) | ({"description": described} if described else {}),
        )

    def _call_of(self, record: dict[str, Any]) -> ToolCall | None:
        """Return the first call that waits for an agent with this task."""
        asked = Prompts().asked(record)
        taken = {side.call_id for side in self._open}
        for call_id, call in self._calls.items():
            prompt = text_of(object_of(call.input).get("prompt"))
            if call_id not in taken and prompt is not None and prompt.strip() == asked:
                return call
        return None

    def _over(self, result: ToolResult) -> Iterator[Record]:
        del self._calls[result.call_id]
        for side in self._open:
            if side.call_id == result.call_id:
                self._open.remove(side)
                yield from side.counted(side.key)
                yield Ended(
                    line=side.key,
                    how="failed" if result.failed else "completed",
                    started=side.first,
                    time=result.time,
                )
                break
