"""A reader that is slower than the log: what waits for it in its process is bounded."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from anabranch_events.read.consumer import BUFFER_BYTES_MAX, REQUEST_BYTES, WINDOW_RECORDS, Consumer
from anabranch_events.transport.connection import Connection
from tests.support.events import new_sessions, note, notes
from tests.support.patience import PATIENCE_S
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from anabranch_events import Event, Log, NatsServer, Recorded

WAITING_BYTES_MAX = BUFFER_BYTES_MAX + 2 * REQUEST_BYTES
(SESSION,) = new_sessions(1)
LARGE = [note(SESSION, f"{number:03} {'x' * 200_000}") for number in range(200)]
MANY = notes(SESSION, 6000)


@in_full_only
@pytest.mark.parametrize("events", [LARGE, MANY], ids=["large", "many"])
async def test_what_waits_for_a_slow_reader_is_bounded(
    nats_server: NatsServer, log: Log, events: list[Event]
) -> None:
    """However long it takes nothing, it holds a window of records or bytes, and misses none."""
    await log.ingest(events)
    found: list[Recorded] = []
    async with Connection(
        nats_server.url, token=nats_server.token, timeout_s=PATIENCE_S
    ) as connection:
        pull = Consumer(connection, after=0)
        await pull.open()
        most_records, most_bytes = await stalled(pull)

        async with asyncio.timeout(PATIENCE_S):
            while len(found) < len(events):
                await pull.ask_for_more()
                if not pull.buffer:
                    await pull.wait()
                found += [pull.take() for _ in range(len(pull.buffer))]
                assert pull.broken is None
        await pull.close()

    assert most_records <= WINDOW_RECORDS
    assert most_bytes <= WAITING_BYTES_MAX
    assert sum(len(record.raw) for record in found) > 2 * most_bytes
    assert [record.decode() for record in found] == events


async def stalled(pull: Consumer) -> tuple[int, int]:
    """Ask for more, as readers do, and take nothing; return what waits when no more comes."""
    before = -1
    while len(pull.buffer) > before:
        before = len(pull.buffer)
        await pull.ask_for_more()
        await asyncio.sleep(0.5)
    return len(pull.buffer), sum(len(record.raw) for record in pull.buffer)
