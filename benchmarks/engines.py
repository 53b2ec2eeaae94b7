"""The embedded graph's two engines, in turn, in one run: the native build beside the Java runtime.

A start of a folder that is there already, to the first answer; what all processes of `anabranch up`
hold when nothing happens; the projection of the same stream; and the first and the later vector
queries after many vectors were written at once. The class archive is made first.
ANABRANCH_BENCH_EVENTS and ANABRANCH_BENCH_ROUNDS are as for the projection.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from anabranch_projections import Projector
from anabranch_store import EmbeddedGraph, Graph
from benchmarks.processor import processor_s
from benchmarks.projection_contest import EVENTS, ROUNDS, append, set_heap_aside, start_at
from benchmarks.projection_stores import bench
from benchmarks.projection_stream import NAMESPACE, mixed
from benchmarks.recall import learned, open_session, raw, saying
from benchmarks.rows import Row, at_least, at_most

if TYPE_CHECKING:
    from collections.abc import Callable

    from anabranch_store.embedded.engine import EngineName
    from benchmarks.projection_stores import Bench

ENGINES: Final[tuple[EngineName, ...]] = ("native", "jvm")
STARTS: Final = 9
ARCHIVE_S: Final = 60.0
IDLE_S: Final = 20.0
WARM_UP: Final = 20
"""Rounds of a projection that are not counted: a JVM that has just started compiles in them."""
VECTORS: Final = 20_000
BATCH: Final = 500
QUERIES: Final = 60


async def run() -> list[Row]:
    """Return the rows; in each, ours is the native build and theirs the Java runtime."""
    rows: list[Row] = []
    for measure in (_starts, _idle, _projection, _vectors):
        found = await measure()
        for row in found:
            print(f"  {row.name}: {row.ours:.3f} / {row.theirs:.3f}", file=sys.stderr)
        rows += found
    return rows


async def _starts() -> list[Row]:
    """Start a folder of each engine in turn, until a query is answered."""
    wall: dict[EngineName, list[float]] = {name: [] for name in ENGINES}
    work: dict[EngineName, list[float]] = {name: [] for name in ENGINES}
    with tempfile.TemporaryDirectory() as folder:
        for engine in ENGINES:
            await _started(Path(folder) / engine, engine)
        await asyncio.sleep(ARCHIVE_S)  # The class archive is being made behind our back.
        for _ in range(STARTS):
            for engine in ENGINES:
                seconds, cpu = await _started(Path(folder) / engine, engine)
                wall[engine].append(seconds)
                work[engine].append(cpu)
    return [
        _beside("start of a graph to its first answer", wall, limit=0.5, unit="s"),
        _beside("CPU time of its server until then", work, limit=0.5, unit="s"),
    ]


async def _started(folder: Path, engine: EngineName) -> tuple[float, float]:
    """Return the seconds until the first answer, and those of CPU time of the server."""
    began = time.perf_counter()
    async with (
        EmbeddedGraph(folder, engine=engine) as embedded,
        Graph.connect(embedded.address) as graph,
    ):
        await graph.apply_schema()
        await graph.query("MATCH (i:Insight) RETURN count(i) AS n")
        return time.perf_counter() - began, processor_s(embedded.pid)


async def _idle() -> list[Row]:
    """Let `anabranch up` stand idle after a few insights; add up what its processes hold."""
    held: dict[EngineName, list[float]] = {}
    for engine in ENGINES:
        held[engine] = [await asyncio.to_thread(_idle_mib, engine)]
    return [_beside("memory of all processes of an idle `up`", held, limit=0.5, unit="MiB")]


def _idle_mib(engine: EngineName) -> float:
    with tempfile.TemporaryDirectory() as home:
        environment = {
            **os.environ,
            "ANABRANCH_HOME": home,
            "ANABRANCH_EMBEDDED_ENGINE": engine,
        }

        def anabranch(*arguments: str) -> None:
            command = [sys.executable, "-m", "anabranch", *arguments]
            subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)

        up = subprocess.Popen([sys.executable, "-m", "anabranch", "up"], env=environment)
        try:
            time.sleep(IDLE_S)
            for number in range(5):
                anabranch("remember", f"Sluice {number} is open")
            anabranch("recall", "Which sluice is open?")
            time.sleep(IDLE_S)
            return sum(_pss_mib(pid) for pid in _tree(up.pid))
        finally:
            up.terminate()
            up.wait()


async def _projection() -> list[Row]:
    """Project the same stream on each engine in turn, after rounds that are not counted."""
    rates: dict[EngineName, list[float]] = {name: [] for name in ENGINES}
    work: dict[EngineName, list[float]] = {name: [] for name in ENGINES}
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncExitStack() as stack:
            opened: dict[EngineName, Bench] = {}
            for engine in ENGINES:
                store = "embedded" if engine == "jvm" else "embedded-native"
                one = await stack.enter_async_context(bench(store, Path(folder) / engine))
                assert one is not None
                opened[engine] = one
            for number in range(ROUNDS + WARM_UP):
                for engine in ENGINES if number % 2 else ENGINES[::-1]:
                    server = _server_in(Path(folder) / engine)
                    before = processor_s(server)
                    rate = await _projected(opened[engine], first=not number)
                    rates[engine].append(rate)
                    work[engine].append((processor_s(server) - before) / EVENTS * 1e6)
    counted: dict[EngineName, list[float]] = {name: rates[name][WARM_UP:] for name in ENGINES}
    cold: dict[EngineName, list[float]] = {name: rates[name][:1] for name in ENGINES}
    working: dict[EngineName, list[float]] = {name: work[name][WARM_UP:] for name in ENGINES}
    return [
        _beside("steady projection", counted, limit=1, unit="events/s", least=True),
        _beside("CPU time of its server in that", working, limit=1, unit="us/event"),
        _beside("projection of the first events", cold, limit=1, unit="events/s", least=True),
    ]


async def _projected(one: Bench, *, first: bool) -> float:
    name = f"{NAMESPACE}-engines"
    before, last = await append(one.log, list(mixed(EVENTS)))
    if first:
        await start_at(one.graph, name, before)
    set_heap_aside()
    began = time.perf_counter()
    await Projector(one.log, one.graph, name=name).run(to=last)
    return EVENTS / (time.perf_counter() - began)


async def _vectors() -> list[Row]:
    """Write many vectors without a query in between; ask for the nearest, then again and again."""
    first: dict[EngineName, list[float]] = {}
    later: dict[EngineName, list[float]] = {}
    written: dict[EngineName, list[float]] = {}
    for engine in ENGINES:
        with tempfile.TemporaryDirectory() as folder:
            async with (
                EmbeddedGraph(Path(folder) / "graph", engine=engine) as embedded,
                Graph.connect(embedded.address, timeout_s=300) as graph,
            ):
                await graph.apply_schema()
                began = time.perf_counter()
                await _written(graph)
                written[engine] = [VECTORS / (time.perf_counter() - began)]
                async with open_session(graph) as session:
                    taken: list[float] = []
                    for number in range(QUERIES):
                        began = time.perf_counter()
                        await raw(session, f"question {number}")
                        taken.append((time.perf_counter() - began) * 1000)
        first[engine], later[engine] = taken[:1], taken[10:]
    return [
        _beside("bulk load of vectors", written, limit=1, unit="vectors/s", least=True),
        _beside("first vector query after it", first, limit=1, unit="ms"),
        _beside("later vector queries", later, limit=1, unit="ms"),
    ]


async def _written(graph: Graph) -> None:
    position = 0
    for _ in range(VECTORS // BATCH):
        events = saying("engines", [f"t{position + at}" for at in range(BATCH)], position)
        position = events[-1].position
        await graph.write(learned(events))


def _beside(
    name: str, found: dict[EngineName, list[float]], *, limit: float, unit: str, least: bool = False
) -> Row:
    make: Callable[..., Row] = at_least if least else at_most
    ours, theirs = (statistics.median(found[engine]) for engine in ENGINES)
    return make(f"{name}, native / JVM", ours=ours, theirs=theirs, limit=limit, unit=unit)


def _server_in(folder: Path) -> int:
    """Return the process of ours that serves the graph in `folder`."""
    for pid in _tree(os.getpid()):
        words = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").split("\0")
        if str(folder / "graph") in words:
            return pid
    raise AssertionError(f"no process serves {folder}")


def _pss_mib(pid: int) -> float:
    """Return what a process holds, its share of what it shares included."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _tree(pid: int) -> list[int]:
    said = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)],  # noqa: S607 - where ps is differs.
        check=False,
        capture_output=True,
        text=True,
    ).stdout
    return [pid, *(found for child in said.split() for found in _tree(int(child)))]
