"""Recall through a memory: the price of a question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anabranch import Memory
from anabranch_store import Graph

if TYPE_CHECKING:
    import pytest

    from anabranch.settings import Settings

READS_MAX = 5


async def test_a_question_costs_few_reads_of_the_graph(
    own_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first question of a memory that joined takes at most five reads, the second no more."""
    read = Graph.read
    asked: list[str] = []

    async def counted(graph: Graph, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        asked.append(statement)
        return await read(graph, statement, **parameters)

    async with Memory.open(settings=own_settings) as owner:
        fact = await owner.remember("The pump of the north gate is red")
        await owner.recall("pump", after=fact.position)
        async with Memory.open(settings=own_settings) as memory:
            monkeypatch.setattr(Graph, "read", counted)
            first = await memory.recall("Which pump is red?", after=fact.position)
            reads = [tuple(asked)]
            asked.clear()
            again = await memory.recall("Which pump is red?")
            reads.append(tuple(asked))
            monkeypatch.undo()

    assert [hit.insight_id for hit in first.hits] == [fact.insight_id]
    assert [hit.insight_id for hit in again.hits] == [fact.insight_id]
    assert [one for one in reads if len(one) > READS_MAX] == []
    assert all(reads)
