"""Associations between sessions: which insights to link, how strongly, and why.

No insight gets more than five links, whatever their kind, so that a hub does not explode.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anabranch_thinking.consolidation.links import LINKS_MAX, SHARES_ENTITY, SIMILAR, WeightedLink
from anabranch_thinking.sessions.state import Link

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from anabranch_thinking.settling.book import Book
    from anabranch_thinking.settling.neighbours import Near
    from anabranch_thinking.settling.remembered import Remembered

SAME_THOUGHT: Final = "same_thought"
CITED_TOGETHER: Final = "cited_together"
SIMILAR_BY_MEANING: Final = 0.75
SIMILAR_BY_WORDS: Final = 0.4
SAME_THOUGHT_BY_MEANING: Final = 0.6
CITED_WEIGHT: Final = 0.6
RARE_MAX: Final = 8
"""An entity is rare that at most so many insights mention."""


def connected(book: Book, insight: Remembered, near: Sequence[Near]) -> list[WeightedLink]:
    """Return the links to form for an insight, strongest first; the book takes note of them."""
    found = [
        *_cited(book, insight),
        *_alike(book, insight, near),
        *_sharing(book, insight),
    ]
    found.sort(key=lambda one: (-one.weight, one.link.kind, one.link.to_id))
    formed: list[WeightedLink] = []
    for one in found:
        ends = one.link.from_id, one.link.to_id
        if frozenset(ends) in book.linked or max(book.links[each] for each in ends) >= LINKS_MAX:
            continue
        book.link(*ends)
        formed.append(one)
    return formed


def _alike(book: Book, insight: Remembered, near: Sequence[Near]) -> Iterator[WeightedLink]:
    for one in near:
        other = book.insights[one.insight_id]
        if other.session_id == insight.session_id:
            continue
        if not book.neighbours.mutual(insight.insight_id, other.insight_id):
            continue
        how = "in words" if one.cosine is None else "in meaning"
        least = SIMILAR_BY_WORDS if one.cosine is None else SIMILAR_BY_MEANING
        if one.strength >= least:
            reason = f"each is among the nearest of the other {how}"
            yield _link(insight, other, SIMILAR, one.strength, reason)
        elif (
            other.root_id == insight.root_id
            and one.cosine is not None
            and one.cosine >= SAME_THOUGHT_BY_MEANING
        ):
            yield _link(insight, other, SAME_THOUGHT, one.strength, f"of one thought, near {how}")


def _sharing(book: Book, insight: Remembered) -> Iterator[WeightedLink]:
    for name in dict.fromkeys(insight.entities):
        count = book.mention_counts[name]
        if not 2 <= count <= RARE_MAX:
            continue
        for insight_id in book.mentions[name]:
            other = book.insights.get(insight_id)
            if (
                other is None
                or other.position >= insight.position
                or other.session_id == insight.session_id
                or not book.holds(insight_id)
            ):
                continue
            yield _link(insight, other, SHARES_ENTITY, 1 / count, f"both mention {name}")


def _cited(book: Book, insight: Remembered) -> Iterator[WeightedLink]:
    for insight_id in sorted(book.cited_with.get(insight.insight_id, ())):
        other = book.insights.get(insight_id)
        if other is not None and book.holds(insight_id) and other.session_id != insight.session_id:
            yield _link(insight, other, CITED_TOGETHER, CITED_WEIGHT, "were cited together")


def _link(
    insight: Remembered, other: Remembered, kind: str, weight: float, reason: str
) -> WeightedLink:
    newer, older = sorted((insight, other), key=lambda one: (-one.position, one.insight_id))
    link = Link(newer.insight_id, older.insight_id, kind)
    return WeightedLink(link, weight=round(min(1.0, max(0.0, weight)), 4), reason=reason)
