"""The log beside nats-py and the C client: an append, an import, a replay, group commit, memory.

All run in turns on one server, over one stream, with the same messages. ANABRANCH_BENCH_EVENTS says
how many events memory is measured over.
"""

from __future__ import annotations

import asyncio
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import nats
from nats.js.api import AckPolicy, ConsumerConfig

from anabranch_events import STREAM, Event, Log, NatsServer, encode, new_event, subject
from anabranch_events.event.codec import CONTENT_TYPE
from anabranch_events.event.identifiers import new_id
from anabranch_events.event.types import InsightRecorded
from anabranch_events.jetstream.stream import SUBJECT_PREFIX
from anabranch_events.transport.client import settled
from benchmarks.peer import Missing, Peer
from benchmarks.rows import Row, at_least, at_most

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nats.aio.client import Client
    from nats.js.client import JetStreamContext

    Contestant = Callable[[], Awaitable[float | None]]

APPEND_ROUNDS: Final = 40
APPENDS: Final = 50
INGEST_ROUNDS: Final = 9
INGESTED: Final = 10_000
STRICT_ROUNDS: Final = 3
STRICT_ALONE: Final = 200
BATCH: Final = 1_000
MEMORY_EVENTS: Final = int(os.environ.get("ANABRANCH_BENCH_EVENTS", "1000000"))
REPLAY_ROUNDS: Final = 9
REPLAYED: Final = 50_000
NAMESPACE: Final = "bench"


async def run() -> list[Row]:
    """Measure on servers of its own and return the rows."""
    with tempfile.TemporaryDirectory() as folder:
        async with (
            NatsServer(Path(folder) / "nats") as server,
            Log.connect(server.url, token=server.token, timeout_s=30) as log,
            await nats.connect(server.url, token=server.token) as client,
        ):
            driver = client.jetstream(timeout=30)
            peer = _peer(Path(folder), server)
            rows = [await _append(log, driver), *await _ingest(log, driver, client, peer)]
        async with (
            NatsServer(Path(folder) / "replay") as server,
            Log.connect(server.url, token=server.token, timeout_s=30) as log,
            await nats.connect(server.url, token=server.token) as client,
        ):
            await _fill(log)
            rows += await _replay(log, client.jetstream(timeout=30), _peer(Path(folder), server))
            rows += await _memory(log)
        async with NatsServer(Path(folder) / "strict", durability="strict") as server:
            rows += await _strict(server)
    return rows


def _peer(folder: Path, server: NatsServer) -> Peer | None:
    """Return the C client, or say why there is none: its rows are left out then."""
    try:
        return Peer.compiled(folder, server)
    except Missing as missing:
        print(f"the rows beside the C client are left out: {missing}", file=sys.stderr)
        return None


def _event() -> Event:
    return new_event(
        InsightRecorded(
            insight_id=new_id(),
            text="The ferry to the island sails at 09:40 on weekdays and at 10:15 on Sundays. " * 3,
            tags=("travel", "ferry"),
            entities=("ferry", "island"),
        ),
        session_id=new_id(),
        namespace=NAMESPACE,
        agent="bench",
    )


async def _append(log: Log, driver: JetStreamContext) -> Row:
    """Compare one awaited append, encoding included, with nats-py's publish of the same bytes."""

    async def ours(events: list[Event]) -> None:
        for event in events:
            await log.append(event)

    async def theirs(events: list[Event]) -> None:
        for event in events:
            await driver.publish(subject(NAMESPACE, event.session_id), encode(event))

    measured = await _interleaved(
        lambda: ours([_event() for _ in range(APPENDS)]),
        lambda: theirs([_event() for _ in range(APPENDS)]),
        rounds=APPEND_ROUNDS,
    )
    mine, driven = (statistics.median(seconds) / APPENDS * 1e6 for seconds in measured)
    return at_most(
        "append one event / nats-py publish", ours=mine, theirs=driven, limit=1.2, unit="us"
    )


async def _ingest(
    log: Log, driver: JetStreamContext, client: Client, peer: Peer | None
) -> list[Row]:
    """Compare imports with the same messages from others.

    Ours and nats-py encode what they send within their time. The C client is given ready messages;
    what our encoding costs of it is therefore shown beside.
    """
    contestants = _importers(log, driver, client)
    if peer is not None:
        contestants.append(lambda: peer.publish(_events()))
    measured = await _interleaved(*contestants, rounds=INGEST_ROUNDS)
    mine, driven, bare, encoded, *in_c = (
        INGESTED / statistics.median(seconds) for seconds in measured
    )
    compared: list[tuple[str, float, float, float]] = [
        ("ingest of typed events / nats-py publish_async", mine, driven, 2),
        ("ingest of typed events / nats-py publish, unanswered", mine, bare, 0.2),
    ]
    if in_c:
        compared += [
            ("ingest of typed events / C publish of ready ones", mine, in_c[0], 0.7),
            ("the encoding alone / C publish of ready ones", encoded, in_c[0], 1),
        ]
    return [
        at_least(name, ours=ours, theirs=theirs, limit=limit, unit="events/s")
        for name, ours, theirs, limit in compared
    ]


def _importers(log: Log, driver: JetStreamContext, client: Client) -> list[Contestant]:
    """Return, of typed events: an import, publish_async, publish unanswered, no more than encode."""

    async def ours(events: list[Event]) -> None:
        assert (await log.ingest(events)).events == len(events)

    async def theirs(events: list[Event]) -> None:
        for event in events:
            headers = {"Nats-Msg-Id": event.id, "Content-Type": CONTENT_TYPE}
            await driver.publish_async(
                subject(NAMESPACE, event.session_id), encode(event), headers=headers
            )
        await driver.publish_async_completed()

    async def raw(events: list[Event]) -> None:
        for event in events:
            await client.publish(f"elsewhere.{event.session_id}", encode(event))
        await settled(client)

    async def encoding(events: list[Event]) -> None:
        for event in events:
            encode(event)

    return [_prepared(_events, one) for one in (ours, theirs, raw, encoding)]


def _events() -> list[Event]:
    return [_event() for _ in range(INGESTED)]


def _prepared(
    make: Callable[[], list[Event]], contestant: Callable[[list[Event]], Awaitable[None]]
) -> Contestant:
    """Return a contestant whose events are made before its time is taken."""

    async def prepared() -> float:
        events = make()
        began = time.perf_counter()
        await contestant(events)
        return time.perf_counter() - began

    return prepared


async def _strict(server: NatsServer) -> list[Row]:
    """Compare one append after another with batches, by one caller and by a thousand."""
    async with Log.connect(
        server.url, token=server.token, timeout_s=60, durability="strict"
    ) as log:

        async def batch(events: list[Event]) -> None:
            await log.append_all(events)

        async def together(events: list[Event]) -> None:
            await asyncio.gather(*(log.append(event) for event in events))

        async def alone(events: list[Event]) -> None:
            for event in events:
                await log.append(event)

        measured = await _interleaved(
            _prepared(lambda: [_event() for _ in range(BATCH)], batch),
            _prepared(lambda: [_event() for _ in range(BATCH)], together),
            _prepared(lambda: [_event() for _ in range(STRICT_ALONE)], alone),
            rounds=STRICT_ROUNDS,
        )
    at_once, grouped, single = (
        count / statistics.median(seconds)
        for count, seconds in zip((BATCH, BATCH, STRICT_ALONE), measured, strict=True)
    )
    return [
        at_least(
            f"strict: {name} / one at a time",
            ours=ours,
            theirs=single,
            limit=limit,
            unit="events/s",
        )
        for name, ours, limit in (
            ("append_all of 1,000", at_once, 10),
            ("1,000 appends at once", grouped, 5),
        )
    ]


async def _memory(log: Log) -> list[Row]:
    """Compare the peak of our memory over the second half of many events with that at the first.

    A peak never falls, so that a ratio near 1 means that the second half took nothing more.
    """
    half = MEMORY_EVENTS // 2
    await log.ingest(_event() for _ in range(half))
    ingested = _peak_mib()
    await log.ingest(_event() for _ in range(half))
    ingested_all = _peak_mib()
    last = (await log.bounds()).last
    async for _ in log.read_all(to=last // 2):
        pass
    read = _peak_mib()
    async for _ in log.read_all():
        pass
    return [
        at_most(
            f"peak memory, {name} of {count:,} events / of half",
            ours=whole,
            theirs=part,
            limit=1.1,
            unit="MiB",
        )
        for name, count, whole, part in (
            ("ingest", 2 * half, ingested_all, ingested),
            ("read_all", last, _peak_mib(), read),
        )
    ]


def _peak_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024 if sys.platform == "linux" else peak / 1024**2


async def _fill(log: Log) -> None:
    last = (await log.bounds()).last
    for _ in range((REPLAYED - last) // 1000):
        await log.append_all([_event() for _ in range(1000)])


async def _replay(log: Log, driver: JetStreamContext, peer: Peer | None) -> list[Row]:
    """Compare reading the whole log with nats-py's fetch of a thousand, and with the C client.

    Of a typed event the text of the insight is used; theirs are raw messages.
    """
    count = (await log.bounds()).last

    async def raw() -> None:
        found = 0
        async for record in log.read_all():
            found += bool(record.raw)
        assert found == count

    async def typed() -> None:
        length = 0
        async for record in log.read_all():
            data = record.decode().data
            assert isinstance(data, InsightRecorded)
            length += len(data.text)
        assert length > count

    async def fetched() -> None:
        config = ConsumerConfig(ack_policy=AckPolicy.NONE)
        pulling = await driver.pull_subscribe(f"{SUBJECT_PREFIX}>", stream=STREAM, config=config)
        found = 0
        while found < count:
            found += len(await pulling.fetch(1000, timeout=5))
        await pulling.unsubscribe()

    contestants: list[Contestant] = [raw, typed, fetched]
    if peer is not None:
        contestants.append(lambda: peer.replay(count))
    measured = await _interleaved(*contestants, rounds=REPLAY_ROUNDS)
    mine, read, driven, *in_c = (count / statistics.median(seconds) for seconds in measured)
    compared: list[tuple[str, float, float, float]] = [
        ("read_all, raw / nats-py fetch, raw", mine, driven, 3),
        ("read_all, typed events / nats-py fetch, raw", read, driven, 3),
    ]
    if in_c:
        compared.append(("read_all, raw / C overlapped pull", mine, in_c[0], 0.4))
    return [
        at_least(name, ours=ours, theirs=theirs, limit=limit, unit="events/s")
        for name, ours, theirs, limit in compared
    ]


async def _interleaved(*contestants: Contestant, rounds: int) -> list[list[float]]:
    """Return each contestant's seconds over the rounds; they take turns, the first warms up.

    A contestant may take its time itself.
    """
    measured: list[list[float]] = [[] for _ in contestants]
    for number in range(rounds + 1):
        for seconds, contestant in zip(measured, contestants, strict=True):
            began = time.perf_counter()
            taken = await contestant()
            if number > 0:
                seconds.append(time.perf_counter() - began if taken is None else taken)
    return measured


if __name__ == "__main__":
    for row in asyncio.run(run()):
        print(row)
