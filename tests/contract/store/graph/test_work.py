"""The work of branches and the use of their insights, by role, executor and worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.support.graphs import ask
from tests.support.rounds import neo4j_in_full_only

if TYPE_CHECKING:
    from anabranch_store import Graph

pytestmark = neo4j_in_full_only

BRANCHES: Final[list[dict[str, Any]]] = [
    {
        "id": f"b{number}",
        "namespace": namespace,
        "opened": number + 1,
        "depth": depth,
        "role": role,
        "executor": "recalling",
        "worker": worker,
        "status": status,
        "duration_ms": duration_ms,
        "attempt": attempt,
    }
    for number, (namespace, depth, role, worker, status, duration_ms, attempt) in enumerate(
        [
            ("river", 0, None, None, "closed", None, None),
            ("river", 1, "focus", "one", "completed", 10.0, 1),
            ("river", 1, "focus", "two", "completed", 20.0, 2),
            ("river", 2, "focus", "one", "completed", 40.0, 1),
            ("river", 1, "focus", "one", "dead_lettered", 5.0, 3),
            ("river", 1, "skeptic", "two", "failed", None, 1),
            ("river", 1, "skeptic", None, "cancelled", None, None),
            ("river", 1, "skeptic", None, "pending", None, None),
            ("lake", 1, "focus", "one", "completed", 1000.0, 1),
        ]
    )
]
INSIGHTS: Final = [
    {"namespace": "river", "session_id": session_id, "id": f"i{number}", **cited}
    for number, (session_id, cited) in enumerate(
        [
            ("b0", {"citations": 9, "cited": 9}),
            ("b1", {"citations": 2, "confirmations": 1, "cited": 30}),
            ("b1", {"citations": 0, "cited": 31}),
            ("b2", {"citations": 1, "cited": 32}),
            ("b2", {}),
            ("b5", {}),
        ]
    )
]


async def _filled(graph: Graph) -> None:
    await ask(graph.address, "UNWIND $rows AS row CREATE (s:Session) SET s = row", rows=BRANCHES)
    await ask(
        graph.address,
        "UNWIND $rows AS row MATCH (s:Session {namespace: row.namespace, id: row.session_id}) "
        "CREATE (s)-[:PRODUCED {recorded: 20}]->(i:Insight) SET i = row",
        rows=INSIGHTS,
    )


async def test_branches_are_counted_in_groups(graph: Graph) -> None:
    """A group has its ends, attempts and durations; roots and other namespaces are in none."""
    await _filled(graph)

    by_role = await graph.read("sessions/work", namespace="river", after=0, by=["role"], limit=10)
    since = await graph.read(
        "sessions/work", namespace="river", after=4, by=["role", "worker"], limit=2
    )

    assert [list(row.values()) for row in by_role] == [
        ["focus", None, None, 4, 3, 1, 0, 7, 20.0, 38.0],
        ["skeptic", None, None, 3, 0, 1, 1, 1, None, None],
    ]
    assert [(row["role"], row["worker"], row["branches"]) for row in since] == [
        ("skeptic", None, 2),
        ("focus", "one", 1),
    ]


async def test_insights_are_counted_by_their_use(graph: Graph) -> None:
    """One that was of use at all is of use; only one that nobody wanted is rejected."""
    await _filled(graph)

    by_worker = await graph.read(
        "sessions/work_insights", namespace="river", after=0, by=["worker"]
    )
    altogether = await graph.read("sessions/work_insights", namespace="river", after=0, by=[])

    assert sorted(list(row.values()) for row in by_worker) == [
        [None, None, "one", 2, 1, 2, 1, 1, 1],
        [None, None, "two", 3, 1, 1, 1, 0, 0],
    ]
    assert [list(row.values()) for row in altogether] == [[None, None, None, 5, 2, 3, 2, 1, 1]]
