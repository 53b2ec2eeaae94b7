"""The short way from the wire to a receiver, beside the driver's own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from anabranch_events import Log
from anabranch_events.event.identifiers import new_id
from anabranch_events.transport.client import QuickClient
from tests.support.events import note, notes
from tests.support.patience import PATIENCE_S, until

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from anabranch_events import NatsServer


def never(driver: type[Client]) -> bool:
    """Know no driver."""
    del driver
    return False


@pytest.mark.parametrize("hands_over", [True, False])
async def test_both_ways_bring_the_same(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch, *, hands_over: bool
) -> None:
    """Replay and subscription give the same records when the driver must carry them itself."""
    async with Log.connect(nats_server.url, token=nats_server.token) as log:
        receipts = await log.append_all(notes(new_id(), 300))
        if not hands_over:
            monkeypatch.setattr("anabranch_events.transport.client.is_known", never)
        async with Log.connect(nats_server.url, token=nats_server.token) as reading:
            client = reading.connection
            assert isinstance(client, QuickClient)
            assert client.hands_over is hands_over

            read = [record.decode().id async for record in reading.read_all()]
            followed: list[str] = []
            async for record in reading.subscribe(after=100):
                followed.append(record.decode().id)
                if len(followed) == 200:
                    break

    ids = [receipt.event_id for receipt in receipts]
    assert read == ids
    assert followed == ids[100:]


async def test_a_receiver_that_fails_does_not_end_the_connection(log: Log) -> None:
    """Its error goes where the driver's go, and the next message comes."""
    client = log.connection
    assert isinstance(client, QuickClient)
    heard: list[bytes] = []
    both = asyncio.Event()

    def receive(subject: str, reply: str, data: bytes, headers: dict[str, str] | None) -> None:
        del subject, reply, headers
        heard.append(data)
        if len(heard) == 2:
            both.set()
        raise ValueError("a receiver's own")

    subscription = await client.listen("elsewhere", receive)
    await client.publish("elsewhere", b"1")
    await client.publish("elsewhere", b"2", headers={"Kind": "greeting"})
    async with asyncio.timeout(PATIENCE_S):
        await both.wait()
    await subscription.unsubscribe()

    assert heard == [b"1", b"2"]
    assert (await log.append(note(new_id()))).position == 1


def waiting_in(client: QuickClient) -> list[asyncio.Future[Msg]]:
    """Return what the driver waits with for the answers to its requests."""
    return list(client._resp_map.values())  # pyright: ignore[reportPrivateUsage]  # the driver's


async def test_a_cancellation_that_comes_with_the_answer_ends_the_task(log: Log) -> None:
    """Python 3.11 gives the answer then and forgets the cancellation: the task would go on."""
    client = log.connection
    assert isinstance(client, QuickClient)

    noticed = asyncio.Event()

    async def answer(message: Msg) -> None:
        await noticed.wait()
        await message.respond(b"here")

    subscription = await client.subscribe("answers", cb=answer)

    async def asked() -> None:
        await client.request("answers", timeout=PATIENCE_S)
        await asyncio.Event().wait()

    task = asyncio.create_task(asked())
    await until(lambda: bool(waiting_in(client)))
    (future,) = waiting_in(client)
    future.add_done_callback(lambda _: task.cancel())
    noticed.set()

    ended, _ = await asyncio.wait({task}, timeout=PATIENCE_S)

    assert ended == {task}
    assert task.cancelled()
    await subscription.unsubscribe()
