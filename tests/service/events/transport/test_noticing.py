"""A server that is gone without a word, frozen or cut off: noticed soon, and said."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING

from anabranch_events import Log
from anabranch_events.errors import LogUnavailable
from anabranch_events.event.identifiers import new_id
from anabranch_events.event.types import WorkingMemorySet
from anabranch_events.read import consumer
from anabranch_events.transport import connection
from tests.support.events import note, notes
from tests.support.killing import MortalServer
from tests.support.patience import FOREVER_S, PATIENCE_S, until
from tests.support.proxy import Proxy
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator
    from pathlib import Path

    import pytest

    from anabranch_events import Event, NatsServer, Recorded


@contextmanager
def frozen(pid: int) -> Generator[None]:
    """Stop a process where it stands, and let it go on afterwards."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def noticed(log: Log) -> None:
    """Return once the log says that its server is not there."""
    await until(lambda: not log.connected)


async def follow(log: Log, seen: list[int]) -> None:
    """Note the positions of everything that is stored, without end."""
    async with aclosing(log.batches()) as batches:
        async for batch in batches:
            seen += [record.position for record in batch]


async def reached(seen: list[int], position: int) -> None:
    """Return once a position was seen."""
    await until(lambda: bool(seen) and seen[-1] >= position)


def test_what_is_gone_is_noticed_within_two_seconds() -> None:
    """The connection's pings and a reader's heartbeats are set so."""
    silence_s = consumer.HEARTBEATS_MISSED_MAX * consumer.HEARTBEAT_S

    assert connection.NOTICED_S < 2
    assert silence_s < 2
    assert consumer.HEARTBEATS_MISSED_MAX >= 2


@in_full_only
async def test_a_frozen_server_is_noticed_and_waited_for(
    nats_server: NatsServer, log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    """Noticed while it is frozen, with megabytes on the way; nothing is missing or twice after."""
    total = 600
    seen: list[int] = []
    following = asyncio.create_task(follow(log, seen))
    async with Log.connect(
        nats_server.url, token=nats_server.token, timeout_s=PATIENCE_S
    ) as importing:
        stopped = asyncio.Event()

        async def events() -> AsyncIterator[Event]:
            session_id = new_id()
            for number in range(total):
                if number == total // 3:
                    os.kill(nats_server.pid, signal.SIGSTOP)
                    stopped.set()
                yield note(session_id, f"{number} {'x' * 30_000}")

        task = asyncio.create_task(importing.ingest(events()))
        await stopped.wait()
        try:
            await asyncio.gather(noticed(importing), noticed(log))
            said = caplog.messages.copy()
        finally:
            os.kill(nats_server.pid, signal.SIGCONT)
        done = await task
        await reached(seen, total)
        following.cancel()
        records = [record async for record in log.read_all()]

    assert any(message.startswith("lost the connection") for message in said)
    assert done == (total, total)
    assert seen == list(range(1, total + 1))
    assert [number_of(record) for record in records] == list(range(total))


def number_of(record: Recorded) -> int:
    """Return the number that an event of the import carries."""
    data = record.decode().data
    assert isinstance(data, WorkingMemorySet)
    return int(str(data.value).partition(" ")[0])


async def test_a_call_on_a_frozen_server_ends_in_time(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closing does too, though what was sent last is still on its way."""
    monkeypatch.setattr(connection, "CLOSE_TIMEOUT_S", 0.5)
    large = WorkingMemorySet(key="large", value="x" * 400_000)
    async with Log.connect(nats_server.url, token=nats_server.token, timeout_s=0.5) as log:
        event = note(new_id())
        with frozen(nats_server.pid):
            appending = [log.append(event)]
            appending += [
                log.append(event.model_copy(update={"id": new_id(), "data": large}))
                for _ in range(40)
            ]
            async with asyncio.timeout(PATIENCE_S):
                found = await asyncio.gather(*appending, return_exceptions=True)
                await log.__aexit__(None, None, None)
        await log.__aenter__()

    assert {type(one) for one in found} == {LogUnavailable}


@in_full_only
async def test_a_network_that_loses_everything_is_noticed(nats_server: NatsServer) -> None:
    """No end of the connection is told to anybody; the subscription goes on all the same."""
    session_id = new_id()
    seen: list[int] = []
    async with (
        Proxy(nats_server.url) as proxy,
        Log.connect(nats_server.url, token=nats_server.token) as direct,
        Log.connect(proxy.url, token=nats_server.token) as log,
    ):
        following = asyncio.create_task(follow(log, seen))
        await direct.append_all(notes(session_id, 10))
        await reached(seen, 10)
        proxy.fall_silent()
        await direct.append_all(notes(session_id, 10))
        await noticed(log)
        before = seen.copy()
        proxy.let_answers_pass()
        await reached(seen, 20)
        following.cancel()

    assert before == list(range(1, 11))
    assert seen == list(range(1, 21))


async def test_a_server_that_dies_while_the_log_is_closed_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was still to be sent is unanswered, and closing ends all the same."""
    # Neither a missed ping nor a limit ends it: only the server's death can.
    monkeypatch.setattr(connection, "PING_S", FOREVER_S)
    monkeypatch.setattr(connection, "CLOSE_TIMEOUT_S", FOREVER_S)
    large = WorkingMemorySet(key="large", value="x" * 400_000)
    async with MortalServer(tmp_path / "nats") as server:
        log = Log.connect(server.url, token=server.token, timeout_s=0.5)
        await log.__aenter__()
        event = note(new_id())
        await log.ended_namespaces()  # Both are asked once, before the first event.
        await log.sealed_namespaces()
        os.kill(server.pid, signal.SIGSTOP)
        appending = [
            log.append(event.model_copy(update={"id": new_id(), "data": large})) for _ in range(40)
        ]
        found = await asyncio.gather(*appending, return_exceptions=True)
        closing = asyncio.create_task(log.__aexit__(None, None, None))
        await until(lambda: not log.connected)
        still_closing = not closing.done()
        await server.kill()

        async with asyncio.timeout(PATIENCE_S):
            await closing

    assert {type(one) for one in found} == {LogUnavailable}
    assert still_closing
    assert not log.connected
