"""Importing a session of Claude Code, beside Python's `json` reading the same bytes.

Ours is read twice (to tell what was rewound), mapped, redacted, appended and acknowledged. The file is
made up: eight tool calls a turn with outputs of some kilobytes, a remark before half of them. Memory is
that of a process which imports a small file, and a larger one. ANABRANCH_BENCH_SESSION_MB says how large.
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
from pathlib import Path
from typing import Final

from tests.support.peak import peak_mb

from anabranch.importers.importer import Importer, ImportOptions
from anabranch.importers.readers.catalogue import sources_below
from anabranch_events import Log, NatsServer
from benchmarks.rows import Row, at_most

MEGABYTES: Final = int(os.environ.get("ANABRANCH_BENCH_SESSION_MB", "50"))
SMALL_MB: Final = 5
ROUNDS: Final = 3
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


async def run() -> list[Row]:
    """Measure the time and the memory of an import; return a row each."""
    with tempfile.TemporaryDirectory(prefix="anabranch-bench-") as folder:
        small, large = Path(folder) / "small", Path(folder) / "large"
        write_session(small, megabytes=SMALL_MB)
        path = write_session(large, megabytes=MEGABYTES)
        ours: list[float] = []
        theirs: list[float] = []
        for _ in range(ROUNDS):
            theirs.append(_read_by_json(path))
            ours.append(await _imported(large))
        peaks = [await peak_of(one) for one in (small, large)]
    return [
        at_most(
            f"import {MEGABYTES} MB of sessions / json reads them",
            ours=statistics.median(ours),
            theirs=statistics.median(theirs),
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


def write_session(folder: Path, *, megabytes: int, longest_mb: int = 0) -> Path:
    """Write a session of about that size, with a tool's output of `longest_mb`; return its file."""
    chance = random.Random(1)  # noqa: S311 - no secret hangs on it.
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


def _read_by_json(path: Path) -> float:
    began = time.perf_counter()
    with path.open() as file:
        for line in file:
            json.loads(line)
    return time.perf_counter() - began


async def _imported(folder: Path) -> float:
    """Return how long it takes to have a folder's sessions in an empty log."""
    with tempfile.TemporaryDirectory(prefix="anabranch-bench-") as home:
        async with (
            NatsServer(Path(home)) as server,
            Log.connect(server.url, token=server.token) as log,
        ):
            began = time.perf_counter()
            importer = Importer(log, ImportOptions("bench"))
            for source in sources_below([folder]):
                await importer.source(source)
            took_s = time.perf_counter() - began
    assert importer.tally.appended
    return took_s


async def peak_of(folder: Path) -> float:
    """Return the peak of memory, in MB, of a process that imports a folder."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.sessions", str(folder)), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    return float(out)


if __name__ == "__main__":
    asyncio.run(_imported(Path(sys.argv[1])))
    print(peak_mb())
