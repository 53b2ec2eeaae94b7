"""Notes of sessions in the graph: a node each, so that nobody's words become its schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from anabranch_events.event.types import SessionHandedOff, WorkingMemoryCleared, WorkingMemorySet
from anabranch_projections import fold
from tests.support.graphs import ask, empty
from tests.support.histories import at, session

if TYPE_CHECKING:
    from anabranch_store import Graph

TYPED: Final = ("plan b", "a-b", "2nd", "`", "größe", "__typename", "note_4d1f")
"""Keys that are no names in GraphQL, among them one that is reserved there."""


async def notes_of(graph: Graph) -> list[dict[str, Any]]:
    """Return the notes in the graph with the session that holds each."""
    return await ask(
        graph.address,
        "MATCH (s:Session)-[:NOTED]->(n:Note) "
        "RETURN s.id AS session, n.key AS key, n.value AS value ORDER BY session, key",
    )


async def test_no_key_of_a_note_becomes_a_name_of_the_schema(graph: Graph) -> None:
    """The keys stand in values; the graph's property keys are the same with and without them."""
    await empty(graph.address)
    await graph.write(fold([at(1, WorkingMemorySet(key="plan", value=1))]))
    before = await _property_keys(graph)

    await graph.write(
        fold([at(n, WorkingMemorySet(key=key, value=n)) for n, key in enumerate(TYPED, start=2)])
    )

    assert await _property_keys(graph) == before
    assert {row["key"] for row in await notes_of(graph)} == {"plan", *TYPED}


async def test_a_batch_that_was_applied_before_brings_no_note_back(graph: Graph) -> None:
    """A note that was cleared or changed later stays so, however a projector begins again."""
    await empty(graph.address)
    events = [
        at(1, WorkingMemorySet(key="plan", value="first")),
        at(2, WorkingMemorySet(key="mood", value="good")),
        at(3, WorkingMemoryCleared(key="plan")),
        at(4, WorkingMemorySet(key="mood", value="better")),
        at(
            5,
            SessionHandedOff(to=session(2), summary="Over", working_memory={"mood": "passed on"}),
        ),
    ]
    for event in events:
        await graph.write(fold([event]))

    await graph.write(fold(events[:2]))
    await graph.write(fold(events[:4]))

    assert await notes_of(graph) == [
        {"session": session(1), "key": "mood", "value": '"better"'},
        {"session": session(2), "key": "mood", "value": '"passed on"'},
    ]


async def _property_keys(graph: Graph) -> set[str]:
    rows = await ask(
        graph.address, "CALL db.propertyKeys() YIELD propertyKey RETURN propertyKey AS key"
    )
    return {row["key"] for row in rows}
