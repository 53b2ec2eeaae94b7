"""The tools on the page about reading the graph from outside, each run as the page says."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

from anabranch_events.event import types
from anabranch_projections import fold
from anabranch_store import EmbeddedGraph, Graph, Step
from tests.acceptance.test_agents import npm
from tests.support.graphs import empty
from tests.support.histories import at, insight
from tests.support.outside_tools import outside_python
from tests.support.patience import PATIENCE_S
from tests.support.repository import ROOT
from tests.support.rounds import ENGINE, in_full_only

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from anabranch_store import GraphAddress

pytestmark = [pytest.mark.timeout(900), in_full_only, pytest.mark.xdist_group("outside")]

PAGE: Final = (ROOT / "docs" / "how-to" / "read-the-graph.md").read_text(encoding="utf-8")
PINS: Final = (ROOT / "requirements" / "outside.in").read_text(encoding="utf-8")
INTROSPECTION: Final = "GraphQL introspection"
PACKAGES: Final = ("@neo4j/introspector@4.0.1", "neo4j-driver@5.28.3", "graphql@16.15.0")
VECTOR: Final = [1.0, 0.0, *([0.01] * 382)]
REASONS: Final = {
    "`SHOW VECTOR INDEXES` has no options": r"indexConfig|embedding_dimension",
    "`EXPLAIN` reports a write": "Only MATCH queries are allowed",
    "`db.schema.nodeTypeProperties` is unknown": "db.schema.nodeTypeProperties",
}
"""The words of a tool's error, by the reason that the page gives."""


class Tool(NamedTuple):
    """A row of the page's table."""

    name: str
    version: str
    neo4j: str
    embedded: str


def table() -> list[Tool]:
    """Return the rows of the table of tools."""
    section = PAGE.partition("\n## Tools\n")[2]
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", section, re.MULTILINE)
    return [Tool(*row) for row in rows if row[0] != "tool"]


def programs() -> dict[str, str]:
    """Return the programs of the page, by the name of their tool."""
    found = re.findall(
        r"^### (.+?)\n.*?^```(?:python|js)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE
    )
    return dict(found)


async def fill(address: GraphAddress) -> None:
    """Put a current insight, a superseded one and one of another namespace into the graph."""
    told = [
        at(1, types.SessionOpened(task="Ports")),
        at(2, types.InsightRecorded(insight_id=insight(1), text="The port is 5432")),
        at(3, types.InsightRecorded(insight_id=insight(2), text="The port is 5433")),
        at(4, types.InsightSuperseded(insight_id=insight(1), by=insight(2))),
        at(5, types.WorkingMemorySet(key="plan b", value=1)),
        at(
            6,
            types.InsightRecorded(insight_id=insight(3), text="The port is 1"),
            namespace="other",
        ),
    ]
    rows = [
        {"namespace": space, "id": insight(n), "recorded": n + 1 + 2 * (n == 3), "embedding": v}
        for n, space, v in (
            (1, "default", VECTOR),
            (2, "default", [1.0, 0.2, *VECTOR[2:]]),
            (3, "other", [1.0, 0.1, *VECTOR[2:]]),
        )
    ]
    async with Graph.connect(address) as graph:
        await graph.apply_schema()
        await empty(address)
        await graph.write(fold(told[:5]))
        await graph.write(fold(told[5:]))
        await graph.write([Step("projection/set_embeddings", {"rows": rows, "model": "m"})])


@pytest.fixture(scope="module")
def stores(
    neo4j_address: GraphAddress, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, dict[str, str]]]:
    """Give the environment of a tool for each store, both with the same content."""
    with asyncio.Runner() as runner:
        embedded = EmbeddedGraph(tmp_path_factory.mktemp("outside") / "graph", engine=ENGINE)
        runner.run(embedded.__aenter__())
        runner.run(fill(neo4j_address))
        runner.run(fill(embedded.address))
        outside = embedded.address
        yield {
            "neo4j": _environment(
                neo4j_address.uri, neo4j_address.username, neo4j_address.password.get_secret_value()
            ),
            "embedded": _environment(
                outside.uri,
                str(outside.outside_username),
                outside.outside_password.get_secret_value() if outside.outside_password else "",
            ),
        }
        runner.run(embedded.__aexit__(None, None, None))


def _environment(uri: str, username: str, password: str) -> dict[str, str]:
    return {
        **os.environ,
        "NEO4J_URI": uri,
        "NEO4J_USERNAME": username,
        "NEO4J_PASSWORD": password,
        "NAMESPACE": "default",
        "VECTOR": json.dumps(VECTOR),
    }


def _answers(environment: dict[str, str]) -> dict[str, Any]:
    """Return the lines that each program in Python printed, or its error."""
    given = {name: text for name, text in programs().items() if name != INTROSPECTION}
    done = subprocess.run(
        [str(outside_python()), str(ROOT / "tests" / "support" / "outside_programs.py")],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        env={name: text for name, text in environment.items() if name != "PYTHONPATH"},
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_each_tool_reads_what_is_current_in_a_namespace(
    stores: dict[str, dict[str, str]],
) -> None:
    """On Neo4j and, where the page says so, on the embedded graph; else for the reason it gives."""
    outside_python()
    with ThreadPoolExecutor() as pool:
        found = dict(zip(stores, pool.map(_answers, stores.values()), strict=True))

    for tool in table():
        if tool.name != INTROSPECTION:
            for store, said in (("neo4j", tool.neo4j), ("embedded", tool.embedded)):
                _fits(said, found[store][tool.name], f"{tool.name} on {store}")


def _fits(said: str, answer: list[str] | str, where: str) -> None:
    if said == "yes":
        assert answer == ["The port is 5433"], where
    else:
        assert isinstance(answer, str), where
        assert re.search(REASONS[said.removeprefix("no: ")], answer), (where, answer)


@pytest.mark.skipif(shutil.which("npm") is None, reason="Node is not on this machine")
def test_graphql_introspection_finds_types_with_names_that_it_takes(
    stores: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    """A note's key is no field of anything; the embedded graph lacks the procedure it asks."""
    folder = npm(tmp_path / "npm", *PACKAGES).parent
    (folder / "introspect.mjs").write_text(programs()[INTROSPECTION])

    neo4j, embedded = (
        subprocess.run(
            ["node", "introspect.mjs"],  # noqa: S607 - it is on the path, or the test is skipped.
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        for environment in stores.values()
    )

    assert neo4j.returncode == 0, neo4j.stderr
    assert {"Insight", "Note", "Session"} <= set(neo4j.stdout.split())
    _fits(next(t.embedded for t in table() if t.name == INTROSPECTION), embedded.stderr, "graphql")


def test_the_page_names_the_versions_that_are_run() -> None:
    """Each row of the table has a program and a pin; so has the driver."""
    rows = table()

    assert {row.name for row in rows} == set(programs())
    pins = {*PINS.splitlines(), *(name.replace("@4", "==4") for name in PACKAGES)}
    for row in rows:
        name, _, version = row.version.rpartition(" ")
        assert f"{name}=={version}" in pins
    driver = re.search(r"the driver neo4j ([0-9.]+[0-9])", PAGE)
    assert driver is not None
    assert f"neo4j=={driver[1]}" in pins
