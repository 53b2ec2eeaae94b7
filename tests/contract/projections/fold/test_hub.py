"""Links of a hub: looked up from its other ends, they are the same as looked up from its own."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from anabranch_events.event.types import (
    AssociationFormed,
    AssociationSevered,
    EventData,
    InsightRecorded,
)
from anabranch_projections import fold
from tests.support.graphs import empty
from tests.support.histories import at, insight
from tests.support.rounds import in_full_only, neo4j_in_full_only, two_stores

if TYPE_CHECKING:
    from anabranch_store import Graph

OTHERS = range(2, 8)
MANY = 2000
BATCH = 500


def _formed(one: int, other: int, *, weight: float = 0.5) -> EventData:
    ends = {"from_id": insight(one), "to_id": insight(other)}
    return AssociationFormed(**ends, kind="explains", weight=weight)


@neo4j_in_full_only
@two_stores
async def test_a_hub_in_one_batch_is_as_one_by_one(graph: Graph) -> None:
    """Out of the hub, into it, formed again, severed, replayed: one graph in any batches."""
    links = [
        *(_formed(1, other) for other in OTHERS),
        *(_formed(other, 1) for other in OTHERS),
        *(_formed(1, other, weight=0.9) for other in OTHERS),
        AssociationSevered(from_id=insight(1), to_id=insight(3), kind="explains"),
        _formed(1, 3),
    ]
    events = [at(number, data) for number, data in enumerate(links, start=1)]
    half = len(events) // 2
    ways = (
        [[event] for event in events],
        [events],
        [events[:half], events[half:]],
        [events, events[half:], events],
    )
    digests: list[str] = []

    for batches in ways:
        await empty(graph.address)
        for batch in batches:
            await graph.write(fold(batch))
        digests.append((await graph.digest()).digest)

    assert digests == [digests[0]] * len(ways)


@in_full_only
@pytest.mark.parametrize("graph_address", ["embedded"], indirect=True)
async def test_a_hub_costs_what_others_do(graph: Graph) -> None:
    """Links into a hub and out of it take no ten times those elsewhere; they took 29 to 45 times.

    Each is measured at two hubs, in turns; the lesser counts, for others may run meanwhile.
    """
    position = 0

    async def seconds(told: list[EventData]) -> float:
        nonlocal position
        begun = time.perf_counter()
        for start in range(0, MANY, BATCH):
            events = [
                at(position + number, data)
                for number, data in enumerate(told[start : start + BATCH], start=1)
            ]
            position += len(events)
            await graph.write(fold(events))
        return time.perf_counter() - begun

    numbers = range(3, MANY + 3)
    await seconds([InsightRecorded(insight_id=insight(each), text="A fact") for each in numbers])
    took: list[tuple[float, float, float]] = []
    for hub in (1, 2):
        apart = await seconds([_formed(each, each + hub) for each in numbers])
        into = await seconds([_formed(each, hub) for each in numbers])
        out = await seconds([_formed(hub, each) for each in numbers])
        took.append((apart, into, out))

    apart, into, out = map(min, zip(*took, strict=True))
    assert max(into, out) < 10 * apart
