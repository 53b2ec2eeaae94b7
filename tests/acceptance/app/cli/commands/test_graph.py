"""`graph connect`: how a tool that knows nothing of us reads the live graph, and cannot write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from neo4j import GraphDatabase
from neo4j.exceptions import Neo4jError

from anabranch_events.event.identifiers import new_id
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.fixtures.memory import CommandLine

pytestmark = [pytest.mark.timeout(300), in_full_only]


def test_another_tool_reads_by_what_connect_says(anabranch: CommandLine) -> None:
    """Its user reads what is current in a namespace over Bolt, and may write nothing."""
    namespace = f"outside-{new_id()}"
    held = ("-N", namespace, "--json")
    old = anabranch.here("remember", "The port is 5432", *held).value
    new = anabranch.here("update", old["insight_id"], "The port is 5433", *held).value
    anabranch.here("recall", "port", "--after", str(new["position"]), *held)

    found = anabranch.here("graph", "connect", "--json").value

    assert (found["username"], found["read_only"]) == ("reader", True)
    with (
        GraphDatabase.driver(found["uri"], auth=(found["username"], found["password"])) as driver,
        driver.session(database=found["database"]) as session,
    ):
        asked = "MATCH (i:Insight {namespace: $namespace, current: true}) RETURN i.text AS text"
        assert session.run(asked, namespace=namespace).data() == [{"text": "The port is 5433"}]
        with pytest.raises(Neo4jError):
            session.run("CREATE (:Insight {namespace: $namespace})", namespace=namespace).consume()


def test_connect_where_nothing_runs_says_so(anabranch: CommandLine, tmp_path: Path) -> None:
    """Without a running home there is no graph to read."""
    refused = anabranch.here(
        "graph", "connect", "--json", environment={"ANABRANCH_HOME": str(tmp_path)}
    )

    assert (refused.code, refused.error["type"]) == (3, "NothingRunning")
