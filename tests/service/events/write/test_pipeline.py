"""Imports: everything in order, once, whatever happens to the server on the way."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from anabranch_events import ImportProgress, Log, new_event
from anabranch_events.errors import EventInvalid, LogUnavailable
from anabranch_events.event.identifiers import new_id
from anabranch_events.event.types import WorkingMemorySet
from anabranch_events.write.pipeline import WINDOW_EVENTS
from tests.support.events import NAMESPACE, new_sessions, note, notes
from tests.support.killing import MortalServer
from tests.support.patience import PATIENCE_S
from tests.support.proxy import Proxy
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from pathlib import Path

    from anabranch_events import Event, NatsServer


def history(count: int, *, sessions: int = 7) -> list[Event]:
    """Return events of several sessions, each session's numbered in order."""
    found = new_sessions(sessions)
    return [note(found[number % sessions], number) for number in range(count)]


async def one_by_one(events: Sequence[Event]) -> AsyncIterator[Event]:
    """Give events as a source does that has to wait for some."""
    for number, event in enumerate(events):
        if number % 500 == 0:
            await asyncio.sleep(0.001)
        yield event


async def ids(log: Log) -> list[str]:
    """Return the ids of what is stored, in order."""
    return [record.decode().id async for record in log.read_all()]


async def further(reported: list[ImportProgress], ingesting: asyncio.Task[ImportProgress]) -> None:
    """Wait until five hundred more are stored."""
    before = reported[-1].events if reported else 0
    while not reported or reported[-1].events < before + 500:
        if ingesting.done():
            return
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("count", [0, 1, 99, 200, 5000])
async def test_everything_is_stored_in_order(log: Log, count: int) -> None:
    """From a list and from an async source, with progress that only grows."""
    first, second = history(count), history(count)
    reported: list[ImportProgress] = []

    from_list = await log.ingest(first)
    from_source = await log.ingest(one_by_one(second), progress=reported.append)

    assert from_list == ImportProgress(count, count)
    assert from_source == ImportProgress(count, 2 * count if count else 0)
    assert reported == sorted(reported)
    assert not reported or reported[-1] == from_source
    assert await ids(log) == [event.id for event in first + second]


async def test_a_second_import_of_the_same_stores_nothing(log: Log) -> None:
    """Within ten minutes the ids are known; what was left out the first time is added."""
    events = history(3000)

    await log.ingest(events[:1700])
    again = await log.ingest(events)

    assert again == ImportProgress(3000, 3000)
    assert await ids(log) == [event.id for event in events]


async def test_an_event_that_comes_twice_is_stored_once(log: Log) -> None:
    """The source may repeat itself; everything counts as stored."""
    events = history(10)

    done = await log.ingest([*events, *events[:5]])

    assert done == ImportProgress(15, 5)
    assert await ids(log) == [event.id for event in events]


async def test_an_id_of_another_session_is_refused(log: Log) -> None:
    """An id that stands under another session is no repetition: it would be lost silently."""
    event = note(new_id())
    await log.append(event)

    with pytest.raises(EventInvalid):
        await log.ingest([event.model_copy(update={"subject": new_id()})])


async def test_large_events_keep_their_place(log: Log) -> None:
    """Their data goes through the object store while the others wait their turn."""
    session = new_id()
    events = notes(session, 200)
    for place in (0, 50, 51, 199):
        events[place] = new_event(
            WorkingMemorySet(key="large", value="x" * 600_000),
            session_id=session,
            namespace=NAMESPACE,
        )

    await log.ingest(events)

    assert [record.decode() async for record in log.read_all()] == events


async def test_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    """The server is killed and started again under an import, eight times."""
    events = history(20_000)
    reported: list[ImportProgress] = []
    async with (
        MortalServer(tmp_path / "nats") as server,
        Log.connect(server.url, token=server.token, timeout_s=PATIENCE_S) as log,
    ):
        ingesting = asyncio.create_task(log.ingest(one_by_one(events), progress=reported.append))
        kills = 0
        while not ingesting.done() and kills < 8:
            await further(reported, ingesting)
            await server.kill()
            await server.start()
            kills += 1
        done = await ingesting

        assert kills == 8
        assert done == ImportProgress(len(events), len(events))
        assert await ids(log) == [event.id for event in events]


@in_full_only
async def test_cut_connections_lose_and_double_nothing(
    nats_server: NatsServer,
) -> None:
    """Acknowledgements are held back and lost with the connection, five times."""
    events = history(20_000)
    reported: list[ImportProgress] = []
    async with (
        Proxy(nats_server.url) as proxy,
        Log.connect(proxy.url, token=nats_server.token, timeout_s=PATIENCE_S) as log,
    ):
        ingesting = asyncio.create_task(log.ingest(events, progress=reported.append))
        for _ in range(5):
            await further(reported, ingesting)
            proxy.hold_answers()
            await asyncio.sleep(0.05)
            proxy.cut()
            proxy.let_answers_pass()
        done = await ingesting

        assert done == ImportProgress(len(events), len(events))
        assert await ids(log) == [event.id for event in events]


@in_full_only
async def test_silence_is_said_and_the_source_is_not_drained(
    nats_server: NatsServer,
) -> None:
    """Without acknowledgements only a window's worth is taken from the source."""
    taken = 0

    def endless() -> Iterator[Event]:
        nonlocal taken
        session = new_id()
        while True:
            taken += 1
            if taken == WINDOW_EVENTS:
                proxy.hold_answers()
            yield note(session, taken)

    async with (
        Proxy(nats_server.url) as proxy,
        Log.connect(proxy.url, token=nats_server.token, timeout_s=1) as log,
    ):
        with pytest.raises(LogUnavailable):
            await log.ingest(endless())
        proxy.let_answers_pass()

    assert taken < 3 * WINDOW_EVENTS


async def test_without_the_short_way_an_import_works_too(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a driver that is not known it is slower, and gives up when the connection is lost."""
    monkeypatch.setattr("anabranch_events.transport.client.is_known", lambda _driver: False)  # pyright: ignore[reportUnknownLambdaType]
    events = history(1000)
    async with (
        Proxy(nats_server.url) as proxy,
        Log.connect(proxy.url, token=nats_server.token) as log,
    ):
        assert await log.ingest(events) == ImportProgress(1000, 1000)
        assert await ids(log) == [event.id for event in events]

        with pytest.raises(LogUnavailable):
            await log.ingest(cutting(proxy))


async def cutting(proxy: Proxy) -> AsyncIterator[Event]:
    """Give events for ever, and cut the connection once on the way."""
    session = new_id()
    number = 0
    while True:
        number += 1
        if number == 500:
            proxy.cut()
        if number % 100 == 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.sleep(0.01)
        yield note(session, number)
