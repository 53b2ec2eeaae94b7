"""`graph connect`: how a tool that knows nothing of us reads the live graph, and cannot write."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from neo4j import GraphDatabase
from neo4j.exceptions import Neo4jError

from anabranch_events.event.identifiers import new_id
from tests.support.fixtures.memory import running
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.fixtures.memory import CommandLine

pytestmark = [pytest.mark.timeout(900), in_full_only]


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


def test_after_a_rebuild_a_tool_reads_the_live_graph_or_nothing(tmp_path: Path) -> None:
    """A new connection gets what is learned since; the one before, and the old name, are closed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {"ANABRANCH_GRAPH_PORT": str(port), "ANABRANCH_EMBEDDER": "none"}
    with running(tmp_path / "home", environment=settings) as line:
        old = line.here("remember", "The port is 5432", "--json").value
        line.here("recall", "port", "--after", str(old["position"]), "--json")
        found = line.here("graph", "connect", "--json").value
        assert (found["uri"], found["database"]) == (f"bolt://127.0.0.1:{port}", None)
        opened = GraphDatabase.driver(found["uri"], auth=(found["username"], found["password"]))
        with opened, opened.session() as before:
            assert before.run("MATCH (i:Insight) RETURN count(i) AS n").data() == [{"n": 1}]

            line.here("rebuild", "--json")
            new = line.here("remember", "The port is 5433", "--json").value
            line.here("recall", "port", "--after", str(new["position"]), "--json")

            with pytest.raises(Neo4jError):
                before.run("MATCH (i:Insight) RETURN count(i) AS n").data()
        with GraphDatabase.driver(
            found["uri"], auth=(found["username"], found["password"])
        ) as driver:
            with driver.session() as session:
                assert session.run("MATCH (i:Insight) RETURN count(i) AS n").data() == [{"n": 2}]
            with driver.session(database="graph") as session, pytest.raises(Neo4jError):
                session.run("MATCH (i:Insight) RETURN count(i) AS n").data()
        kept = line.here("cypher", "MATCH (i:Insight) RETURN count(i) AS n", "--json").value
        assert kept == {"n": 2}


def test_connect_where_nothing_runs_says_so(anabranch: CommandLine, tmp_path: Path) -> None:
    """Without a running home there is no graph to read."""
    refused = anabranch.here(
        "graph", "connect", "--json", environment={"ANABRANCH_HOME": str(tmp_path)}
    )

    assert (refused.code, refused.error["type"]) == (3, "NothingRunning")
