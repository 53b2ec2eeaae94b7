"""Cypher of keys: each asks a graph that holds its own namespace, whatever the query says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from anabranch import Memory
from anabranch.errors import ServiceBusy
from anabranch.home.folder import Home
from anabranch.http.access.key_access import KeyAccess
from anabranch.http.access.key_file import KeyFile
from anabranch.memory.memory import namespace_of
from anabranch.past.namespace_graphs import NamespaceGraphs
from tests.support.fixtures.http import client_at, problem, served
from tests.support.graphs import empty
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx2

    from anabranch.settings import Settings
    from anabranch_store import GraphAddress

TEXT = "The lock of the north gate was changed in May."
ALL = "MATCH (i:Insight) RETURN i.text AS text ORDER BY text"
CROSSING = (
    ALL,
    "MATCH (i:Insight {namespace: 'b'}) RETURN i.text AS text",
    "MATCH (i:Insight) WHERE i.namespace <> 'a' RETURN i.text AS text",
    "MATCH (n) RETURN DISTINCT n.namespace AS text",
    "MATCH (a)-[r]-(b) RETURN DISTINCT b.namespace AS text",
    "MATCH (i:Insight) CALL { WITH i MATCH (o:Insight) RETURN o } RETURN o.text AS text",
    "MATCH (s:Session) RETURN s.namespace AS text UNION MATCH (e:Entity) RETURN e.namespace AS text",
)
"""Harmless queries that would name what is of the namespace `b`."""


class Asking(NamedTuple):
    """A service with keys over two namespaces with the same words in each, and their ends."""

    web: httpx2.AsyncClient
    keys: KeyFile

    async def key(self, scope: str, *namespaces: str) -> dict[str, str]:
        """Make a key; for all namespaces where none is named. Return the header that shows it."""
        _, token = await self.keys.create(
            f"key {len(self.keys.keys())}", scope=scope, namespaces=namespaces or None
        )
        return {"Authorization": f"Bearer {token}"}

    async def texts(
        self, key: dict[str, str], query: str, *, namespace: str | None = None, **asked: Any
    ) -> list[Any]:
        """Return what a query finds."""
        params = {} if namespace is None else {"namespace": namespace}
        body = {"query": query, **asked}
        answer = await self.web.post("/v1/cypher", params=params, json=body, headers=key)
        assert answer.status_code == 200, answer.text
        return [row["text"] for row in answer.json()["rows"]]


@pytest.fixture
async def memory(request: pytest.FixtureRequest, own_settings: Settings) -> AsyncIterator[Memory]:
    """Open a memory over an empty home, or on Neo4j where a test asks for that."""
    mine = own_settings.changed(embedder="none")
    if getattr(request, "param", "embedded") == "neo4j":
        server: GraphAddress = request.getfixturevalue("neo4j_address")
        await empty(server)
        mine = mine.changed(
            neo4j_uri=server.uri, neo4j_username=server.username, neo4j_password=server.password
        )
    async with Memory.open(settings=mine) as memory:
        yield memory


@pytest.fixture
async def asking(memory: Memory, tmp_path: Path) -> AsyncIterator[Asking]:
    """Serve two namespaces to keys, with something in each."""
    keys = KeyFile(Home(tmp_path / "keys"))
    access = KeyAccess(keys)
    async with served(memory, access=access) as url, client_at(url) as web:
        found = Asking(web, keys)
        whole = await found.key("admin")
        for name in "ab":
            body = {"text": f"{TEXT} {name}", "entities": ["north gate", name]}
            await web.post(f"/v1/insights?namespace={name}", json=body, headers=whole)
        yield found


@pytest.mark.parametrize(
    "memory", ["embedded", pytest.param("neo4j", marks=in_full_only)], indirect=True
)
async def test_a_query_sees_the_namespace_of_its_key_and_nothing_else(asking: Asking) -> None:
    """No query brings anything of another namespace, nor does one in the name of another."""
    key = await asking.key("read", "a")

    told = {query: await asking.texts(key, query) for query in CROSSING}
    named = await asking.texts(
        key,
        "MATCH (i:Insight {namespace: $namespace}) RETURN i.text AS text",
        parameters={"namespace": "b"},
    )

    assert told[ALL] == [f"{TEXT} a"]
    assert (told[CROSSING[1]], told[CROSSING[2]], named) == ([], [], [])
    # A checkpoint is of no namespace.
    assert {text for found in told.values() for text in found} - {None} == {f"{TEXT} a", "a"}


@in_full_only
async def test_a_key_of_several_asks_one_and_only_a_whole_one_asks_all(asking: Asking) -> None:
    """Each request names one namespace of the key; all rights everywhere are the live graph."""
    some, everywhere = await asking.key("admin", "a", "b"), await asking.key("write")
    whole = await asking.key("admin")

    told = [
        await asking.texts(key, ALL, namespace=name) for key in (some, everywhere) for name in "ab"
    ]
    everything = await asking.texts(whole, ALL, namespace="a")

    assert told == [[f"{TEXT} a"], [f"{TEXT} b"]] * 2
    assert everything == [f"{TEXT} a", f"{TEXT} b"]


@in_full_only
async def test_a_query_follows_the_log_and_goes_back(asking: Asking) -> None:
    """A query sees what was just stored, and an earlier moment; a write is refused."""
    key = await asking.key("write", "a")

    before = await asking.texts(key, ALL)
    await asking.web.post("/v1/insights", json={"text": "A new lock"}, headers=key)
    after = await asking.texts(key, ALL)
    then = [await asking.texts(key, ALL, as_of=position) for position in (2, 0)]
    refused = [
        problem(await asking.web.post("/v1/cypher", json={"query": text}, headers=key))
        for text in ("CREATE (n) RETURN n", "USE graph_1 MATCH (n) RETURN n")
    ]

    assert (before, after) == ([f"{TEXT} a"], ["A new lock", f"{TEXT} a"])
    assert then == [[f"{TEXT} a"], []]
    assert refused == [(400, "QueryRefused")] * 2


@in_full_only
async def test_graphs_are_bounded_and_dropped(asking: Asking, memory: Memory) -> None:
    """The one that was asked least lately makes room; where all are in use the next waits."""
    del asking
    graphs = NamespaceGraphs(namespace_of(memory).backend, graphs_max=1)

    async with graphs.of("a") as first, graphs.of("a") as again:
        with pytest.raises(ServiceBusy):
            async with graphs.of("b"):
                pass
    async with graphs.of("b") as second:
        found = (await second.query(ALL)).rows
    await graphs.close()
    with pytest.raises(ServiceBusy):
        async with graphs.of("a"):
            pass

    assert first is again
    assert first.address.database != second.address.database
    assert [row["text"] for row in found] == [f"{TEXT} b"]
