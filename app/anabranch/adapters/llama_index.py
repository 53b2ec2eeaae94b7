"""A LlamaIndex retriever: `from anabranch.adapters.llama_index import AnabranchRetriever`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from anabranch.adapters.bridge import Bridge
from anabranch.adapters.framework import framework
from anabranch.adapters.hit_metadata import metadata_of

with framework("llama_index.core", extra="llama-index"):
    from llama_index.core.base.base_retriever import BaseRetriever
    from llama_index.core.schema import NodeWithScore, TextNode

if TYPE_CHECKING:
    from llama_index.core.schema import QueryBundle

    from anabranch.memory.memory import Memory
    from anabranch.past.as_of import Moment
    from anabranch.sync import Memory as SyncMemory
    from anabranch_recall import FilterFields, Hit, Scope


class AnabranchRetriever(BaseRetriever):
    """Recall as a LlamaIndex retriever: a node a hit, best first, with the hit's score.

    `memory` is an open Memory, of `anabranch` or of `anabranch.sync`; the other arguments are those
    of `Memory.recall`. A node has the insight's id and text. In its metadata is what else the hit
    says; it is kept out of embeddings and prompts.
    """

    def __init__(
        self,
        memory: Memory | SyncMemory,
        *,
        k: int = 10,
        scope: Scope | str | None = None,
        session_id: str | None = None,
        as_of: Moment | None = None,
        include_retired: bool = False,
        min_similarity: float | None = None,
        **filters: Unpack[FilterFields],
    ) -> None:
        super().__init__()
        self._bridge: Bridge[Memory] = Bridge(memory)
        self._k = k
        self._scope = scope
        self._session_id = session_id
        self._as_of = as_of
        self._include_retired = include_retired
        self._min_similarity = min_similarity
        self._filters = filters

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return self._bridge.run(self._recalled(query_bundle.query_str))

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await self._bridge.arun(self._recalled(query_bundle.query_str))

    async def _recalled(self, query: str) -> list[NodeWithScore]:
        found = await self._bridge.memory.recall(
            query,
            k=self._k,
            scope=self._scope,
            session_id=self._session_id,
            as_of=self._as_of,
            include_retired=self._include_retired,
            min_similarity=self._min_similarity,
            **self._filters,
        )
        return [NodeWithScore(node=_node(hit), score=hit.score) for hit in found]


def _node(hit: Hit) -> TextNode:
    metadata = metadata_of(hit)
    return TextNode(
        id_=hit.insight_id,
        text=hit.text,
        metadata=metadata,
        excluded_embed_metadata_keys=[*metadata],
        excluded_llm_metadata_keys=[*metadata],
    )
