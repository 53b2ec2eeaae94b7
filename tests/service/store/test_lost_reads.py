"""A transaction whose connection died while it waited, as in a process that stood still."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from anabranch_store import Graph, Step
from anabranch_store.bolt import transactions
from anabranch_store.errors import GraphUnavailable
from tests.support.proxy import Proxy
from tests.support.rounds import neo4j_in_full_only


@neo4j_in_full_only
@pytest.mark.parametrize("writes", [False, True])
async def test_what_was_not_committed_is_tried_again_however_long_it_waited(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, writes: bool
) -> None:
    """The connection is cut when all time for further tries is over: one more try finds another."""
    monkeypatch.setattr(transactions, "_LOST_FOR_S", 0.01)
    async with Proxy(graph.address.uri) as proxy:
        address = graph.address.model_copy(update={"uri": proxy.url})
        async with Graph.connect(address) as reader:
            proxy.hold_answers()
            step = Step("generation/serve", {"time": "2026-12-01T00:00:00+00:00"})
            asked = reader.write([step]) if writes else reader.read("generation/count_foreign")
            waiting = asyncio.create_task(asked)
            await asyncio.sleep(0.2)
            proxy.cut()
            proxy.let_answers_pass()

            found = await waiting

    assert found == (None if writes else [{"found": 0}])


@neo4j_in_full_only
async def test_a_query_goes_over_a_new_connection_where_the_one_it_had_was_lost(
    graph: Graph,
) -> None:
    """A server that was started again, or a process that stood still: the query only reads."""
    async with Proxy(graph.address.uri) as proxy:
        address = graph.address.model_copy(update={"uri": proxy.url})
        async with Graph.connect(address) as reader:
            await reader.query("RETURN 1 AS found", {})
            proxy.cut()

            found = await reader.query("RETURN 2 AS found", {})

    assert found.rows == [{"found": 2}]


@neo4j_in_full_only
async def test_a_query_that_never_began_is_not_told_as_one_that_still_runs(
    graph: Graph, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the graph has gone there is nothing to end, and the log has no word of it."""
    async with AsyncExitStack() as stack:
        async with Proxy(graph.address.uri) as proxy:
            gone = {"uri": proxy.url}
            if graph.address.admin_url is not None:
                gone["admin_url"] = proxy.url.replace("bolt", "http")
            address = graph.address.model_copy(update=gone)
            reader = await stack.enter_async_context(Graph.connect(address))
            await reader.query("RETURN 1 AS found", {})

        with pytest.raises(GraphUnavailable):
            await reader.query("RETURN 2 AS found", {})

    assert [one.message for one in caplog.records if one.name.startswith("anabranch")] == []
