"""A line of talk while it is mapped: what is known of it so far, and what waits."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from anabranch.importers.mapping.findings import Failure
from anabranch.importers.outcome import ImportedInsight

if TYPE_CHECKING:
    from datetime import datetime

    from anabranch.importers.records.model import Opened, Turn


class Call(msgspec.Struct, frozen=True):
    """A call whose result has not come, without what it was given unless that is imported."""

    id: str
    name: str
    command: str | None
    """Without secrets."""
    names: tuple[str, ...]
    given: str


@dataclass(slots=True)
class MappedLine:
    """A line of talk while it is mapped."""

    opened: Opened
    session_id: str
    root_id: str
    model: str | None
    time: datetime
    begun: bool = False
    waiting: Turn | None = None
    task: str | None = None
    answer: Turn | None = None
    paused: bool = False
    """A turn was over: an earlier import may have ended the line there."""
    resumed: bool = False
    """It went on after a turn: the log may hold its end, and takes no other."""
    request_id: str | None = None
    said_last: str | None = None
    """Its result so far, uncleaned: only the last one is kept."""
    replaced: list[str] = field(default_factory=list[str])
    told: list[ImportedInsight] = field(default_factory=list[ImportedInsight])
    calls: dict[str, Call] = field(default_factory=dict[str, Call])
    tools: Counter[str] = field(default_factory=Counter[str])
    files: dict[str, None] = field(default_factory=dict[str, None])
    programs: dict[str, None] = field(default_factory=dict[str, None])
    failures: dict[str, Failure] = field(default_factory=dict[str, Failure])
    left_out: Counter[str] = field(default_factory=Counter[str])
    unknown: Counter[str] = field(default_factory=Counter[str])
    attributes: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def is_open(self) -> bool:
        """True while its last text may be followed by a call, or be replaced by a summary.

        A sub-agent's becomes its report, once the agent has ended.
        """
        answer = self.answer
        return answer is not None and (answer.final is None or self.opened.kind == "subagent")

    def tick(self, time: datetime | None) -> None:
        """Go on to a time, where a record has one."""
        self.time = time or self.time
