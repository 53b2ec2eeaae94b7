"""A LangChain retriever: `from anabranch.adapters.langchain import AnabranchRetriever`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, Field, PrivateAttr

from anabranch import sync  # noqa: TC001 - pydantic reads the fields.
from anabranch.adapters.bridge import Bridge
from anabranch.adapters.framework import framework
from anabranch.adapters.hit_metadata import metadata_of
from anabranch.memory.memory import Memory  # noqa: TC001 - As above.
from anabranch.past.as_of import Moment  # noqa: TC001 - As above.
from anabranch_recall import Scope  # noqa: TC001 - As above.

with framework("langchain_core", extra="langchain"):
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever

if TYPE_CHECKING:
    from langchain_core.callbacks import (
        AsyncCallbackManagerForRetrieverRun,
        CallbackManagerForRetrieverRun,
    )


class AnabranchRetriever(BaseRetriever):
    """Recall as a LangChain retriever: a document a hit, best first.

    `memory` is an open Memory, of `anabranch` or of `anabranch.sync`. The arguments of
    `Memory.recall` are set here, or given to `invoke`. A document has the insight's id and text,
    and in its metadata what else the hit says. `filters` are recall's: tags, kinds, agent and so
    on. `tags` and `metadata` of a retriever are LangChain's own, for its tracing: they filter
    nothing.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    memory: Memory | sync.Memory
    k: int = 10
    scope: Scope | str | None = None
    session_id: str | None = None
    as_of: Moment | None = None
    include_retired: bool = False
    min_similarity: float | None = None
    filters: dict[str, Any] = Field(default_factory=dict[str, Any])
    _bridge: Bridge[Memory] = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Bind the retriever to the memory's loop."""
        super().model_post_init(context)
        self._bridge = Bridge(self.memory)

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002 - LangChain gives it.
        **asked: Any,
    ) -> list[Document]:
        return self._bridge.run(self._recalled(query, **asked))

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,  # noqa: ARG002 - LangChain gives it.
        **asked: Any,
    ) -> list[Document]:
        return await self._bridge.arun(self._recalled(query, **asked))

    async def _recalled(self, query: str, **asked: Any) -> list[Document]:
        given: dict[str, Any] = {
            "k": self.k,
            "scope": self.scope,
            "session_id": self.session_id,
            "as_of": self.as_of,
            "include_retired": self.include_retired,
            "min_similarity": self.min_similarity,
            **self.filters,
            **asked,
        }
        return [
            Document(id=hit.insight_id, page_content=hit.text, metadata=metadata_of(hit))
            for hit in await self._bridge.memory.recall(query, **given)
        ]
