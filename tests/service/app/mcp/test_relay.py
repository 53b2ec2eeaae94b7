"""The relay of `anabranch mcp`: its `up` ends and comes again, and the client notices nothing."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final

import pytest

from anabranch.mcp.access import NamespaceAccess
from anabranch.mcp.listener import RelayListener
from anabranch.mcp.relayed_lines import Hello
from anabranch.memory.memory import namespace_of
from anabranch.memory.namespaces import Namespaces
from tests.support.mcp_messages import HANDSHAKE, call
from tests.support.proxy import Proxy
from tests.support.relaying import DyingServer, RelayedClient
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from anabranch import Memory
    from tests.support.fixtures.memory import CommandLine

pytestmark = [pytest.mark.timeout(900), in_full_only]
GIVEN: Final[dict[str, dict[str, Any]]] = {
    "remember": {"text": "Nine boats are in"},
    "set_note": {"key": "boats", "value": 9},
    "open_session": {"task": "Count the nets"},
}


@pytest.fixture
def client(memory: Memory) -> RelayedClient:
    """A client whose relay has not begun yet."""
    namespace = namespace_of(memory)
    return RelayedClient(namespace.name, NamespaceAccess(namespace))


def listener(memory: Memory) -> RelayListener:
    """Return the end of relays in a process that has this memory open."""
    return RelayListener(Namespaces(namespace_of(memory).backend))


class MortalListener(RelayListener):
    """One that can end as a process does that is killed."""

    async def kill(self) -> None:
        """End every conversation where it is."""
        tasks = list(self._conversations)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def stored(memory: Memory) -> list[str]:
    """Return the types of all events of the namespace, in their order."""
    return [one.decode().type async for one in memory.replay()]


async def test_a_client_goes_on_with_the_next_up(memory: Memory, client: RelayedClient) -> None:
    """The handshake is made again, and the session that it opened is its session still."""
    async with AsyncExitStack() as first:
        address = await first.enter_async_context(listener(memory).opened())
        client.offered = (address.port, address.token)
        async with client:
            await client.ask(*HANDSHAKE)
            greeted = await client.answer()
            opened = await client.called(1, "open_session", task="Feed the cat")
            client.offered = None
            await first.aclose()
            async with listener(memory).opened() as second:
                client.offered = (second.port, second.token)
                learned = await client.called(2, "remember", text="The cat eats at six")
                await client.ended()

    assert greeted["result"]["serverInfo"]["name"] == "anabranch"
    assert learned["session_id"] == opened["session_id"]
    assert await stored(memory) == [
        "anabranch.session.opened.v1",
        "anabranch.insight.recorded.v1",
        "anabranch.session.closed.v1",
    ]


@pytest.mark.parametrize("tool", GIVEN)
async def test_what_an_up_stored_before_it_was_killed_is_not_stored_again(
    memory: Memory, client: RelayedClient, tool: str
) -> None:
    """A call whose answer was lost is asked again, and is the same call."""
    session = await memory.open_session("Count the boats")
    arguments = {**GIVEN[tool]}
    if tool != "open_session":
        arguments["session_id"] = session.session_id
    async with AsyncExitStack() as stack:
        mortal = MortalListener(Namespaces(namespace_of(memory).backend))
        address = await stack.enter_async_context(mortal.opened())
        second = await stack.enter_async_context(listener(memory).opened())
        way = await stack.enter_async_context(Proxy(f"tcp://127.0.0.1:{address.port}"))
        client.offered = (int(way.url.rpartition(":")[2]), address.token)
        await stack.enter_async_context(client)
        await client.ask(*HANDSHAKE)
        await client.answer()
        before = await stored(memory)
        way.hold_answers()
        await client.ask(call(7, tool, **arguments))
        while await stored(memory) == before:  # noqa: ASYNC110 - the log tells nobody here.
            await asyncio.sleep(0.01)
        client.offered = (second.port, second.token)
        await mortal.kill()
        way.cut()
        answer = await client.answer()
        after = await stored(memory)

    assert answer["id"] == 7
    assert answer["result"]["structuredContent"]["position"] > 0
    assert len(after) == len(before) + 1


async def test_a_call_that_ends_every_up_is_given_up(memory: Memory, client: RelayedClient) -> None:
    """It is sent twice, then answered with what to do; the next call is answered."""
    server = DyingServer(b"remember")
    async with listener(memory).opened() as sound, AsyncExitStack() as first:
        client.offered = await first.enter_async_context(server.listening())
        await first.enter_async_context(client)
        await client.ask(*HANDSHAKE, call(1, "remember", text="The fuse is short"))
        greeting, refused = [await client.answer() for _ in range(2)]
        client.offered = (sound.port, sound.token)
        server.close()
        found = await client.called(2, "recall", query="How long is the fuse?")

    assert (greeting["id"], greeting["error"]["code"]) == ("hello", -32603)
    assert (refused["id"], refused["result"]["isError"]) == (1, True)
    assert "then ask again" in refused["result"]["content"][0]["text"]
    assert found["hits"] == []
    assert sum(b"remember" in line for line in server.lines) == 2


async def test_without_another_up_the_client_is_answered_here(
    memory: Memory, client: RelayedClient
) -> None:
    """The conversation begins in this process, once."""
    async with client:
        await client.ask(*HANDSHAKE)
        await client.answer()
        learned = await client.called(1, "remember", text="The lamp is lit")

    assert client.local == 1
    assert learned["position"] > 0
    assert await stored(memory) == [
        "anabranch.session.opened.v1",
        "anabranch.insight.recorded.v1",
        "anabranch.session.closed.v1",
    ]


@pytest.mark.parametrize(
    "hello",
    [
        Hello("wrong", "default", "x", None, None, {}, []).line(),
        Hello(b"1".decode(), "default", "x", None, None, {}, []).line().replace(b'"1"', b"1"),
        b"GET / HTTP/1.1\r\n",
        b"[]\n",
        b'{"token": "wrong"}\n',
    ],
    ids=["wrong", "number", "http", "list", "half"],
)
async def test_without_the_token_nobody_is_answered(memory: Memory, hello: bytes) -> None:
    """A program that cannot read the home, and a page in a browser, hear nothing."""
    async with listener(memory).opened() as address:
        reader, writer = await asyncio.open_connection("127.0.0.1", address.port)
        writer.write(hello)

        said = await reader.read()

        writer.close()

    assert said == b""


def test_an_up_is_killed_in_the_middle_and_another_one_takes_over(alone: CommandLine) -> None:
    """A client that goes on asking gets every answer, and everything is stored once."""
    alone("up", "--detach")
    process = subprocess.Popen(
        alone.command("mcp"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=alone.environment,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    messages = [*HANDSHAKE, *(call(n, "remember", text=f"Boat {n} is in") for n in range(12))]
    answers: list[Any] = []
    for number, message in enumerate(messages):
        process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        process.stdin.flush()
        if number == 8:
            _kill_up(alone)
        if "id" in message:
            answers.append(json.loads(process.stdout.readline()))
    process.stdin.close()
    process.stdout.close()
    code = process.wait(120)

    lines = alone("replay", "--json").lines
    alone("down")
    texts = [one["data"]["text"] for one in lines if "insight.recorded" in one["type"]]
    assert code == 0
    assert all("error" not in one and not one["result"].get("isError") for one in answers)
    assert sorted(texts) == sorted(f"Boat {number} is in" for number in range(12))
    assert lines[-1]["data"]["reason"] == "the client went"


def _kill_up(line: CommandLine) -> None:
    running = json.loads((line.home / "runtime.json").read_bytes())
    os.kill(running["pid"], signal.SIGKILL)
    started = line("up", "--detach", "--json")
    assert started.code == 0, started.err
