"""The retriever for LlamaIndex, alone and in an engine of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine

from anabranch.adapters.llama_index import AnabranchRetriever

if TYPE_CHECKING:
    from anabranch import Memory, sync

TEXTS = (
    "Ada drinks green tea before her morning run",
    "The staging database moved to port 5433",
    "Otters hold hands while they sleep",
)


async def test_a_node_is_a_hit(memory: Memory) -> None:
    """It has the insight's id, text and score, and in its metadata what else the hit says."""
    await memory.remember_all(TEXTS)
    hits = (await memory.recall("What does Ada drink?", k=2)).hits

    found = await AnabranchRetriever(memory, k=2).aretrieve("What does Ada drink?")

    given = [(one.node_id, one.text, one.score, one.metadata) for one in found]
    assert given == [
        (hit.insight_id, hit.text, hit.score, hit.model_dump(mode="json", exclude={"text"}))
        for hit in hits
    ]


async def test_it_takes_what_recall_takes(memory: Memory) -> None:
    """A scope, a session and a moment."""
    session = await memory.open_session("Look after the lock")
    inside = await session.remember("The lock opens at six")
    await session.remember("The lock closes at nine")
    retriever = AnabranchRetriever(
        memory, scope="session", session_id=session.session_id, as_of=inside.position
    )

    found = await retriever.aretrieve("lock")

    assert [one.text for one in found] == ["The lock opens at six"]


def test_an_engine_shows_the_model_the_text_alone(plain_memory: sync.Memory) -> None:
    """The prompt that LlamaIndex makes has the insights, and none of their metadata."""
    plain_memory.remember_all(TEXTS)
    retriever = AnabranchRetriever(plain_memory, k=1)
    engine = RetrieverQueryEngine.from_args(retriever, llm=MockLLM())

    answer = engine.query("What does Ada drink?")

    assert [one.text for one in answer.source_nodes] == [TEXTS[0]]
    assert TEXTS[0] in str(answer)
    assert "session_id" not in str(answer)


async def test_a_filter_of_recall_is_one_of_the_retrievers(memory: Memory) -> None:
    """Only what carries the tag is found."""
    await memory.remember("Ada drinks tea", tags=["drinks"])
    await memory.remember("Ada eats pizza")

    found = await AnabranchRetriever(memory, tags=["drinks"]).aretrieve("Ada")

    assert [one.text for one in found] == ["Ada drinks tea"]
