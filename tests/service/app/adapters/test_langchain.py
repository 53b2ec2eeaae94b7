"""The retriever for LangChain: its own standard tests, and our own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langchain_tests.integration_tests import RetrieversIntegrationTests
from pydantic import ValidationError

from anabranch.adapters.langchain import AnabranchRetriever
from anabranch_events.errors import InputInvalid

if TYPE_CHECKING:
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever

    from anabranch import Memory, sync

TEXTS = (
    "Ada drinks green tea before her morning run",
    "The staging database moved to port 5433",
    "Otters hold hands while they sleep",
    "Beavers repair a dam at night",
)


class TestStandard(RetrieversIntegrationTests):
    """LangChain's tests of every retriever."""

    _memory: sync.Memory

    @pytest.fixture(autouse=True)
    def _filled(self, plain_memory: sync.Memory) -> None:
        plain_memory.remember_all(TEXTS)
        self._memory = plain_memory

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        """The class under test."""
        return AnabranchRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        """The arguments it needs."""
        return {"memory": self._memory}

    @property
    def retriever_query_example(self) -> str:
        """A question that the memory can answer."""
        return "What does Ada drink?"


def texts(documents: list[Document]) -> list[str]:
    """Return what documents say."""
    return [one.page_content for one in documents]


async def test_a_document_is_a_hit(memory: Memory) -> None:
    """It has the insight's id and text, and in its metadata what else the hit says."""
    await memory.remember_all(TEXTS)
    (hit,) = (await memory.recall("What does Ada drink?", k=1)).hits

    (document,) = await AnabranchRetriever(memory=memory, k=1).ainvoke("What does Ada drink?")

    assert (document.id, document.page_content) == (hit.insight_id, hit.text)
    assert document.metadata == hit.model_dump(mode="json", exclude={"text"})


async def test_it_takes_what_recall_takes(memory: Memory) -> None:
    """A scope, a session and a moment, when it is made or when it is asked."""
    session = await memory.open_session("Look after the lock")
    inside = await session.remember("The lock opens at six")
    await session.remember("The lock closes at nine")
    await memory.remember("The lock was built in 1894")
    retriever = AnabranchRetriever(memory=memory, scope="session", session_id=session.session_id)

    in_session = await retriever.ainvoke("lock")
    earlier = await retriever.ainvoke("lock", as_of=inside.position)
    everywhere = await retriever.ainvoke("lock", scope="namespace", session_id=None)

    assert set(texts(in_session)) == {"The lock opens at six", "The lock closes at nine"}
    assert texts(earlier) == ["The lock opens at six"]
    assert len(everywhere) == 3


async def test_an_argument_that_recall_does_not_know_is_an_error(memory: Memory) -> None:
    """A filter is never ignored in silence."""
    with pytest.raises(InputInvalid, match="colour"):
        await AnabranchRetriever(memory=memory).ainvoke("lock", colour="red")
    with pytest.raises(ValidationError, match="colour"):
        AnabranchRetriever.model_validate({"memory": memory, "colour": "red"})


async def test_a_filter_of_recall_is_one_of_the_retrievers(memory: Memory) -> None:
    """Only what carries the tag is found."""
    await memory.remember("Ada drinks tea", tags=["drinks"])
    await memory.remember("Ada eats pizza")

    found = await AnabranchRetriever(memory=memory, filters={"tags": ["drinks"]}).ainvoke("Ada")

    assert [one.page_content for one in found] == ["Ada drinks tea"]
