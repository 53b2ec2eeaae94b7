"""The time until an event is readable, while a thousand a second come in, a minute long.

The graph holds what a minute at that rate makes already, so that the server has planned and compiled
what it is asked. Somebody else appends the events, in a process of its own. Meanwhile one insight
after another is written here, and waited for until the graph holds it; a recall by words must find
each fortieth at once.
ANABRANCH_BENCH_SECONDS says how long, ANABRANCH_BENCH_STORE on which store.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from typing import TYPE_CHECKING, Final

from anabranch_events import Log
from anabranch_projections import Projector
from benchmarks.projection_contest import append, start_at
from benchmarks.projection_lone import require_found
from benchmarks.projection_stores import on_each_store
from benchmarks.projection_stream import NAMESPACE, mixed, probe
from benchmarks.rows import Row, at_most

if TYPE_CHECKING:
    from anabranch_store import Graph
    from benchmarks.projection_stores import Bench

OFFERED: Final = 1000
SECONDS: Final = float(os.environ.get("ANABRANCH_BENCH_SECONDS", "60"))
HELD: Final = 60_000
WARM_UP_S: Final = 5.0
RECALLED: Final = 40
_TICK_S: Final = 0.01
_PAUSE_S: Final = 0.05
_TIMEOUT_S: Final = 60.0


async def run() -> list[Row]:
    """Measure on each store in turn; return the rows, each of which names its store."""
    return await on_each_store(_under_load)


async def _under_load(measured_on: Bench) -> list[Row]:
    log, graph, server = measured_on
    name = f"{NAMESPACE}-readable"
    before, last = await append(log, list(mixed(HELD)))
    await start_at(graph, name, before)
    projector = Projector(log, graph, name=name)
    await projector.run(to=last)
    running = asyncio.create_task(projector.run())
    offering = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.readable", server.url),
        env={**os.environ, "BENCH_TOKEN": server.token},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        taken = await _probed(log, graph, projector)
        printed, _ = await offering.communicate()
        assert offering.returncode == 0, "the one who offers failed"
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        if offering.returncode is None:
            offering.kill()
            await offering.wait()
    print(f"  {float(printed):,.0f} events/s were offered and stored", file=sys.stderr)
    third = len(taken) // 3
    agent = graph.product.agent
    return [
        at_most(
            f"write to readable at {float(printed):,.0f} events/s, {what} ({agent})",
            ours=ours,
            theirs=theirs,
            limit=limit,
            unit="ms",
        )
        for what, ours, theirs, limit in (
            ("p50 / 50 ms", statistics.median(taken), 50.0, 1),
            ("p99 / 250 ms", statistics.quantiles(taken, n=100)[98], 250.0, 1),
            (
                "p50 of the last third / of the first",
                statistics.median(taken[-third:]),
                statistics.median(taken[:third]),
                1.5,
            ),
        )
    ]


async def _probed(log: Log, graph: Graph, projector: Projector) -> list[float]:
    """Return, in their order, how many milliseconds writes took to be readable."""
    taken: list[float] = []
    began = time.monotonic()
    number = 0
    while (passed_s := time.monotonic() - began) < WARM_UP_S + SECONDS:
        event = probe(f"Sluice {number} is open")
        written = time.perf_counter()
        receipt = await log.append(event)
        await projector.wait_for(receipt.position, timeout_s=_TIMEOUT_S)
        if passed_s > WARM_UP_S:
            taken.append((time.perf_counter() - written) * 1000)
        if number % RECALLED == 0:
            await require_found(graph, event, f"sluice {number}")
        number += 1
        await asyncio.sleep(_PAUSE_S)
    return taken


async def _offer(url: str, token: str) -> None:
    """Append a thousand events a second in steady ticks; print how many a second were stored."""
    count = int((WARM_UP_S + SECONDS) * OFFERED)
    a_tick = int(OFFERED * _TICK_S)
    stream = mixed(count)
    async with Log.connect(url, token=token, timeout_s=60) as log:
        began = time.monotonic()
        async with asyncio.TaskGroup() as appending:
            for tick in range(count // a_tick):
                for _ in range(a_tick):
                    appending.create_task(log.append(next(stream)))
                await asyncio.sleep(max(0.0, began + (tick + 1) * _TICK_S - time.monotonic()))
        print(count / (time.monotonic() - began))


if __name__ == "__main__":
    asyncio.run(_offer(sys.argv[1], os.environ["BENCH_TOKEN"]))
