"""The statements of recall and repair are planned by the calendar release of Neo4j too."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest
from neo4j.exceptions import Neo4jError

from anabranch_store import statement
from tests.support.graphs import session_with
from tests.support.rounds import in_full_only
from tests.unit.store.bolt.test_statements import FOLDER, NAMES

if TYPE_CHECKING:
    from anabranch_store import Graph

GROUPS: Final = ("recall/", "repair/")
"""The other contracts run the rest; those of these two are not held on every release."""


@in_full_only
@pytest.mark.parametrize("graph_address", ["neo4j-calendar"], indirect=True)
async def test_every_statement_is_planned(graph: Graph) -> None:
    """A name or a form that this release lacks would be refused, whatever is in the graph."""
    written = "".join(FOLDER.joinpath(f"{name}.cypher").read_text("utf-8") for name in NAMES)
    parts = set(re.findall(r"@(\w+/\w+)", written))
    refused: dict[str, str] = {}
    async with session_with(graph.address) as session:
        for name in NAMES:
            if not name.startswith(GROUPS) or name in parts:
                continue
            try:
                found = await session.run(f"EXPLAIN {statement(name)}")
                await found.consume()
            except Neo4jError as error:
                refused[name] = str(error)

    assert refused == {}
