"""Agents over streamable HTTP: the SDK's own client, in both revisions, with keys and without."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from anabranch.http.access.audit import Audit, last_entries
from anabranch.http.access.key_access import KeyAccess
from anabranch.http.access.key_file import KeyFile
from anabranch.memory.memory import namespace_of
from tests.support.fixtures.http import client_at, problem, served
from tests.support.mcp_messages import HANDSHAKE
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import httpx2

    from anabranch import Memory
    from anabranch.http.access.callers import Access

pytestmark = [pytest.mark.timeout(900), in_full_only]
ERAS: Final = {"auto": "2026-07-28", "legacy": "2025-11-25"}
HELLO: Final = {"jsonrpc": "2.0", **HANDSHAKE[0]}
TAKES: Final = {"Accept": "application/json, text/event-stream"}


@asynccontextmanager
async def asking(
    url: str, *, era: Any = "auto", token: str | None = None, namespace: str | None = None
) -> AsyncGenerator[Client]:
    """Give the SDK's client of a service."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    address = f"{url}/mcp" + (f"?namespace={namespace}" if namespace else "")
    async with (
        client_at(url, headers=headers) as web,
        Client(streamable_http_client(address, http_client=web), mode=era) as client,
    ):
        yield client


def keyed(keys: KeyFile, memory: Memory) -> tuple[Access, Audit]:
    """Return access by keys, with an audit."""
    audit = Audit(lambda: namespace_of(memory).backend.log.connection)
    return KeyAccess(keys, audit=audit), audit


@pytest.fixture
def keys(memory: Memory) -> KeyFile:
    """Give the keys of the memory's home."""
    return KeyFile(namespace_of(memory).backend.servers.home)


@pytest.mark.parametrize("era", ERAS)
async def test_an_agent_works_over_http(memory: Memory, era: Any) -> None:
    """It lists, opens, remembers, recalls and reads, as over stdio; progress may come between."""
    async with served(memory) as url, asking(url, era=era) as client:
        version = client.protocol_version
        tools = (await client.list_tools()).tools
        opened = (
            await client.call_tool("open_session", {"task": "Mend the net"})
        ).structured_content
        session = opened["session_id"]
        learned = await client.call_tool(
            "remember", {"text": "The net has nine holes", "session_id": session}
        )
        found = await client.call_tool("recall", {"query": "How many holes has the net?"})
        read = await client.read_resource(f"anabranch://session/{session}")
        refused = await client.call_tool("complete_session", {"session_id": session, "result": ""})

    content: Any = read.contents[0]
    assert version == ERAS[era]
    assert len(tools) == 12
    assert [one["insight_id"] for one in found.structured_content["hits"]] == [
        learned.structured_content["insight_id"]
    ]
    assert json.loads(content.text)["task"] == "Mend the net"
    assert refused.is_error


async def test_a_client_with_a_session_is_known_by_it(memory: Memory) -> None:
    """Insights go into its own open session, not another client's, and it is closed as it goes."""
    async with served(memory) as url, asking(url, era="legacy") as other:
        await other.call_tool("open_session", {"task": "Mend the net"})
        async with asking(url, era="legacy") as client:
            opened = await client.call_tool("open_session", {"task": "Mend the net"})
            learned = await client.call_tool("remember", {"text": "The net has nine holes"})
        events = [one.decode() async for one in memory.replay()]

    session = opened.structured_content["session_id"]
    assert learned.structured_content["session_id"] == session
    assert [one.session_id for one in events if "session.closed" in one.type] == [session]
    assert sum("session.opened" in one.type for one in events) == 2


async def test_clients_without_a_session_are_not_mixed_up(memory: Memory) -> None:
    """The same task asked for twice is two sessions, and an insight without one has its own."""
    async with served(memory) as url, asking(url) as client:
        first, second = [
            (await client.call_tool("open_session", {"task": "Mend the net"})).structured_content
            for _ in range(2)
        ]
        alone = await client.call_tool("remember", {"text": "The net has nine holes"})

    named = {first["session_id"], second["session_id"], alone.structured_content["session_id"]}
    assert len(named) == 3


@pytest.mark.parametrize("era", ERAS)
async def test_a_key_that_may_only_read_stores_nothing(
    memory: Memory, keys: KeyFile, era: Any
) -> None:
    """Reading tools work, writing ones are refused with the reason, and both are in the audit."""
    await memory.remember("The net has nine holes")
    namespace = namespace_of(memory).name
    key, token = await keys.create("reader", scope="read", namespaces=[namespace])
    before = await namespace_of(memory).backend.log.bounds()
    access, audit = keyed(keys, memory)

    async with (
        audit,
        served(memory, access=access) as url,
        asking(url, era=era, token=token) as one,
    ):
        found = await one.call_tool("recall", {"query": "How many holes has the net?"})
        refused = [
            await one.call_tool(name, arguments)
            for name, arguments in (
                ("remember", {"text": "It has ten"}),
                ("open_session", {"task": "Mend it"}),
            )
        ]
        await audit.stored()
        entries = await last_entries(namespace_of(memory).backend.log.connection, 3)

    after = await namespace_of(memory).backend.log.bounds()
    assert len(found.structured_content["hits"]) == 1
    assert all("--scope write" in str(answer.content) for answer in refused)
    assert after.last == before.last
    assert [(one.key, one.operation, one.namespace, one.status) for one in entries] == [
        (key.id, "recall", namespace, 200),
        (key.id, "remember", namespace, 403),
        (key.id, "open_session", namespace, 403),
    ]


async def test_a_key_of_another_namespace_sees_nothing_of_this_one(
    memory: Memory, keys: KeyFile
) -> None:
    """Neither by its tools, nor by an id, nor by naming the namespace in the address."""
    receipt = await memory.remember("The net has nine holes")
    _, token = await keys.create("stranger", scope="write", namespaces=["elsewhere"])
    access, audit = keyed(keys, memory)

    async with audit, served(memory, access=access) as url:
        async with asking(url, token=token) as client:
            found = await client.call_tool("recall", {"query": "How many holes has the net?"})
            shown = await client.call_tool("get_session", {"session_id": receipt.session_id})
            learned = await client.call_tool("get_history", {"thing_id": receipt.insight_id})
        async with client_at(url, headers={"Authorization": f"Bearer {token}", **TAKES}) as web:
            named = await web.post("/mcp?namespace=default", json=HELLO)
            nobody = await web.post("/mcp", json=HELLO, headers={"Authorization": ""})

    assert found.structured_content["hits"] == []
    assert shown.is_error
    assert learned.is_error
    assert problem(named) == (403, "NotPermitted")
    assert problem(nobody) == (401, "KeyRefused")


async def test_a_session_with_the_service_is_its_key_s_alone(memory: Memory, keys: KeyFile) -> None:
    """Another key, and the same one on another namespace, find no such session."""
    _, first = await keys.create("first", scope="write", namespaces=["a", "b"])
    _, second = await keys.create("second", scope="write", namespaces=["a"])
    access, audit = keyed(keys, memory)

    async with audit, served(memory, access=access) as url, client_at(url, headers=TAKES) as web:
        begun = await post(web, first, HELLO)
        session = {"Mcp-Session-Id": begun.headers["mcp-session-id"]}
        listing = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
        statuses = [
            (await post(web, token, listing, namespace=name, headers=session)).status_code
            for token, name in ((first, "a"), (second, "a"), (first, "b"))
        ]

    assert statuses == [200, 404, 404]


async def post(
    web: httpx2.AsyncClient,
    token: str,
    message: dict[str, Any],
    *,
    namespace: str = "a",
    headers: dict[str, str] | None = None,
) -> httpx2.Response:
    """Send one message with a key."""
    shown = {"Authorization": f"Bearer {token}", **(headers or {})}
    return await web.post("/mcp", params={"namespace": namespace}, json=message, headers=shown)


async def test_what_is_no_request_of_the_protocol_is_refused(memory: Memory) -> None:
    """A page of another site, a GET, a body that is too large, and one that is no JSON."""
    async with served(memory) as url, client_at(url, headers=TAKES) as web:
        foreign = await web.post("/mcp", json=HELLO, headers={"Origin": "https://evil.example"})
        got = await web.get("/mcp")
        large = await web.post("/mcp", content=b" " * (8 * 1024 * 1024 + 1))
        broken = await web.post("/mcp", content=b"{", headers={"Content-Type": "application/json"})

    assert problem(foreign) == (421, "HostRefused")
    assert problem(got) == (405, "MethodRefused")
    assert problem(large) == (413, "RequestTooLarge")
    assert broken.status_code == 400


async def test_the_service_ends_while_clients_are_there(memory: Memory) -> None:
    """It waits for no client; calls at work are answered before."""
    async with asyncio.timeout(120), served(memory) as url, client_at(url, headers=TAKES) as web:
        begun = await web.post("/mcp", json=HELLO)

    assert begun.status_code == 200
