"""Importing a session of Claude Code, beside Python's `json` reading the same bytes.

Ours is read twice (to tell what was rewound), mapped, redacted, appended and acknowledged. Each
round is a process of its own, which has imported another session before: no text is known to it.

Time is given twice: as it passes, waiting for the server included, and as this process's own. Beside
them stands the floor: `json`, and the same events, ready made, appended in batches.

Memory is that of a process which imports a small file, and a larger one. ANABRANCH_BENCH_SESSION_MB
says how large.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.support.peak import peak_mb

from anabranch.backend.gc_tuning import collect_seldom
from anabranch.importers.appending import BATCH_EVENTS
from anabranch.importers.importer import Importer, ImportOptions
from anabranch.importers.readers.catalogue import sources_below
from benchmarks import sessions_peers, sessions_watch
from benchmarks.rows import Row, at_most
from benchmarks.session_files import empty_log, write_session

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from anabranch_events import Event

MEGABYTES: Final = int(os.environ.get("ANABRANCH_BENCH_SESSION_MB", "50"))
SMALL_MB: Final = 5
ROUNDS: Final = 5


class Round(NamedTuple):
    """Seconds of one process: as they passed, and its own."""

    json_s: float
    json_own_s: float
    import_s: float
    import_own_s: float
    append_s: float
    append_own_s: float


async def run() -> list[Row]:
    """Measure the time and the memory of an import; return a row each."""
    with tempfile.TemporaryDirectory(prefix="anabranch-bench-") as folder:
        small, large = Path(folder) / "small", Path(folder) / "large"
        write_session(small, megabytes=SMALL_MB, seed=2)
        write_session(large, megabytes=MEGABYTES)
        rounds = [Round(*await _process(large, small)) for _ in range(ROUNDS)]
        peaks = [await peak_of(one) for one in (small, large)]
    took = Round(*map(statistics.median, zip(*rounds, strict=True)))
    name = f"import {MEGABYTES} MB of sessions / json reads them"
    floor = f"json, and appending the events of {MEGABYTES} MB / json"
    return [
        at_most(name, ours=took.import_s, theirs=took.json_s, limit=3.0, unit="s"),
        at_most(
            f"{name}, processor",
            ours=took.import_own_s,
            theirs=took.json_own_s,
            limit=3.0,
            unit="s",
        ),
        at_most(floor, ours=took.json_s + took.append_s, theirs=took.json_s, limit=3.0, unit="s"),
        at_most(
            f"{floor}, processor",
            ours=took.json_own_s + took.append_own_s,
            theirs=took.json_own_s,
            limit=3.0,
            unit="s",
        ),
        at_most(
            f"memory of importing {MEGABYTES} MB / {SMALL_MB} MB",
            ours=peaks[1],
            theirs=peaks[0],
            limit=1.2,
            unit="MB",
        ),
        *await sessions_peers.run(),
        *await sessions_watch.run(),
    ]


async def peak_of(folder: Path) -> float:
    """Return the peak of memory, in MB, of a process that imports a folder."""
    return (await _process(folder))[0]


async def _process(folder: Path, other: Path | None = None) -> list[float]:
    """Return what a process prints: its peak, or beside another folder the times of a round."""
    folders = [str(one) for one in (folder, other) if one is not None]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.sessions", *folders), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    return [float(number) for number in out.split()]


async def _round(folder: Path, other: Path) -> Round:
    """Time one folder in a process that has imported the other one."""
    await _imported(other)
    by_json = _read_by_json(folder)
    ours = await _imported(folder)
    events: list[Event] = []
    await _imported(folder, saw=lambda event, _: events.append(event))
    return Round(*by_json, *ours, *await _appended(events))


def _read_by_json(folder: Path) -> tuple[float, float]:
    (path,) = folder.rglob("*.jsonl")
    began, began_own = time.perf_counter(), time.process_time()
    with path.open() as file:
        for line in file:
            json.loads(line)
    return time.perf_counter() - began, time.process_time() - began_own


async def _imported(
    folder: Path, *, saw: Callable[[Event, int], None] | None = None
) -> tuple[float, float]:
    """Return how long it takes to have a folder's sessions in an empty log."""
    async with empty_log() as log:
        began, began_own = time.perf_counter(), time.process_time()
        importer = Importer(log, ImportOptions("bench"), saw=saw)
        await importer.sources(sources_below([folder]), stored=lambda _, __: None)
        took = time.perf_counter() - began, time.process_time() - began_own
    assert importer.tally.appended
    return took


async def _appended(events: Sequence[Event]) -> tuple[float, float]:
    """Return how long it takes to have events in an empty log, a batch after another."""
    async with empty_log() as log:
        began, began_own = time.perf_counter(), time.process_time()
        for start in range(0, len(events), BATCH_EVENTS):
            await log.append_all(events[start : start + BATCH_EVENTS])
        return time.perf_counter() - began, time.process_time() - began_own


if __name__ == "__main__":
    collect_seldom()  # As `anabranch sessions import` does.
    given = [Path(one) for one in sys.argv[1:]]
    if len(given) > 1:
        print(*asyncio.run(_round(*given)))
    else:
        asyncio.run(_imported(*given))
        print(peak_mb())
