"""Cypher of users, asked of the live graph or of the graph as of a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anabranch.past.as_of import graph_as_of, position_of
from anabranch_store import checked_query, parameters_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from anabranch.memory.namespaces import OpenNamespace
    from anabranch.past.as_of import Moment
    from anabranch.past.namespace_graphs import NamespaceGraphs
    from anabranch.settings import Settings
    from anabranch_store import Graph, QueryResult


async def cypher(
    namespace: OpenNamespace,
    query: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    as_of: Moment | None = None,
    progress: Callable[[int], None] | None = None,
) -> QueryResult:
    """Run a query as `Memory.cypher` says."""
    backend = namespace.backend
    position = None if as_of is None else await position_of(backend, as_of)
    given = {
        "namespace": namespace.name,
        "as_of": backend.seen if position is None else position,
        **(parameters or {}),
    }
    if position is None or "as_of" in parameters_in(query):
        await namespace.caught_up()
        return await _asked(await backend.graph(), query, given, settings=backend.settings)
    checked_query(query)
    async with graph_as_of(backend, position, progress=progress) as graph:
        return await _asked(graph, query, given, settings=backend.settings)


async def cypher_alone(
    graphs: NamespaceGraphs,
    namespace: OpenNamespace,
    query: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    as_of: Moment | None = None,
) -> QueryResult:
    """Run a query on a graph that holds nothing but the namespace.

    With `as_of` that namespace is folded up to there, also where the query filters by `$as_of`.
    """
    backend = namespace.backend
    position = None if as_of is None else await position_of(backend, as_of)
    checked_query(query)
    given = {
        "namespace": namespace.name,
        "as_of": backend.seen if position is None else position,
        **(parameters or {}),
    }
    async with graphs.of(namespace.name, as_of=position) as graph:
        return await _asked(graph, query, given, settings=backend.settings)


async def _asked(
    graph: Graph, query: str, parameters: Mapping[str, Any], *, settings: Settings
) -> QueryResult:
    return await graph.query(
        query,
        parameters,
        timeout_s=settings.query_timeout_s,
        rows_max=settings.query_rows_max,
        bytes_max=settings.query_bytes_max,
    )
