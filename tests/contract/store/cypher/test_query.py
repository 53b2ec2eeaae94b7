"""Queries of users: read only, bounded, on every backend."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from anabranch_store.cypher.query import TIMEOUT_MAX_S
from anabranch_store.errors import (
    CypherInvalid,
    InputInvalid,
    QueryRefused,
    QueryTimedOut,
    QueryTooLarge,
)
from tests.support.patience import PATIENCE_S
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from anabranch_store.graph.graph import Graph

ENDLESS = [
    "UNWIND range(1, 1000000) AS x UNWIND range(1, 1000000) AS y RETURN count(x + y)",
    "UNWIND range(1, 1000000) AS x UNWIND range(1, 1000000) AS y WITH x, y WHERE x < 0 RETURN x",
]


async def test_a_query_returns_columns_and_rows(graph: Graph) -> None:
    """Every kind of value comes back as JSON can hold it."""
    result = await graph.query(
        "RETURN $text AS text, 1 AS whole, 0.5 AS part, true AS yes, null AS nothing, [1, [2]] AS "
        "list, {a: 1} AS map, datetime('2026-01-02T03:04:05Z') AS time, date('2026-01-02') AS day",
        {"text": "a 'quoted' \u00e9"},
    )

    assert result.columns == (
        "text", "whole", "part", "yes", "nothing", "list", "map", "time", "day",
    )  # fmt: skip
    row = result.rows[0]
    assert str(row.pop("time")).replace("+00:00", "Z").split(".")[0].rstrip("Z") == (
        "2026-01-02T03:04:05"
    )
    assert row == {
        "text": "a 'quoted' \u00e9",
        "whole": 1,
        "part": 0.5,
        "yes": True,
        "nothing": None,
        "list": [1, [2]],
        "map": {"a": 1},
        "day": "2026-01-02",
    }
    assert not result.truncated


@pytest.mark.parametrize("zone", ["Europe/Paris", "UTC"])
async def test_a_time_of_another_zone_is_asked_for_in_utc(graph: Graph, zone: str) -> None:
    """In Cypher `=`, `<=` and IN tell a moment in two zones apart, and `Z` from `[UTC]`.

    Neo4j 5.26.31 and 2026.09.0, ArcadeDB 26.10.2: see findings/. Times are stored in UTC.
    """
    stored = datetime(2025, 12, 31, 23, tzinfo=UTC)
    given = stored.astimezone(ZoneInfo(zone))

    result = await graph.query(
        "WITH datetime('2025-12-31T23:00:00Z') AS stored RETURN stored = $at AS same, "
        "stored >= $at AND stored <= $at AS within, stored IN $list AND stored = $map.at AS held",
        {"at": given, "list": [given], "map": {"at": given}},
    )

    assert result.rows == [{"same": True, "within": True, "held": True}]


@pytest.mark.parametrize("value", [2**64, [-(2**63) - 1], {"a": 2**64}, {1}, {1: 2}])
async def test_a_parameter_that_cannot_be_sent_is_refused(graph: Graph, value: object) -> None:
    """JSON has whole numbers past 64 bits, Bolt has not; the driver's own error names no remedy."""
    with pytest.raises(InputInvalid, match="parameters: ") as refused:
        await graph.query("RETURN $value", {"value": value})

    assert refused.value.field == "parameters"


async def test_comments_and_strings_are_no_refusals(graph: Graph) -> None:
    """Cypher inside a string or a comment is text."""
    result = await graph.query(
        "// CREATE (n)\nRETURN 'LOAD CSV FROM x; SET n.x = 1' AS text /* CALL dbms.x() */;"
    )

    assert result.rows == [{"text": "LOAD CSV FROM x; SET n.x = 1"}]


async def test_an_argument_that_is_out_of_range_is_the_querys_fault(graph: Graph) -> None:
    """Neo4j 5.26 calls it an error of the database; asking again would never help."""
    with pytest.raises(CypherInvalid, match=r"negative|out of range"):
        await graph.query("RETURN substring('abc', -1)")


@in_full_only
@pytest.mark.parametrize("graph_address", ["neo4j", "neo4j-calendar"], indirect=True)
async def test_a_query_that_needs_too_much_memory_is_told_so(graph: Graph) -> None:
    """Neo4j bounds the memory of a transaction, and says that it may pass; it would not."""
    with pytest.raises(QueryTooLarge) as caught:
        await graph.query(
            "UNWIND range(1, 30000000) AS x WITH collect(x) AS many RETURN size(many)",
            timeout_s=TIMEOUT_MAX_S,
        )

    assert "count instead of collecting" in caught.value.fix


async def test_an_answer_without_rows_has_its_columns(graph: Graph) -> None:
    """What was asked for is known when nothing was found; the embedded graph does not tell."""
    result = await graph.query("MATCH (i:Insight) RETURN i.text AS text, i.recorded AS recorded")

    assert result.columns == (() if graph.product.name == "arcadedb" else ("text", "recorded"))
    assert result.rows == []


async def test_rows_past_the_cap_are_left_out_and_it_says_so(graph: Graph) -> None:
    """The caps cut the answer, not the query, and exactly as many rows as there are is whole."""
    cut = await graph.query("UNWIND range(1, 100000) AS x RETURN x", rows_max=7)
    whole = await graph.query("UNWIND range(1, 7) AS x RETURN x", rows_max=7)

    assert [row["x"] for row in cut.rows] == [1, 2, 3, 4, 5, 6, 7]
    assert cut.truncated
    assert len(whole.rows) == 7
    assert not whole.truncated


async def test_bytes_past_the_cap_are_left_out_and_it_says_so(graph: Graph) -> None:
    """Long rows count by their length."""
    result = await graph.query(
        "UNWIND range(1, 100) AS x RETURN $text AS text", {"text": "a" * 1000}, bytes_max=10_000
    )

    assert len(result.rows) == 9
    assert result.truncated


@pytest.mark.parametrize("cypher", ENDLESS)
async def test_a_query_that_never_ends_is_ended(graph: Graph, cypher: str) -> None:
    """It comes back though it would run on for hours, and the next query works."""
    with pytest.raises(QueryTimedOut, match="longer than 1 s"):
        async with asyncio.timeout(PATIENCE_S):
            await graph.query(cypher, timeout_s=1)

    assert (await graph.query("RETURN 1 AS x")).rows == [{"x": 1}]


@pytest.mark.parametrize(
    "cypher",
    [
        "MATCH (n) DELETE n",
        "UNWIND [1] AS set WITH set MATCH (n:Session) SET n.x = set",
        "MATCH (n) WITH n CALL { WITH n DELETE n }",
    ],
)
async def test_a_write_is_refused(graph: Graph, cypher: str) -> None:
    """What the guard does not see as a write, the server refuses; nothing changes."""
    with pytest.raises(QueryRefused) as refused:
        await graph.query(cypher)

    assert refused.value.construct
    assert "memory changes by events" in refused.value.fix


@pytest.mark.parametrize(
    ("cypher", "construct"),
    [
        ("LOAD CSV FROM 'file:///etc/passwd' AS line RETURN line", "LOAD CSV"),
        ("LOAD CSV FROM 'http://127.0.0.1:9/x' AS line RETURN line", "LOAD CSV"),
        ("CALL dbms.listConfig()", "CALL dbms.listConfig"),
        ("CREATE USER bob SET PASSWORD 'x-y-z-1-2-3'", "CREATE USER"),
        ("SHOW USERS", "SHOW USERS"),
        ("USE system RETURN 1", "USE system"),
        ("RETURN apoc.version()", "apoc.version()"),
        ("CREATE (n:Session)", "CREATE"),
    ],
)
async def test_other_constructs_are_refused_by_name(
    graph: Graph, cypher: str, construct: str
) -> None:
    """LOAD CSV, administration and what is not on the lists never reach a server."""
    with pytest.raises(QueryRefused) as refused:
        await graph.query(cypher)

    assert refused.value.construct == construct


@pytest.mark.parametrize(
    "cypher",
    ["CALL db.labels()", "CALL db.relationshipTypes()", "CALL db.propertyKeys()", "SHOW INDEXES",
     "SHOW CONSTRAINTS", "CALL db.schema.visualization()", "CALL dbms.components()",
     "CALL db.index.fulltext.queryNodes('insight_text', 'river') YIELD node, score RETURN score"],
)  # fmt: skip
async def test_the_graph_describes_itself(graph: Graph, cypher: str) -> None:
    """Procedures on the list run as a reader on every store."""
    result = await graph.query(cypher)

    assert not result.truncated


@pytest.mark.parametrize(
    "cypher",
    ["RETURN foo(", "MATCH (n RETURN n", "RETURN $missing", "RETURN no_such_function(1)",
     "RETURN x", "RETURN 1 / 0"],
)  # fmt: skip
async def test_broken_cypher_is_invalid(graph: Graph, cypher: str) -> None:
    """The error carries what the server said about it."""
    with pytest.raises(CypherInvalid) as invalid:
        await graph.query(cypher)

    assert invalid.value.message


@pytest.mark.parametrize("bound", ["timeout_s", "rows_max", "bytes_max"])
async def test_a_bound_that_is_none_is_refused(graph: Graph, bound: str) -> None:
    """Zero and less are no bounds; more time than the server gives is none either."""
    with pytest.raises(InputInvalid) as invalid:
        await graph.query("RETURN 1", **{bound: 0})  # type: ignore[arg-type]  # All three are numbers.

    assert invalid.value.field == bound


async def test_more_time_than_a_query_may_have_is_refused(graph: Graph) -> None:
    """A query of a user's may run for a minute."""
    with pytest.raises(InputInvalid) as invalid:
        await graph.query("RETURN 1", timeout_s=61)

    assert invalid.value.field == "timeout_s"
