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
