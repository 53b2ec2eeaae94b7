"""The insights that took the place of others, on every store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.support.graphs import ask
from tests.support.rounds import neo4j_in_full_only

if TYPE_CHECKING:
    from anabranch_store import Graph

pytestmark = neo4j_in_full_only

CHAIN: Final = 12
INSIGHTS: Final[list[dict[str, Any]]] = [
    {"id": "old", "recorded": 1, "retired": 2},
    {"id": "void", "recorded": 3},
    {"id": "named"},
    {"id": "behind", "recorded": 4},
    {"id": "ended", "recorded": 5, "retired": 6},
    {"id": "forgotten", "recorded": 7, "forgotten": 8},
    *({"id": f"c{at:02}", "recorded": 20 + at, "retired": 21 + at} for at in range(CHAIN)),
]
LINKS: Final[list[dict[str, Any]]] = [
    {"new": "void", "old": "old", "void": True},
    {"new": "named", "old": "old"},
    {"new": "behind", "old": "named"},
    {"new": "ended", "old": "old"},
    {"new": "old", "old": "ended"},
    {"new": "forgotten", "old": "old"},
    {"new": "c00", "old": "old"},
    *({"new": f"c{at:02}", "old": f"c{at - 1:02}"} for at in range(1, CHAIN)),
]


async def test_what_was_only_named_and_void_links_count_for_nothing(graph: Graph) -> None:
    """Of a chain eight steps are followed at once, a circle ends, and what ended holds no more."""
    await ask(
        graph.address,
        "UNWIND $rows AS row CREATE (i:Insight) SET i = row",
        rows=[{"namespace": "river", **one} for one in INSIGHTS],
    )
    await ask(
        graph.address,
        "UNWIND $rows AS row MATCH (n:Insight {namespace: 'river', id: row.new}) "
        "MATCH (o:Insight {namespace: 'river', id: row.old}) "
        "CREATE (n)-[s:SUPERSEDES {recorded: 1}]->(o) SET s.void = row.void",
        rows=LINKS,
    )

    rows = await graph.read("insights/replacing", namespace="river", ids=["old"])
    further = await graph.read("insights/replacing", namespace="river", ids=["c07", "c08"])

    found = {row["insight_id"]: row["holds"] for row in rows}
    assert found == {
        "old": False,
        "behind": True,
        "ended": False,
        "forgotten": False,
        **{f"c{at:02}": False for at in range(8)},
    }
    assert [row["insight_id"] for row in further] == ["c08", "c09", "c10", "c11"]
    assert await graph.read("insights/replacing", namespace="lake", ids=["old"]) == []
