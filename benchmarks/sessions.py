"""Importing a session of Claude Code, beside Python's `json` reading the same bytes.

Ours is read twice (to tell what was rewound), mapped, redacted, appended and acknowledged. The file is
made up: eight tool calls a turn with outputs of some kilobytes, a remark before half of them. Each round
is a process of its own, which has imported another session before: no text is known to it.

Time is given twice: as it passes, waiting for the server included, and as this process's own. Beside
them stands the floor: `json`, and the same events, ready made, appended in batches.

Memory is that of a process which imports a small file, and a larger one. ANABRANCH_BENCH_SESSION_MB
says how large.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
import uuid
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.support.peak import peak_mb

from anabranch.backend.gc_tuning import collect_seldom
from anabranch.importers.appending import BATCH_EVENTS
from anabranch.importers.importer import Importer, ImportOptions
from anabranch.importers.readers.catalogue import sources_below
from anabranch_events import Log, NatsServer
from benchmarks.rows import Row, at_most

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from anabranch_events import Event

MEGABYTES: Final = int(os.environ.get("ANABRANCH_BENCH_SESSION_MB", "50"))
SMALL_MB: Final = 5
ROUNDS: Final = 5
_CALLS: Final = 8
_WORDS: Final = [
    "the",
    "lamp",
    "turns",
    "every",
    "ten",
    "seconds",
    "at",
    "Gull",
    "Point",
    "and",
    "the",
    "keeper",
    "logs",
    "oil",
    "wick",
    "wind",
    "from",
    "west",
    "pier",
    "buoy",
    "anchor",
    "rope",
]


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
    ]


def write_session(folder: Path, *, megabytes: int, longest_mb: int = 0, seed: int = 1) -> Path:
    """Write a session of about that size, with a tool's output of `longest_mb`; return its file."""
    chance = random.Random(seed)  # noqa: S311 - no secret hangs on it.
    session_id = str(uuid.UUID(int=chance.getrandbits(128)))
    path = folder / "projects" / "-work-pier" / f"{session_id}.jsonl"
    path.parent.mkdir(parents=True)
    outputs = ["\n".join(_text(chance, 12) for _ in range(100)) for _ in range(50)]
    leaf: str | None = None
    size = number = 0
    with path.open("w") as file:
        while size < megabytes * 1_000_000:
            longest = "fog\n" * (longest_mb * 250_000) if number == 0 else ""
            for kind, message in _turn(chance, outputs, number, longest=longest):
                record_id = str(uuid.UUID(int=chance.getrandbits(128)))
                record = {
                    "parentUuid": leaf,
                    "isSidechain": False,
                    "type": kind,
                    "message": message,
                    "uuid": record_id,
                    "timestamp": "2026-11-01T08:00:00.000Z",
                    "cwd": "/srv/pier",
                    "sessionId": session_id,
                    "version": "2.1.332",
                }
                size += file.write(json.dumps(record, separators=(",", ":")) + "\n")
                leaf = record_id
            number += 1
    return path


def _turn(
    chance: random.Random, outputs: list[str], number: int, *, longest: str
) -> list[tuple[str, dict[str, object]]]:
    found: list[tuple[str, dict[str, object]]] = [
        ("user", {"role": "user", "content": _text(chance, 30)})
    ]
    for call in range(_CALLS):
        if call % 2 == 0:
            found.append(("assistant", _said({"type": "text", "text": _text(chance, 25)})))
        call_id = f"toolu_{number}_{call}"
        given = {"command": f"cat {_text(chance, 2)}"}
        found.append(
            (
                "assistant",
                _said({"type": "tool_use", "id": call_id, "name": "Bash", "input": given}),
            )
        )
        output = chance.choice(outputs) * chance.randint(1, 3)
        output, longest = longest or output, ""
        result = {"type": "tool_result", "tool_use_id": call_id, "content": output}
        found.append(("user", {"role": "user", "content": [result]}))
    found.append(
        ("assistant", _said({"type": "text", "text": _text(chance, 120)}, stop="end_turn"))
    )
    return found


def _said(block: dict[str, object], *, stop: str = "tool_use") -> dict[str, object]:
    return {"role": "assistant", "model": "model", "content": [block], "stop_reason": stop}


def _text(chance: random.Random, words: int) -> str:
    return " ".join(chance.choice(_WORDS) for _ in range(words))


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
    async with _empty_log() as log:
        began, began_own = time.perf_counter(), time.process_time()
        importer = Importer(log, ImportOptions("bench"), saw=saw)
        for source in sources_below([folder]):
            await importer.source(source)
        took = time.perf_counter() - began, time.process_time() - began_own
    assert importer.tally.appended
    return took


async def _appended(events: Sequence[Event]) -> tuple[float, float]:
    """Return how long it takes to have events in an empty log, a batch after another."""
    async with _empty_log() as log:
        began, began_own = time.perf_counter(), time.process_time()
        for start in range(0, len(events), BATCH_EVENTS):
            await log.append_all(events[start : start + BATCH_EVENTS])
        return time.perf_counter() - began, time.process_time() - began_own


@asynccontextmanager
async def _empty_log() -> AsyncGenerator[Log]:
    with tempfile.TemporaryDirectory(prefix="anabranch-bench-") as home:
        async with (
            NatsServer(Path(home)) as server,
            Log.connect(server.url, token=server.token) as log,
        ):
            yield log


if __name__ == "__main__":
    collect_seldom()  # As `anabranch sessions import` does.
    given = [Path(one) for one in sys.argv[1:]]
    if len(given) > 1:
        print(*asyncio.run(_round(*given)))
    else:
        asyncio.run(_imported(*given))
        print(peak_mb())
