"""Links of a hub: looked up from its other ends, they are the same as looked up from its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch_events.event.types import AssociationFormed, AssociationSevered, EventData
from anabranch_projections import fold
from tests.support.graphs import empty
from tests.support.histories import at, insight
from tests.support.rounds import neo4j_in_full_only, two_stores

if TYPE_CHECKING:
    from anabranch_store import Graph

pytestmark = [neo4j_in_full_only, two_stores]

OTHERS = range(2, 8)


def _formed(one: int, other: int, *, weight: float = 0.5) -> EventData:
    ends = {"from_id": insight(one), "to_id": insight(other)}
    return AssociationFormed(**ends, kind="explains", weight=weight)


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
