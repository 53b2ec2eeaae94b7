"""Streams of events: every event once, whatever happens to the client, the service or the log."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import httpx2
import pytest

from anabranch.http.events.ring import EventRing
from anabranch_events import Log, new_event, new_id
from anabranch_events.errors import LogUnavailable
from anabranch_events.event.types import InsightForgotten, InsightRecorded, SessionOpened
from tests.support.fixtures.http import client_at, events_of, served
from tests.support.mortal_service import MortalService
from tests.support.patience import PATIENCE_S
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from anabranch import Memory
    from anabranch_events import Event, NatsServer

pytestmark = pytest.mark.timeout(900)
_KILLS = 6
_NUMBER = 1000


def opening(session_id: str, namespace: str = "default") -> Event:
    """Make the first event of a session."""
    return new_event(SessionOpened(task="tea"), session_id=session_id, namespace=namespace)


def insights(count: int, session_id: str, namespace: str = "default") -> list[Event]:
    """Make events of a session."""
    return [
        new_event(
            InsightRecorded(insight_id=new_id(), text=f"Tea {number} is green"),
            session_id=session_id,
            namespace=namespace,
        )
        for number in range(count)
    ]


async def positions(
    client: httpx2.AsyncClient, count: int, *, path: str = "/v1/events/stream?after=0"
) -> list[int]:
    """Return the positions of the first events of a stream."""
    found: list[int] = []
    async with client.stream("GET", path) as answer, aclosing(events_of(answer)) as events:
        assert answer.status_code == 200, await answer.aread()
        async for position, event in events:
            if event is not None:
                assert event["position"] == position
                found.append(position)
            if len(found) == count:
                break
    return found


async def test_events_come_as_they_happen(web: httpx2.AsyncClient, memory: Memory) -> None:
    """A stream tells what was stored before and what is stored while it is open."""
    session = await memory.open_session("tea")

    async with asyncio.TaskGroup() as group:
        following = group.create_task(positions(web, 4))
        for number in range(3):
            await session.remember(f"Tea {number} is green")

    assert following.result() == [1, 2, 3, 4]


async def test_a_stream_is_of_a_namespace_a_session_or_a_thought(
    web: httpx2.AsyncClient, memory: Memory
) -> None:
    """Others' events are left out, and the branches of a thought belong to it."""
    root = await memory.open_session("tea")
    other = await memory.open_session("coffee")
    branch = await root.branch("green tea")
    path = "/v1/events/stream?after=0"

    async with asyncio.TaskGroup() as group:
        thought = group.create_task(positions(web, 4, path=f"{path}&root_id={root.session_id}"))
        alone = group.create_task(positions(web, 2, path=f"{path}&session_id={other.session_id}"))
        await asyncio.sleep(0.2)
        later = await branch.branch("matcha")
        await other.remember("Coffee is black")
        await later.remember("Matcha is green")
    elsewhere = await web.get("/v1/events", params={"namespace": "elsewhere"})

    assert thought.result() == [1, 3, 4, 6]
    assert alone.result() == [2, 5]
    assert elsewhere.json() == {"events": [], "next": None}


async def test_a_stream_says_when_forgotten_content_has_left_the_log(memory: Memory) -> None:
    """One that is open hears it once the keys are gone, and one that begins later at once."""
    await memory.transfer.seal_namespace()
    fact = await memory.remember("Tea is green")
    path = "/v1/events/stream?after=0"
    async with served(memory) as url, client_at(url) as client:
        async with client.stream("GET", path) as answer:
            lines = answer.aiter_lines()
            while not (await anext(lines)).startswith('data: {"specversion'):
                pass
            forgotten = await memory.forget(fact.insight_id)
            while await anext(lines) != "event: erased":
                pass
            said = await anext(lines)
            again = await client.get("/v1/events")
        async with client.stream("GET", path) as answer:
            lines = answer.aiter_lines()
            while await anext(lines) != "event: erased":
                pass
            known = await anext(lines)

    assert said == known == f'data: {{"position":{forgotten.position}}}'
    assert "green" not in again.text


@in_full_only
async def test_a_slow_reader_keeps_nobody_waiting(web: httpx2.AsyncClient, memory: Memory) -> None:
    """While one client reads nothing, others get everything; it gets all of it later, too."""
    session = await memory.open_session("tea")
    text = "Tea is green. " * 2000
    async with web.stream("GET", "/v1/events/stream?after=0") as slow:
        await memory.remember_all([text] * 300, session_id=session.session_id)

        quick = await positions(web, 301)
        late: list[int] = []
        async with aclosing(events_of(slow)) as events:
            async for position, event in events:
                late += [position] if event else []
                if len(late) == 301:
                    break

    assert quick == late == list(range(1, 302))


async def test_the_ring_lets_go_and_followers_miss_nothing(log: Log) -> None:
    """Whoever falls behind the ring, or comes from before it, reads the log: each event once."""
    ring = EventRing(lambda: log, events_max=8, bytes_max=1 << 20)
    session_id = new_id()
    await log.append(opening(session_id))

    async def follow(after: int, pause_s: float) -> list[int]:
        found: list[int] = []
        async with aclosing(ring.followed(after, beat_s=0.05)) as followed:
            async for taken in followed:
                assert taken.position >= (found[-1] if found else after)
                found += [one.recorded.position for one in taken.events]
                await asyncio.sleep(pause_s)
                if found and found[-1] == 401:
                    break
        return found

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(follow(after, pause)) for after in (0, 1) for pause in (0, 0.02)]
        for event in insights(400, session_id):
            await log.append(event)
    await ring.close()

    assert [one.result() for one in tasks] == [
        list(range(1, 402)),
        list(range(1, 402)),
        list(range(2, 402)),
        list(range(2, 402)),
    ]


async def test_the_ring_holds_nothing_from_before_a_forgetting(log: Log) -> None:
    """In a sealed namespace: what comes later is held, what was before is read from the log."""
    ring = EventRing(lambda: log)
    await log.seal("acme")
    session_id = new_id()
    data = InsightForgotten(insight_id=new_id(), receipt="requested")
    forgotten = new_event(data, session_id=session_id, namespace="acme")
    held: list[int] = []

    async with aclosing(ring.followed(0, beat_s=10)) as followed:
        async for taken in followed:
            if taken.position == 1:
                for event in (*insights(3, session_id, "acme"), forgotten):
                    await log.append(event)
            elif taken.position == 5:
                held = [one.recorded.position for one in ring._held]  # pyright: ignore[reportPrivateUsage]
                break
    await ring.close()

    assert held == [5]


async def test_a_ring_hears_of_an_erasure_once_and_not_behind_its_end(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither an opening that failed nor a ring that was closed is told of it any more."""
    heard: list[tuple[str, int]] = []
    others: asyncio.Queue[int] = asyncio.Queue()

    def hear(_: EventRing, namespace: str, position: int) -> None:
        heard.append((namespace, position))

    monkeypatch.setattr(EventRing, "_hear_erased", hear)
    await log.seal("acme")
    keys = log._documents.keys  # pyright: ignore[reportPrivateUsage]
    ring = EventRing(lambda: log)

    with monkeypatch.context() as away:
        away.setattr(Log, "bounds", _away)
        with pytest.raises(LogUnavailable):
            await anext(ring.followed(0, beat_s=0.01))
    async with aclosing(ring.followed(0, beat_s=0.01)) as followed:
        await anext(followed)
    ended = await log.tell_erased(lambda _, position: others.put_nowait(position))
    async with asyncio.timeout(PATIENCE_S):
        await keys.note_erased("acme", 5)
        assert await others.get() == 5
        await ring.close()
        await keys.note_erased("acme", 6)
        assert await others.get() == 6
    ended()
    ended()

    assert heard == [("acme", 5)]


async def _away(_: Log) -> None:
    raise LogUnavailable("not now", fix="wait")


async def test_a_silence_says_where_the_stream_is(log: Log) -> None:
    """A follower without events learns the position, and an end of the ring ends it."""
    ring = EventRing(lambda: log)
    await log.append(opening(new_id()))

    found: list[tuple[int, int]] = []
    async with aclosing(ring.followed(0, beat_s=0.01)) as followed:
        async for taken in followed:
            found.append((len(taken.events), taken.position))
            if len(found) == 3:
                await ring.close()

    assert found == [(1, 1), (0, 1), (0, 1)]


async def resumed(client: httpx2.AsyncClient, count: int) -> list[int]:
    """Follow a namespace until so many events came, coming again after every end of the stream."""
    found: list[int] = []
    last = 0
    while len(found) < count:
        try:
            async with (
                client.stream(
                    "GET", "/v1/events/stream?namespace=a", headers={"Last-Event-ID": str(last)}
                ) as answer,
                aclosing(events_of(answer)) as events,
            ):
                async for position, event in events:
                    assert position >= last
                    last = position
                    found += [position] if event else []
                    if len(found) == count:
                        break
        except httpx2.TransportError:
            await asyncio.sleep(0.05)
    return found


@in_full_only
async def test_no_event_is_missed_or_doubled_over_kills(
    nats_server: NatsServer, log: Log, unused_tcp_port: int
) -> None:
    """Clients that come again by their last id have every event once, as the service is killed."""
    mortal = MortalService(nats_server, unused_tcp_port)
    await mortal.start()
    ids = {name: new_id() for name in ("a", "b")}
    for name, one in ids.items():
        await log.append(opening(one, name))
    wanted: list[int] = []

    async def append() -> None:
        for one, other in zip(
            insights(_NUMBER, ids["a"], "a"), insights(_NUMBER, ids["b"], "b"), strict=True
        ):
            wanted.append((await log.append(one)).position)
            await log.append(other)
            await asyncio.sleep(0.01)

    try:
        async with (
            client_at(f"http://127.0.0.1:{unused_tcp_port}") as client,
            asyncio.TaskGroup() as group,
        ):
            following = [group.create_task(resumed(client, _NUMBER + 1)) for _ in range(8)]
            appending = group.create_task(append())
            for _ in range(_KILLS):
                await asyncio.sleep(0.3)
                await mortal.kill()
                await mortal.start()
            await appending
    finally:
        await mortal.kill()

    assert [one.result() for one in following] == [[1, *wanted]] * 8


async def test_an_end_of_the_service_ends_streams_in_order(memory: Memory) -> None:
    """Streams end whole when the service does: a client is not cut off in the middle."""
    told: list[str] = []
    began = asyncio.Event()

    async def follow(client: httpx2.AsyncClient, url: str) -> None:
        async with client.stream("GET", f"{url}/v1/events/stream") as answer:
            async for line in answer.aiter_lines():
                told.append(line)
                began.set()

    async with client_at("") as client:
        async with served(memory) as url:
            following = asyncio.create_task(follow(client, url))
            await asyncio.wait_for(began.wait(), PATIENCE_S)
        await asyncio.wait_for(following, PATIENCE_S)

    assert told == ["retry: 1000", ": anabranch", "id: 0", ""]
