"""Conflicts in the index: open between their opening and their resolution, as of any position."""

from __future__ import annotations

from anabranch_projections.recall_index.conflicts import Conflicts
from anabranch_projections.recall_index.entries import Opposed, Reconciled
from anabranch_recall.moment import ConflictThen


def test_a_conflict_is_open_until_it_is_resolved() -> None:
    """Both sides have it, whichever is named first; each opening is one of its own."""
    conflicts = Conflicts()
    conflicts.open(Opposed(10, "a", "b"))
    conflicts.open(Opposed(20, "b", "a"))
    conflicts.open(Opposed(25, "a", "c"))
    conflicts.resolve(Reconciled(30, "b", "a"))
    conflicts.open(Opposed(40, "a", "b"))

    of_a = {position: conflicts.then("a", position) for position in (9, 10, 20, 29, 30, 40)}

    first, second, other, third = (
        ConflictThen("b", 10),
        ConflictThen("b", 20),
        ConflictThen("c", 25),
        ConflictThen("b", 40),
    )
    assert of_a == {
        9: [],
        10: [first],
        20: [first, second],
        29: [first, second, other],
        30: [other],
        40: [other, third],
    }
    assert conflicts.then("b", 20) == [ConflictThen("a", 10), ConflictThen("a", 20)]
    assert conflicts.then("d", 40) == []
