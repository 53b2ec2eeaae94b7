"""The shape of an answer."""

from __future__ import annotations

import pytest

from anabranch_recall import Recollection
from anabranch_recall.question import Lane


@pytest.mark.parametrize(
    ("meaning", "behind"),
    [
        (Lane(state="ok", position=7), 3),
        (Lane(state="skipped", position=0, reason="no vectors yet"), 10),
        (Lane(state="skipped", position=10), 0),
        (None, 0),
    ],
)
def test_an_answer_says_how_far_vectors_were_behind(meaning: Lane | None, behind: int) -> None:
    """Positions that the graph had and the vectors had not are counted."""
    lanes = {"words": Lane(state="ok", position=10)} | ({"meaning": meaning} if meaning else {})

    found = Recollection(hits=[], lanes=lanes, position=10, ranker="graph")

    assert found.vectors_behind == behind


def test_lanes_that_fared_alike_are_equal() -> None:
    """The time that a lane took makes no other answer; its state, position and reason do."""
    quick = Lane(state="ok", position=7, duration_ms=1)
    slow = Lane(state="ok", position=7, duration_ms=900)
    others = [Lane(state="empty", position=7), Lane(state="ok", position=8), "ok"]

    assert (quick == slow, hash(quick) == hash(slow)) == (True, True)
    assert [quick == other for other in others] == [False] * 3
