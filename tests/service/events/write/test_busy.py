"""Batches that others begin and never end: an append waits for room, and says so in the end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import nats
import pytest

from anabranch_events import Bounds, Log, NatsServer, new_id, subject
from anabranch_events.errors import LogUnavailable
from anabranch_events.server.folder import BATCHES_MAX
from anabranch_events.write import atomic_batch
from anabranch_thinking import Sessions, think
from tests.support.events import NAMESPACE, notes
from tests.support.patience import PATIENCE_S
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from nats.aio.client import Client

    from anabranch_thinking import BranchContext


class Beginner:
    """A client that begins batches."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._subject = subject(NAMESPACE, new_id())
        self._begun = 0

    async def begin(self, count: int) -> None:
        """Begin batches, and end none; return when the server has begun the last."""
        self._begun = count
        for number in range(count - 1):
            await self._send(number, "1")
        await self._client.request(
            self._subject, b"{}", headers=_headers(count - 1, "1"), timeout=PATIENCE_S
        )

    async def end(self, number: int) -> None:
        """End a batch: what was begun is dropped, for the message that would follow is missing."""
        await self._send(number, "3")
        await self._client.flush()

    async def end_all(self) -> None:
        """End every batch, and return when the server has: it would wait for each."""
        for number in range(self._begun - 1):
            await self._send(number, "3")
        if self._begun:
            headers = _headers(self._begun - 1, "3")
            await self._client.request(self._subject, b"{}", headers=headers, timeout=PATIENCE_S)

    async def _send(self, number: int, sequence: str) -> None:
        await self._client.publish(self._subject, b"{}", headers=_headers(number, sequence))


def _headers(number: int, sequence: str) -> dict[str, str]:
    return {"Nats-Batch-Id": f"begun-{number}", "Nats-Batch-Sequence": sequence}


@pytest.fixture
async def beginner(nats_server: NatsServer) -> AsyncIterator[Beginner]:
    """Give a client that begins batches on the server."""
    client = await nats.connect(nats_server.url, token=nats_server.token)
    beginner = Beginner(client)
    yield beginner
    await beginner.end_all()
    await client.close()


async def test_fifty_batches_of_others_are_in_nobodys_way(log: Log, beginner: Beginner) -> None:
    """The log's own server takes more at a time, where the usual limit is fifty."""
    await beginner.begin(60)

    receipts = await log.append_all(notes(new_id(), 3))

    assert [receipt.position for receipt in receipts] == [1, 2, 3]


async def test_a_batch_waits_for_room(log: Log, beginner: Beginner) -> None:
    """As soon as one of the batches of others has ended, it is stored."""
    await beginner.begin(BATCHES_MAX)
    waiting = asyncio.create_task(log.append_all(notes(new_id(), 3)))
    done, _ = await asyncio.wait({waiting}, timeout=0.3)

    await beginner.end(7)

    assert done == set()
    assert [receipt.position for receipt in await waiting] == [1, 2, 3]


async def test_a_thought_without_room_leaves_nothing_behind(
    log: Log, beginner: Beginner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says that others are in the way, and not that the log is full; single events go on."""

    def work(_: BranchContext) -> str:
        return "done"

    monkeypatch.setattr(atomic_batch, "BUSY_LIMITS", 0.5 / PATIENCE_S)
    await beginner.begin(BATCHES_MAX)
    (event,) = notes(new_id(), 1)

    with pytest.raises(LogUnavailable, match="too many batches") as caught:
        await think(Sessions(log, namespace=NAMESPACE), "plan", count=2, executor=work)
    left = await log.bounds()
    alone = await log.append(event)

    assert type(caught.value) is LogUnavailable
    assert (left, alone.position) == (Bounds(0, 0), 1)


@in_full_only
async def test_strict_appends_go_one_by_one_without_room(
    nats_server: NatsServer, beginner: Beginner
) -> None:
    """Appends that would share a batch are each stored alone."""
    events = [note for _ in range(40) for note in notes(new_id(), 1)]

    async with Log.connect(nats_server.url, token=nats_server.token, durability="strict") as log:
        await beginner.begin(BATCHES_MAX)
        receipts = await asyncio.gather(*map(log.append, events))

    assert sorted(receipt.position for receipt in receipts) == list(range(1, 41))
