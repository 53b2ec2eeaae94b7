"""The lanes of recall: how far they had come, and one that is not there or fails."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

import pytest

from anabranch_store import Graph, GraphRanker
from anabranch_store.errors import GraphUnavailable
from anabranch_store.recall import lanes
from tests.support.learning import Account, HashingEmbedder, learn
from tests.support.patience import PATIENCE_S
from tests.support.recalling import ask, both_ways, ids
from tests.support.rounds import in_full_only, neo4j_in_full_only, two_stores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch_recall import Embedder

pytestmark = [neo4j_in_full_only, two_stores]


async def test_lanes_say_how_far_they_had_come(graph: Graph) -> None:
    """Words reach the graph's checkpoint, meaning that of the vectors."""
    account = Account()
    account.remember(account.open(), "The gauge drifts.")
    await learn(graph, account.events)
    account.remember(account.open(), "The delta silts up.")
    await learn(graph, account.events[2:], vectors=False)

    for ranker in both_ways(graph):
        found = await ranker.recall(ask("gauge"))

        assert found.ranker == "graph"
        assert found.position == 4
        assert {name: (lane.state, lane.position) for name, lane in found.lanes.items()} == {
            "words": ("ok", 4),
            "meaning": ("ok", 2),
            "entities": ("empty", 4),
            "associations": ("empty", 4),
        }


class Broken:
    """An embedder that is there and does not work."""

    model = HashingEmbedder.model
    dimension = HashingEmbedder.dimension

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Fail."""
        raise RuntimeError(f"no power for {len(texts)} texts")


class Hanging(Broken):
    """An embedder that never answers."""

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Wait for ever."""
        await asyncio.Event().wait()
        return await super().embed(texts)


class Flat(Broken):
    """An embedder whose vectors do not fit those of the graph."""

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return vectors of three numbers."""
        return [[1.0, 0.0, 0.0] for _ in texts]


class Numberless(Broken):
    """An embedder that gives vectors without a direction."""

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return vectors of what is no number."""
        return [[math.nan] * self.dimension for _ in texts]


@in_full_only
async def test_a_lane_that_fails_is_reported_and_the_other_answers(graph: Graph) -> None:
    """Without meaning words still answer, and the answer says what is missing."""
    account = Account()
    answer = account.remember(account.open(), "The gauge drifts.")
    await learn(graph, account.events)
    failing: list[tuple[Embedder, float, str]] = [
        (Broken(), PATIENCE_S, "RuntimeError: no power for 1 texts"),
        (Flat(), PATIENCE_S, "no vector of its dimension"),
        (Numberless(), PATIENCE_S, "no vector of its dimension"),
        (Hanging(), 15, "no answer within 15 s"),  # By now the graph knows all that is asked.
    ]

    for embedder, timeout_s, reason in failing:
        rankers = both_ways(graph, embedder=embedder, timeout_s=timeout_s)
        for found in await asyncio.gather(*(each.recall(ask("gauge")) for each in rankers)):
            assert ids(found) == [answer]
            assert found.lanes["words"].state == "ok"
            assert found.lanes["meaning"].state == "failed"
            assert reason in str(found.lanes["meaning"].reason)


async def test_without_an_embedder_meaning_is_skipped(graph: Graph) -> None:
    """No embedder is no failure; a question that no text has a word of is answered by nothing."""
    account = Account()
    answer = account.remember(account.open(), "The gauge drifts.")
    await learn(graph, account.events)

    for scan_max in (2000, 0):
        ranker = GraphRanker(graph, scan_max=scan_max, timeout_s=PATIENCE_S)
        found = await ranker.recall(ask("gauge"))
        nothing = await ranker.recall(ask("completely unrelated"))

        assert ids(found) == [answer]
        assert found.lanes["meaning"].state == "skipped"
        assert found.lanes["meaning"].reason == "no embedder is set"
        assert nothing.hits == []
        assert nothing.lanes["words"].state == "empty"


async def test_before_the_first_vectors_meaning_is_skipped(graph: Graph) -> None:
    """An insight is found by words at once, and the answer says that vectors are not there yet."""
    account = Account()
    answer = account.remember(account.open(), "The gauge drifts.")
    await learn(graph, account.events, vectors=False)

    found = await both_ways(graph)[0].recall(ask("gauge"))

    assert ids(found) == [answer]
    assert found.lanes["meaning"].state == "skipped"
    assert found.lanes["meaning"].reason == "no vectors of hashing yet"


async def test_when_no_lane_answers_it_is_an_error(graph: Graph) -> None:
    """An empty answer would say that nothing is known; that nobody could look is an error."""
    with pytest.raises(GraphUnavailable, match="no lane"):
        await GraphRanker(graph, Broken(), timeout_s=1e-9).recall(ask("gauge"))


@pytest.mark.parametrize(("name", "value"), [("FETCH_MAX", 100), ("INDEX_TIMEOUT_S", 0.0)])
async def test_a_few_among_many_are_found(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, name: str, value: float
) -> None:
    """What the vector index hides behind others, or is too slow for, is compared one by one."""
    monkeypatch.setattr(lanes, name, value)
    account = Account()
    others = account.open("other")
    for _ in range(150):
        account.remember(others, "The gauge drifts.")
    few = account.open()
    wanted = [account.remember(few, f"Screw {number} rusts.") for number in range(3)]
    await learn(graph, account.events)

    found = await both_ways(graph)[1].recall(ask("Gauges drift?"))

    assert set(ids(found)) == set(wanted)
    assert found.lanes["meaning"].state == "ok"
