"""The statements as the calendar release of Neo4j plans them: none is refused, few walk a label."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import pytest
from neo4j.exceptions import Neo4jError

from anabranch_store import statement
from tests.support.graphs import session_with
from tests.support.rounds import in_full_only
from tests.unit.store.bolt.test_statements import FOLDER, NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from anabranch_store import Graph

WALKS: Final = frozenset({"AllNodesScan", "DirectedAllRelationshipsScan", "NodeByLabelScan"})
WALKING: Final = frozenset(
    {
        "consolidations/list",
        "dead_letters/list",
        "digest/read_relationships",
        "generation/count_foreign",
        "insights/conflicts",
        "insights/count_bounded",
        "insights/holding_objects",
        "insights/oldest",
        "insights/with_vector",
        "repair/strip_nodes",
        "repair/unlink",
        "sessions/of_source",
    }
)
"""The statements that look at all nodes, or at all of a label. Each other one is by an index."""
LISTED: Final = {"sessions/list": "Session(opened)", "sessions/list_thought": "Session(root_id)"}
"""The index that a page of sessions is read by."""

Plan = tuple[str, str]


def steps(plan: Mapping[str, Any]) -> Iterator[Plan]:
    """Yield the operators of a plan with their details."""
    yield plan["operatorType"].partition("@")[0], plan["args"].get("Details", "")
    for child in plan.get("children", []):
        yield from steps(child)


@in_full_only
@pytest.mark.parametrize("graph_address", ["neo4j-calendar"], indirect=True)
async def test_every_statement_is_planned_and_most_by_an_index(graph: Graph) -> None:
    """A name or a form that this release lacks would be refused, whatever is in the graph."""
    written = "".join(FOLDER.joinpath(f"{name}.cypher").read_text("utf-8") for name in NAMES)
    parts = set(re.findall(r"@(\w+/\w+)", written))
    refused: dict[str, str] = {}
    plans: dict[str, list[Plan]] = {}
    async with session_with(graph.address) as session:
        for name in sorted(set(NAMES) - parts):
            try:
                found = await session.run(f"EXPLAIN {statement(name)}")
                planned = (await found.consume()).plan
                assert planned is not None
                plans[name] = list(steps(planned))
            except Neo4jError as error:
                refused[name] = str(error)

    walking = {name for name, plan in plans.items() if WALKS & {step for step, _ in plan}}
    assert refused == {}
    assert walking == WALKING
    for name, index in LISTED.items():
        assert any(index in details for _, details in plans[name]), plans[name]
