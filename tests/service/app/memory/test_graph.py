"""The graph of a memory by its Python face: each operation once, its value and its main error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from anabranch.errors import GenerationNotFound, GenerationRefused, PositionFromFuture
from anabranch_events import encode, new_event, new_id
from anabranch_events.event.types import BranchCreated
from anabranch_projections.errors import DeadLetterNotFound, GraphNotEmpty
from anabranch_store import create_database, drop_database
from tests.support.graphs import ask
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from anabranch import Memory
    from anabranch_store import EmbeddedGraph

TEXT = "The lock of the north gate was changed in May."


async def test_digest_names_the_content(memory: Memory) -> None:
    """It changes with what is learned, and as of a moment it is what it was."""
    first = await memory.remember(TEXT)
    before = await memory.graph.digest()
    last = await memory.remember("The south gate has no lock.")

    now = await memory.graph.digest()
    then = await memory.graph.digest(as_of=first.position)

    assert then == before
    assert (before.position, now.position) == (first.position, last.position)
    assert before.digest != now.digest
    with pytest.raises(PositionFromFuture):
        await memory.graph.digest(as_of=last.position + 1)


async def test_rebuild_gives_the_same_graph(memory: Memory) -> None:
    """A fresh generation takes the old one's place; progress is told."""
    kept = await memory.remember(TEXT)
    before = await memory.graph.digest()
    told: list[int] = []

    rebuilt = await memory.graph.rebuild(progress=lambda progress: told.append(progress.position))

    assert (rebuilt.position, rebuilt.events, rebuilt.dead_letters) == (kept.position, 2, 0)
    assert rebuilt.digest == before.digest
    assert await memory.graph.digest() == before
    assert told[-1] == kept.position


async def test_rebuild_into_another_graph_leaves_this_one(
    memory: Memory, embedded_graph: EmbeddedGraph
) -> None:
    """The other one must be empty."""
    await memory.remember(TEXT)
    before = await memory.graph.digest()
    other = await create_database(embedded_graph.address)

    rebuilt = await memory.graph.rebuild(into=other)

    assert rebuilt.digest == before.digest
    assert [one.state for one in await memory.graph.generations()] == ["live"]
    await drop_database(other)


async def test_rebuild_refuses_a_graph_that_holds_something_else(
    memory: Memory, embedded_graph: EmbeddedGraph
) -> None:
    """What is in another graph is not mixed with this log's."""
    other = await create_database(embedded_graph.address)
    await ask(other, "CREATE (:Insight {namespace: 'elsewhere', id: 'one'})")

    with pytest.raises(GraphNotEmpty):
        await memory.graph.rebuild(into=other)

    await drop_database(other)


async def test_generations_are_used_and_dropped(memory: Memory) -> None:
    """The live one first; a kept one is brought to the log's end before it is read."""
    await memory.remember(TEXT)
    [first] = await memory.graph.generations()
    await memory.graph.rebuild()
    last = await memory.remember("The south gate has no lock.")

    live, kept = await memory.graph.generations()
    back = await memory.graph.use(kept.name)
    dropped = await memory.graph.drop(live.name)

    assert (first.state, live.state, kept.state) == ("live", "live", "kept")
    assert (kept.name, back.name, back.state) == (first.name, first.name, "live")
    assert back.position >= last.position
    assert (dropped.name, dropped.state) == (live.name, "kept")
    assert [one.name for one in await memory.graph.generations()] == [first.name]


async def test_generations_that_are_not_there_or_live(memory: Memory) -> None:
    """An unknown name is told; the live graph is never dropped."""
    [live] = await memory.graph.generations()

    with pytest.raises(GenerationNotFound):
        await memory.graph.use("graph_0")
    with pytest.raises(GenerationNotFound):
        await memory.graph.drop("graph_0")
    with pytest.raises(GenerationRefused):
        await memory.graph.drop(live.name)


async def test_dead_letters_are_listed_and_settled(memory: Memory) -> None:
    """An event that cannot be applied waits there until it is discarded."""
    position = await _orphan(memory)
    letters = await memory.graph.dead_letters()

    found = await letters.all()
    retried = await letters.retry()
    await letters.discard([position])

    assert [(one.position, one.error) for one in found] == [(position, "ParentUnknown")]
    assert [(one.position, one.applied) for one in retried] == [(position, False)]
    assert await letters.all() == []
    with pytest.raises(DeadLetterNotFound):
        await letters.get(position + 1)


async def _orphan(memory: Memory) -> int:
    """Import a branch that nobody's parent is, and wait until it was put aside."""
    data = BranchCreated(parent_id=new_id(), root_id=new_id(), forked_at=1, depth=1, task="Lost")
    event = new_event(data, session_id=new_id(), namespace=memory.namespace)
    line = encode(event)[:-1] + b',"position":1}\n'
    imported = await memory.transfer.import_lines([line])
    await memory.wait_for(imported.position, timeout_s=PATIENCE_S)
    return imported.position
