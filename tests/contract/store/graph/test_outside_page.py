"""The page on reading the graph from outside: it names what a graph of every event type has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from anabranch_projections import fold
from anabranch_store.graph.schema import RELATIONSHIP_TYPES
from tests.contract.projections.fold.test_effects import CASES
from tests.support.graphs import ask, empty
from tests.support.repository import ROOT
from tests.support.rounds import neo4j_in_full_only

if TYPE_CHECKING:
    from anabranch_store import Graph

pytestmark = neo4j_in_full_only

PAGE: Final = ROOT / "docs" / "how-to" / "read-the-graph.md"
OURS: Final = {"Checkpoint", "DeadLetter", "Generation", "Vectors"}
"""Labels of our own book-keeping: no outside reader needs their properties."""


def named() -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Return the properties that the page names, by label and by type of relationship."""
    nodes: dict[str, set[str]] = {}
    links: dict[str, set[str]] = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        row = re.match(r"\| `(?:\(:\w+\)-\[:)?(\w+)(?:\]->\(:\w+\))?` \| (.*) \|$", line)
        if row:
            found = links if "]->" in line else nodes
            found.setdefault(row[1], set()).update(re.findall(r"`(\w+)`", row[2]))
    return nodes, links


async def test_the_page_names_every_label_relationship_and_property(graph: Graph) -> None:
    """What the events of all types leave in the graph is on the page, and nothing else."""
    await empty(graph.address)
    nodes: dict[str, set[str]] = {}
    links: dict[str, set[str]] = {}
    for case in CASES.values():
        await empty(graph.address)
        await graph.write(fold(case.events))
        for row in await ask(
            graph.address, "MATCH (n) RETURN labels(n) AS labels, keys(n) AS keys"
        ):
            nodes.setdefault(row["labels"][0], set()).update(row["keys"])
        for row in await ask(
            graph.address, "MATCH ()-[r]->() RETURN type(r) AS type, keys(r) AS keys"
        ):
            links.setdefault(row["type"], set()).update(row["keys"])

    nodes_named, links_named = named()

    assert set(links_named) == set(RELATIONSHIP_TYPES)
    for label, keys in nodes.items():
        if label not in OURS:
            assert keys <= nodes_named[label], label
    for kind, keys in links.items():
        assert keys <= links_named[kind], kind
