"""Recalled insights that differ: the most recent one stands first."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch_recall.question import Hit

_NUMBER: Final = re.compile(r"\d+(?:[.,:]\d+)*")


class Difference(NamedTuple):
    """Two insights of which only one may hold: the older was superseded, or contradicts the newer.

    Where they differ in a `value` only, they are one text but for its numbers.
    """

    newer: str
    older: str
    kind: Literal["superseded", "conflict", "value"]


def arranged(
    hits: Sequence[Hit], differences: Sequence[Difference]
) -> list[tuple[Hit, list[Difference]]]:
    """Return the hits by rank, each with its differences from newer ones.

    Those that differ stand together, at the place of the best of them, the most recent first.
    """
    known = {hit.insight_id: hit for hit in hits}
    found = [one for one in differences if {one.newer, one.older} <= known.keys()]
    found += _of_values(hits, {frozenset(one[:2]) for one in found})
    older: dict[str, list[Difference]] = defaultdict(list)
    beside: dict[str, set[str]] = defaultdict(set)
    for one in sorted(set(found)):
        older[one.older].append(one)
        beside[one.newer].add(one.older)
        beside[one.older].add(one.newer)
    order: dict[str, Hit] = {}
    for hit in hits:
        if hit.insight_id not in order:
            together = sorted(
                _together(hit.insight_id, beside), key=lambda each: _recent(known[each])
            )
            order.update((each, known[each]) for each in together)
    return [(hit, older[each]) for each, hit in order.items()]


def _recent(hit: Hit) -> tuple[int, str]:
    return -hit.position, hit.insight_id


def _together(first: str, beside: dict[str, set[str]]) -> set[str]:
    """Return an insight with all that differ from it, or from one of those."""
    found, open_ends = {first}, [first]
    while open_ends:
        new = beside.get(open_ends.pop(), set()) - found
        found |= new
        open_ends += new
    return found


def _of_values(hits: Sequence[Hit], known: set[frozenset[str]]) -> list[Difference]:
    """Return the hits that are one text but for numbers, each with the next newer one."""
    same: dict[str, list[Hit]] = defaultdict(list)
    for hit in sorted(hits, key=_recent):
        text, numbers = _NUMBER.subn("#", " ".join(hit.said.casefold().split()))
        if numbers == 1:
            same[text].append(hit)
    pairs = (pair for group in same.values() for pair in itertools.pairwise(group))
    return [
        Difference(newer.insight_id, older.insight_id, "value")
        for newer, older in pairs
        if frozenset((newer.insight_id, older.insight_id)) not in known
    ]
