"""Requests without the driver, on a real nats-server."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from typing import TYPE_CHECKING

import pytest

from anabranch_events import Log, NatsServer, Tenant
from anabranch_events.errors import LogUnavailable
from anabranch_events.transport.inbox import NobodyListens, Unanswered
from anabranch_events.transport.plain_connection import PlainAnswer, PlainConnection
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path

    from nats.aio.msg import Msg


def connection(server: NatsServer, *, token: str | None = None) -> PlainConnection:
    """Return a connection to the server, to be entered."""
    return PlainConnection(server.url, token=token or server.token, timeout_s=PATIENCE_S)


async def test_requests_are_answered_in_turn(nats_server: NatsServer, log: Log) -> None:
    """Each request has its own answer, of any size, with its headers or without any."""

    async def answer(message: Msg) -> None:
        headers = {"Kind": " plain "} if message.data else None
        await log.connection.publish(message.reply, message.data * 2, headers=headers)

    await log.connection.subscribe("echo", cb=answer)
    await log.connection.flush()
    large = b"x\r\n" * 100_000

    async with connection(nats_server) as plain:
        found = [
            await plain.request("echo", one, timeout_s=PATIENCE_S) for one in (b"a", large, b"")
        ]

    assert [one.data for one in found] == [b"aa", large * 2, b""]
    assert [one.header("Kind") for one in found] == ["plain", "plain", None]
    assert found[0].header("kind") is None
    assert found[2] == PlainAnswer(b"", b"")


async def test_a_request_that_reaches_nobody_is_told(nats_server: NatsServer) -> None:
    """The server's word that nobody listens comes at once, and the next request goes on."""
    async with connection(nats_server) as plain:
        with pytest.raises(NobodyListens):
            await plain.request("nobody", b"x", timeout_s=PATIENCE_S)
        with pytest.raises(NobodyListens):
            await plain.request("nobody", b"y", timeout_s=PATIENCE_S)


async def test_a_user_of_the_address_is_let_in(tmp_path: Path) -> None:
    """On a server with tenants the owner has a name and a password, which the address holds."""
    tenants = (Tenant(name="acme-app", role="producer", namespaces=("acme",)),)
    async with NatsServer(tmp_path / "nats", tenants=tenants) as server:
        async with Log.connect(server.url) as log:
            last = (await log.bounds()).last
        async with connection(server) as plain:
            found = await plain.request(
                "$JS.API.STREAM.INFO.ANABRANCH_EVENTS", b"", timeout_s=PATIENCE_S
            )

    assert json.loads(found.data)["state"]["last_seq"] == last


async def test_a_wrong_token_is_no_answer(nats_server: NatsServer) -> None:
    """A server that refuses us ends the connection: the request is unanswered."""
    async with connection(nats_server, token="wrong") as plain:
        with pytest.raises(Unanswered, match="Authorization"):
            await plain.request("echo", b"x", timeout_s=PATIENCE_S)


async def test_a_server_that_dies_leaves_a_request_unanswered(tmp_path: Path) -> None:
    """The request ends when the connection does, not when its time is over."""
    async with (
        NatsServer(tmp_path / "mortal") as server,
        Log.connect(server.url, token=server.token) as log,
    ):

        async def answer(_message: Msg) -> None:
            os.kill(server.pid, signal.SIGKILL)

        await log.connection.subscribe("last", cb=answer)
        await log.connection.flush()

        async with connection(server) as plain:
            with pytest.raises(Unanswered):
                await plain.request("last", b"x", timeout_s=PATIENCE_S)


async def test_silence_ends_a_request(nats_server: NatsServer, log: Log) -> None:
    """Who listens and never answers is given up after the time set."""

    async def answer(_message: Msg) -> None:
        """Say nothing."""

    await log.connection.subscribe("silent", cb=answer)
    await log.connection.flush()

    async with connection(nats_server) as plain:
        with pytest.raises(Unanswered):
            await plain.request("silent", b"x", timeout_s=0.05)


async def test_what_is_no_nats_server_is_unavailable() -> None:
    """A closed port, and a server of something else, are told at entering."""

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 smtp.example.org\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    other = PlainConnection(f"nats://127.0.0.1:{port}", token=None, timeout_s=PATIENCE_S)

    async with server:
        with pytest.raises(LogUnavailable, match="no NATS server"):
            await other.__aenter__()
    with pytest.raises(LogUnavailable):
        await other.__aenter__()
