"""Consolidations in the recall index, read by one thread while another one records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch_projections.recall_index.consolidations import ConsolidationHistory
from anabranch_projections.recall_index.entries import Consolidated

if TYPE_CHECKING:
    import pytest


def test_a_reader_sees_no_sources_of_what_is_recorded_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever comes between two steps of a reader, each consolidation has its own sources."""
    rows = {f"i{number}": number for number in range(6)}
    history = ConsolidationHistory(rows.get)
    history.record(_consolidated(1, "i0", "i1"), erased=False)
    cut = history._starts.cut  # pyright: ignore[reportPrivateUsage]  # The step in between.

    def interrupted(count: int) -> object:
        found = cut(count)
        history.record(_consolidated(2, "i2", "i3", "i4"), erased=False)
        return found

    monkeypatch.setattr(history._starts, "cut", interrupted)  # pyright: ignore[reportPrivateUsage]

    found = history.then(1)

    assert (found.rows.tolist(), found.starts.tolist()) == ([0, 1], [0])


def _consolidated(number: int, *sources: str) -> Consolidated:
    return Consolidated(
        position=number,
        consolidation_id=f"c{number}",
        session_ids=(),
        sources=sources,
        method="extractive",
    )
