"""A sealed namespace beside an open one: appends, imports, replay, projection, in turns in one run.

Both stand in one log and one embedded graph, with the same events. ANABRANCH_BENCH_ROUNDS sets how
many rounds are counted.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from anabranch_events import Log, new_event, new_id
from anabranch_events.event.types import InsightRecorded
from anabranch_projections import Projector
from benchmarks.projection_contest import set_heap_aside, start_at
from benchmarks.projection_stores import bench
from benchmarks.projection_stream import mixed
from benchmarks.rows import Row, at_most

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anabranch_events import Event, NatsServer
    from benchmarks.projection_stores import Bench

ROUNDS: Final = int(os.environ.get("ANABRANCH_BENCH_ROUNDS", "9"))
WARM_UP: Final = 3
APPENDS: Final = 100
EVENTS: Final = 8_000
LIMIT: Final = 1.5
OPEN, SEALED = "bench-open", "bench-sealed"
TEXT: Final = "The left arm of the delta silts up two centimetres a year below the third lock. "


async def run() -> list[Row]:
    """Measure on a server and a graph of its own; return the rows."""
    with tempfile.TemporaryDirectory() as folder:
        async with bench("embedded", Path(folder)) as opened:
            assert opened is not None
            await opened.log.seal(SEALED)
            return [
                await _appends(opened.log),
                await _imports(opened.log),
                await _replay(opened.log, opened.server),
                await _projection(opened),
            ]


async def _appends(log: Log) -> Row:
    async def one(namespace: str) -> float:
        events = [_event(namespace) for _ in range(APPENDS)]
        began = time.perf_counter()
        for event in events:
            await log.append(event)
        return (time.perf_counter() - began) / APPENDS * 1e6

    return await _compared("append, sealed / open", one, rounds=4 * ROUNDS, unit="us")


async def _imports(log: Log) -> Row:
    async def one(namespace: str) -> float:
        events = [_event(namespace) for _ in range(EVENTS)]
        set_heap_aside()
        began = time.perf_counter()
        await log.ingest(events)
        return (time.perf_counter() - began) / EVENTS * 1e6

    return await _compared("import, sealed / open", one, rounds=ROUNDS, unit="us")


async def _replay(log: Log, server: NatsServer) -> Row:
    """Read and decode a stretch of either kind, each time by a reader that has no keys yet."""
    stretches: dict[str, tuple[int, int]] = {}
    for namespace in (OPEN, SEALED):
        before = (await log.bounds()).last
        await log.ingest(_event(namespace) for _ in range(4 * EVENTS))
        stretches[namespace] = (before, (await log.bounds()).last)

    async def one(namespace: str) -> float:
        after, to = stretches[namespace]
        async with Log.connect(server.url, token=server.token, timeout_s=60) as reader:
            set_heap_aside()
            began = time.perf_counter()
            async with aclosing(reader.batches(after=after, to=to)) as batches:
                async for records in batches:
                    for record in records:
                        record.decode()
            return (time.perf_counter() - began) / (to - after) * 1e6

    return await _compared("replay, decoded, sealed / open", one, rounds=ROUNDS, unit="us")


async def _projection(measured_on: Bench) -> Row:
    log, graph = measured_on.log, measured_on.graph
    name = "bench-sealed"
    await start_at(graph, name, (await log.bounds()).last)

    async def one(namespace: str) -> float:
        events = [_moved(event, namespace) for event in mixed(EVENTS)]
        await log.ingest(events)
        last = (await log.bounds()).last
        set_heap_aside()
        began = time.perf_counter()
        await Projector(log, graph, name=name).run(to=last)
        return (time.perf_counter() - began) / EVENTS * 1e6

    return await _compared("projection, sealed / open", one, rounds=ROUNDS, unit="us", warm_up=8)


async def _compared(
    name: str,
    one: Callable[[str], Awaitable[float]],
    *,
    rounds: int,
    unit: str,
    warm_up: int = WARM_UP,
) -> Row:
    """Measure both kinds in turns; the first rounds are not counted."""
    found: dict[str, list[float]] = {OPEN: [], SEALED: []}
    for number in range(rounds + warm_up):
        for namespace in (OPEN, SEALED) if number % 2 else (SEALED, OPEN):
            found[namespace].append(await one(namespace))
    sealed, plain = (statistics.median(found[kind][warm_up:]) for kind in (SEALED, OPEN))
    return at_most(name, ours=sealed, theirs=plain, limit=LIMIT, unit=unit)


def _event(namespace: str) -> Event:
    data = InsightRecorded(
        insight_id=new_id(), text=TEXT, tags=("delta",), entities=("Lock 3", "Delta")
    )
    return new_event(data, session_id=new_id(), namespace=namespace, agent="bench")


def _moved(event: Event, namespace: str) -> Event:
    return event.model_copy(update={"namespace": namespace})
