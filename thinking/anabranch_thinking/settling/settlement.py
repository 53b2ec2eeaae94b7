"""Settling: new insights are compared with what is known; the outcome is a list of facts to record.

It reads the book and the vectors, and nothing else: the same book gives the same settlement.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from anabranch_thinking.settling.book import Book, Group
from anabranch_thinking.settling.connections import connected
from anabranch_thinking.settling.rules import Judgement, Verdict, judged

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from anabranch_thinking.consolidation.exact_cosines import Vector
    from anabranch_thinking.consolidation.links import WeightedLink
    from anabranch_thinking.settling.neighbours import Near
    from anabranch_thinking.settling.remembered import Remembered

GROUP_MAX: Final = 32
GREW_BY: Final = 1.5
"""A group is consolidated anew once it has grown so many times."""
LENGTH_MAX: Final = 2000


@dataclass(frozen=True, slots=True)
class Restated:
    """One fact that several insights say; the fullest stands first."""

    text: str
    sources: tuple[str, ...]
    sessions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Superseded:
    """An insight whose place another one takes, by its own words."""

    older: str
    newer: str
    reason: str
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class Opposed:
    """Two insights that give one attribute two values."""

    older: str
    newer: str
    subject: str


@dataclass(slots=True)
class Settlement:
    """The facts that settling some insights gives, none of which is recorded yet."""

    insights: int = 0
    through: int = 0
    restated: list[Restated] = field(default_factory=list[Restated])
    superseded: list[Superseded] = field(default_factory=list[Superseded])
    opposed: list[Opposed] = field(default_factory=list[Opposed])
    links: list[WeightedLink] = field(default_factory=list["WeightedLink"])

    @property
    def facts(self) -> int:
        """The number of facts to record."""
        found = (self.restated, self.superseded, self.opposed, self.links)
        return sum(len(each) for each in found)


def settle(book: Book, new: Sequence[str], *, vectors: Mapping[str, Vector]) -> Settlement:
    """Compare the insights `new`, in the order of their positions, with those before them.

    `vectors` has the unit vectors that are known, of new and old ones. The book takes note of all
    that the settlement says.
    """
    found = Settlement()
    touched: dict[int, Group] = {}
    for insight_id in new:
        if not book.holds(insight_id):
            continue
        found.insights += 1
        insight = book.insights[insight_id]
        near = book.neighbours.near(
            insight, vectors=vectors, known=partial(_is_older, book, insight)
        )
        for group in _compare(book, insight, near, found=found):
            touched[id(group)] = group
        found.links += connected(book, insight, near)
    for group in touched.values():
        holding = [each for each in group.members if book.holds(each)]
        if len(holding) > 1 and len(holding) >= GREW_BY * group.recorded:
            found.restated.append(_restated(book, holding))
            group.recorded = len(holding)
    return found


def _is_older(book: Book, insight: Remembered, insight_id: str) -> bool:
    other = book.insights.get(insight_id)
    return (
        other is not None
        and book.holds(insight_id)
        and (other.position, other.insight_id) < (insight.position, insight.insight_id)
    )


def _compare(
    book: Book, insight: Remembered, near: Sequence[Near], *, found: Settlement
) -> Iterator[Group]:
    """Note for each near insight what the rules say of it; yield the group that grew."""
    for one in near:
        if not book.holds(insight.insight_id):
            return
        other = book.insights[one.insight_id]
        if not book.holds(other.insight_id):
            continue
        newer, older = (other, insight) if insight.is_earlier_than(other) else (insight, other)
        if not newer.follows(older):
            continue
        judgement = judged(older.wording, newer.wording, one.cosine)
        match judgement:
            case Judgement(Verdict.SAME, _):
                yield from _joined(book, insight, other, cosine=one.cosine)
            case Judgement(Verdict.SUPERSEDES, reason):
                book.supersede(older.insight_id)
                ids = older.insight_id, newer.insight_id
                found.superseded.append(Superseded(*ids, reason, newer.valid_from))
            case Judgement(Verdict.CONFLICTS, reason):
                pair = frozenset((newer.insight_id, older.insight_id))
                if pair not in book.opposed:
                    book.opposed.add(pair)
                    found.opposed.append(Opposed(older.insight_id, newer.insight_id, reason))
            case _:
                pass


def _joined(
    book: Book, insight: Remembered, other: Remembered, *, cosine: float | None
) -> Iterator[Group]:
    """Add an insight to the group of another one, if it says the same as all in there.

    So a group does not chain from one fact to the next.
    """
    if insight.insight_id in book.groups:
        return
    group = book.groups.get(other.insight_id) or Group([other.insight_id])
    if len(group.members) >= GROUP_MAX:
        return
    for each in group.members:
        member = book.insights.get(each)
        if member is None or each == other.insight_id:
            continue
        judgement = judged(member.wording, insight.wording, cosine)
        if judgement is None or judgement.verdict is not Verdict.SAME:
            return
    group.members.append(insight.insight_id)
    book.groups.update(dict.fromkeys(group.members, group))
    yield group


def _restated(book: Book, members: Sequence[str]) -> Restated:
    """Write what a group says: its fullest text, cited, and how often it was said again."""
    held = [book.insights[each] for each in members]
    held.sort(key=lambda one: (-len(one.wording.stems), -one.position, one.insight_id))
    again = "[2]" if len(held) == 2 else f"[2-{len(held)}]"
    said = " ".join(held[0].wording.text[:LENGTH_MAX].split())
    sessions = tuple(dict.fromkeys(one.session_id for one in held))
    elsewhere = f" in {len(sessions)} sessions" if len(sessions) > 1 else ""
    return Restated(
        text=f"{said} [1] Said again {again}{elsewhere}.",
        sources=tuple(one.insight_id for one in held),
        sessions=sessions,
    )
