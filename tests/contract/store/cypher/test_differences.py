"""The table of what the stores answer differently, asked of each of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from docs.cypher_differences import DIFFERENCES, REFUSED

from anabranch_store.errors import CypherInvalid
from tests.support.learning import Account, learn
from tests.support.rounds import neo4j_in_full_only

if TYPE_CHECKING:
    import pytest

    from anabranch_store import Graph

pytestmark = neo4j_in_full_only


async def answer(graph: Graph, query: str) -> str:
    """Return the first value of the first row as JSON: 1, 1.0 and true are three answers."""
    try:
        result = await graph.query(query)
    except CypherInvalid:
        return json.dumps(REFUSED)
    return json.dumps(next(iter(result.rows[0].values())))


async def test_each_store_answers_as_the_table_says(
    graph: Graph, request: pytest.FixtureRequest
) -> None:
    """Every query of the page gives what its column says, types included."""
    account = Account()
    account.remember(account.open(), "The gauge drifts.")
    await learn(graph, account.events)

    found = {one.query: await answer(graph, one.query) for one in DIFFERENCES}

    assert found == {one.query: json.dumps(column(one, request)) for one in DIFFERENCES}


def column(one: Any, request: pytest.FixtureRequest) -> Any:
    """Return the answer of the store that this test runs on."""
    backend = request.node.callspec.params["graph_address"]
    return {"neo4j": one.long_term, "neo4j-calendar": one.calendar}.get(backend, one.embedded)


def test_the_stores_differ_in_each_row() -> None:
    """No row stands in the table that all three answer alike."""
    for one in DIFFERENCES:
        assert len({json.dumps(each) for each in (one.embedded, one.long_term, one.calendar)}) > 1
