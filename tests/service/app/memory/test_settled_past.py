"""Time in the world after a settlement: a superseded insight is what held before."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from anabranch import Memory
from tests.support.settled import CHANGED

if TYPE_CHECKING:
    from anabranch.settings import Settings

pytestmark = pytest.mark.timeout(900)

JUNE = datetime(2026, 6, 1, tzinfo=UTC)
QUESTION = "deployments of shop number 7"


async def _held_in(memory: Memory, month: int) -> list[str]:
    """Return the insights that held in the middle of a month, whatever became of them since."""
    moment = datetime(2026, month, 15, tzinfo=UTC)
    answer = await memory.recall(QUESTION, valid_at=moment, include_retired=True)
    return [hit.insight_id for hit in answer]


async def test_a_superseded_insight_held_until_the_newer_one(own_settings: Settings) -> None:
    """In May it is the older one, in July the newer one: by both rankers, and after a rebuild."""
    settings = own_settings.changed(embedder="none")
    async with Memory.open(settings=settings) as memory:
        older = (await memory.remember(CHANGED[0].format(7))).insight_id
        newer = (await memory.remember(CHANGED[1].format(7), valid_from=JUNE)).insight_id
        assert await _held_in(memory, 5) == [older]
        settled = await memory.settle()
        await memory.wait_for((await memory.status()).log.last)
        by_index = [await _held_in(memory, month) for month in (5, 7)]

    async with Memory.open(settings=settings.changed(ranker="graph")) as memory:
        by_graph = [await _held_in(memory, month) for month in (5, 7)]
        await memory.graph.rebuild()
        again = [await _held_in(memory, month) for month in (5, 7)]
        assert (await memory.recall(QUESTION)).ranker == "graph"

    assert [(one.older, one.newer) for one in settled.superseded] == [(older, newer)]
    assert [by_index, by_graph, again] == [[[older], [newer]]] * 3
