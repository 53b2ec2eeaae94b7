"""A process that stood still has not waited: what it asked for is not taken for unanswered."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

import pytest

from anabranch_events import Log, new_id
from tests.support.events import notes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anabranch_events import Event, NatsServer

TIMEOUT_S: Final = 1.0


@pytest.fixture
async def hasty_log(nats_server: NatsServer) -> AsyncIterator[Log]:
    """A log whose calls wait for a second."""
    async with Log.connect(nats_server.url, token=nats_server.token, timeout_s=TIMEOUT_S) as log:
        yield log


async def _stand_still(turns: int = 2) -> None:
    """Hold the event loop, as a process that is stopped does, once what was asked for is sent."""
    for _ in range(turns):
        await asyncio.sleep(0)
    time.sleep(3 * TIMEOUT_S)  # noqa: ASYNC251 - that is what is tried.


async def test_an_event_is_stored_once(hasty_log: Log) -> None:
    """The acknowledgement lay in the socket for longer than the call would wait."""
    [first, second] = notes(new_id(), 2)
    await hasty_log.append(first)

    appending = asyncio.create_task(hasty_log.append(second))
    await _stand_still()
    receipt = await appending

    assert receipt.position == 2
    assert (await hasty_log.bounds()).last == 2


async def test_an_import_goes_on(hasty_log: Log) -> None:
    """Of an import nothing is stored twice, and nothing is left out."""
    events = notes(new_id(), 4000)
    slept = asyncio.Event()

    async def given() -> AsyncIterator[Event]:
        for number, event in enumerate(events):
            if number == 3000:
                slept.set()
            yield event

    importing = asyncio.create_task(hasty_log.ingest(given()))
    await slept.wait()
    await _stand_still(turns=20)
    await importing

    assert (await hasty_log.bounds()).last == len(events)


async def test_a_read_answers(hasty_log: Log) -> None:
    """What is asked for is asked for again."""
    [event] = notes(new_id(), 1)
    await hasty_log.append(event)

    asking = asyncio.create_task(hasty_log.bounds())
    await _stand_still()

    assert (await asking).last == 1
