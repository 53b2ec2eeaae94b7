"""Spreading: the insights that associations lead to, on every store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from anabranch_events.event import types
from anabranch_recall.plasticity import decayed
from anabranch_store.recall.spread import FAN_OUT, spread
from tests.support.histories import at, insight, moment
from tests.support.learning import learn
from tests.support.recalling import ask
from tests.support.rounds import neo4j_in_full_only, two_stores

if TYPE_CHECKING:
    from anabranch_events.event.types import EventData
    from anabranch_projections import PositionedEvent
    from anabranch_recall import Associated
    from anabranch_store import Graph

pytestmark = [neo4j_in_full_only, two_stores]

NOW = moment(1000)


def told(*facts: EventData, insights: int) -> list[PositionedEvent]:
    """Return so many insights, and then the facts about them."""
    said = [
        types.InsightRecorded(insight_id=insight(number), text=f"Fact {number}")
        for number in range(1, insights + 1)
    ]
    return [at(position, data) for position, data in enumerate((*said, *facts), start=1)]


def linked(one: int, other: int, weight: float) -> types.AssociationFormed:
    """Return an association of two insights."""
    return types.AssociationFormed(
        from_id=insight(one), to_id=insight(other), kind="supports", weight=weight
    )


async def reached(
    graph: Graph, *starts: int, steps: int, limit: int = 50, **fields: object
) -> list[Associated]:
    """Return what links lead to from some insights."""
    return await spread(
        graph,
        ask("any", **fields),
        list(map(insight, starts)),
        steps=steps,
        limit=limit,
        clock=lambda: NOW,
    )


def numbers(found: list[Associated]) -> list[int]:
    """Return the insights by their numbers."""
    known = {insight(number): number for number in range(1, 40)}
    return [known[each.insight_id] for each in found]


async def test_each_link_weakens_what_is_reached(graph: Graph) -> None:
    """Two links lead on with the product of their weights; the stronger way counts, and no start."""
    await learn(
        graph,
        told(
            linked(1, 2, 0.8), linked(3, 2, 0.5), linked(1, 3, 0.1), linked(3, 4, 0.5), insights=4
        ),
    )

    one, two, three = [await reached(graph, 1, steps=steps) for steps in (1, 2, 3)]

    assert [numbers(found) for found in (one, two, three)] == [[2, 3], [2, 3, 4], [2, 3, 4]]
    first = decayed(0.8, since=moment(5), at=NOW)
    second = decayed(0.5, since=moment(6), at=NOW)
    assert two[1].strength == pytest.approx(first * second)
    assert [(link.insight_id, link.position) for link in two[1].path] == [
        (insight(2), 5),
        (insight(3), 6),
    ]
    assert (two[1].start, two[1].text, two[1].kind) == (insight(1), "Fact 3", "observation")
    assert three[2].strength == pytest.approx(
        first * second * decayed(0.5, since=moment(8), at=NOW)
    )


async def test_spreading_is_bounded(graph: Graph) -> None:
    """Of a hub only the strongest links are followed, and no more insights come than are asked for."""
    spokes = [linked(1, number, number / 100) for number in range(2, 22)]
    await learn(graph, told(*spokes, insights=21))

    every = await reached(graph, 1, steps=4)
    few = await reached(graph, 1, steps=4, limit=3)

    assert numbers(every) == list(range(21, 21 - FAN_OUT, -1))
    assert numbers(few) == [21, 20, 19]


async def test_spreading_keeps_to_the_reach(graph: Graph) -> None:
    """What ended, was severed or forgotten leads nowhere; as of a moment before, it did."""
    facts = (
        linked(1, 2, 0.9),
        linked(2, 3, 0.9),
        linked(1, 4, 0.8),
        linked(1, 5, 0.7),
        types.InsightRetracted(insight_id=insight(2), reason="wrong"),
        types.AssociationSevered(from_id=insight(1), to_id=insight(4), kind="supports"),
        types.InsightForgotten(insight_id=insight(5), receipt="R"),
    )
    await learn(graph, told(*facts, insights=5))

    assert numbers(await reached(graph, 1, steps=2)) == []
    assert numbers(await reached(graph, 1, steps=2, include_retired=True)) == [2, 3]
    assert numbers(await reached(graph, 1, steps=2, as_of=9)) == [2, 3, 4]
    assert numbers(await reached(graph, 1, steps=2, as_of=6)) == [2]
    assert numbers(await reached(graph, 9, steps=2)) == []
