"""Transcripts that real tools wrote, and the talk that is read from them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final, TypeVar

from anabranch.importers.records.model import (
    Broken,
    Ended,
    Fact,
    Opened,
    Skipped,
    Summary,
    ToolCall,
    ToolResult,
    Turn,
    Unknown,
)
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from anabranch.importers.records.model import Record

T = TypeVar("T")
CASES: Final = ROOT / "tests" / "fixtures" / "transcripts"


@dataclass
class Line:
    """A line of talk as it was told."""

    opened: Opened
    before: list[list[str]] = field(default_factory=list[list[str]])
    texts: list[list[str]] = field(default_factory=list[list[str]])
    calls: dict[str, ToolCall] = field(default_factory=dict[str, ToolCall])
    results: dict[str, ToolResult] = field(default_factory=dict[str, ToolResult])
    summaries: list[str] = field(default_factory=list[str])
    facts: list[Fact] = field(default_factory=list[Fact])
    ended: Ended | None = None
    places: list[int] = field(default_factory=list[int])
    """Where among all records its opening stands, and its end."""

    @property
    def task(self) -> str | None:
        """What it was asked first."""
        asked = [text for said, text in self.texts if said == "user"]
        return self.opened.task or (asked[0] if asked else None)

    @property
    def result(self) -> str | None:
        """What it said last."""
        if self.ended and self.ended.result:
            return self.ended.result
        answers = [text for said, text in self.texts if said == "assistant"]
        return answers[-1] if answers else None


@dataclass
class Told:
    """All that a reader told: its lines by key, and what it left out."""

    lines: dict[str, Line] = field(default_factory=dict[str, Line])
    left_out: Counter[str] = field(default_factory=Counter[str])
    unknown: Counter[str] = field(default_factory=Counter[str])
    broken: list[Broken] = field(default_factory=list[Broken])

    @property
    def speaking(self) -> list[Line]:
        """The lines in which something was said."""
        return [line for line in self.lines.values() if line.task or line.facts]


def told(records: Iterable[Record]) -> Told:  # noqa: C901 - one case a record.
    """Gather what a reader tells; a line must have opened before it says anything."""
    found = Told()
    for place, record in enumerate(records):
        match record:
            case Opened():
                assert record.key not in found.lines
                parent = found.lines.get(record.parent or "")
                found.lines[record.key] = Line(
                    record,
                    before=[*parent.before, *parent.texts] if parent else [],
                    places=[place],
                )
            case Turn():
                found.lines[record.line].texts.append([record.said, record.text])
            case ToolCall():
                found.lines[record.line].calls[record.id] = record
            case ToolResult():
                found.lines[record.line].results[record.call_id] = record
            case Summary():
                found.lines[record.line].summaries.append(record.text)
            case Fact():
                found.lines[record.line].facts.append(record)
            case Ended():
                found.lines[record.line].ended = record
                found.lines[record.line].places.append(place)
            case Skipped():
                found.left_out[record.why] += record.count
            case Unknown():
                found.unknown[record.what] += 1
            case Broken():
                found.broken.append(record)
            case _:
                pass
    return found


def scenarios(case: Path, found: Told) -> set[str]:
    """Return what a case shows, by what is read of it; that it was resumed only its name says."""
    lines = list(found.lines.values())
    kinds = {line.opened.kind for line in lines}
    talks = [{said for said, _ in line.texts} for line in lines if line.opened.kind == "main"]
    agents = [line for line in lines if line.opened.kind == "subagent"]
    shown = {
        "plain": {"user", "assistant"} in talks,
        "tools": any(line.calls.keys() & line.results.keys() for line in lines),
        "sub-agent": bool(agents),
        "parallel": any(_at_a_time(*pair) for pair in combinations(agents, 2)),
        "nested": any(found.lines.get(line.opened.parent or "") in agents for line in agents),
        "fork": "fork" in kinds,
        "resume": "resume" in case.name,
        "rewind": "abandoned" in kinds,
        "compaction": any(line.summaries for line in lines),
    }
    return {name for name, is_shown in shown.items() if is_shown}


def _at_a_time(one: Line, other: Line) -> bool:
    """Tell whether two agents of one caller each began before the other ended.

    Where a file has one time for it all, because a step is written at its end, its order tells.
    """
    begun, ended = (one.opened.time, other.opened.time), (one.ended, other.ended)
    if one.opened.parent != other.opened.parent or None in (*begun, *ended):
        return False
    ends = [end.time for end in ended if end is not None and end.time is not None]
    last_begun = max(time for time in begun if time is not None)
    if len(ends) == 2 and {*begun, *ends} == {last_begun}:
        return max(one.places[0], other.places[0]) < min(one.places[1], other.places[1])
    return len(ends) == 2 and last_begun < min(ends)


def shows(tool: str, *scenarios: str) -> Callable[[T], T]:
    """Mark a test that shows scenarios of a tool on a file that is made up.

    `docs/sessions_table.py` finds it by its text, so both are written out where it is used.
    """
    del tool, scenarios
    return lambda test: test


def cases() -> list[Path]:
    """Return the folder of each case."""
    return sorted(path.parent for path in CASES.glob("*/*/EXPECT.json"))


def expected(case: Path) -> dict[str, Any]:
    """Return what is right for a case."""
    found: dict[str, Any] = json.loads((case / "EXPECT.json").read_text())
    return found
