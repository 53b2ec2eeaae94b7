"""Importing sessions of Claude Code beside agentsview, which takes the same files into SQLite.

Time as it passes is what both say of themselves, without their start. Processor time is that of the
whole process and all that it waited for, ours with its nats-server; that of a session of one turn
is taken off. Both must have taken in every session and every prompt. agentsview indexes words as
well; ours stores and is acknowledged, and the projections follow.

agentsview comes from PyPI.
"""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from anabranch.backend.gc_tuning import collect_seldom
from anabranch.importers.importer import Importer, ImportOptions
from anabranch.importers.readers.catalogue import sources_below
from benchmarks.peer import Missing
from benchmarks.peer_packages import installed
from benchmarks.rows import Row, at_least
from benchmarks.session_files import empty_log, write_session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

AGENTSVIEW: Final = "agentsview==0.46.1"
GOAL: Final = 10.0
MEGABYTES: Final = int(os.environ.get("ANABRANCH_BENCH_SESSION_MB", "50"))
SESSIONS: Final = 20
ROUNDS: Final = 3
_SYNCED: Final = re.compile(r"synced in (\S+)")
_UNITS_S: Final = {"m": 60.0, "s": 1.0, "ms": 0.001}
_OURS: Final = (sys.executable, "-m", "benchmarks.sessions_peers")


class Cost(NamedTuple):
    """Seconds as they passed, and of processors."""

    wall_s: float
    own_s: float


class TakenIn(NamedTuple):
    """The sessions and the prompts that one has of a folder."""

    sessions: int
    prompts: int


async def run() -> list[Row]:
    """Measure one large session, and as many bytes in twenty; return two rows for each."""
    try:
        agentsview = await asyncio.to_thread(_agentsview)
    except Missing as missing:
        print(f"  without agentsview: {missing}", file=sys.stderr)
        return []
    return await asyncio.to_thread(_compared, agentsview)


def _compared(agentsview: Path) -> list[Row]:
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="anabranch-bench-") as name:
        folder = Path(name)
        write_session(folder / "empty", megabytes=0)
        for sessions in (1, SESSIONS):
            files = folder / f"of{sessions}"
            for number in range(sessions):
                write_session(files, megabytes=MEGABYTES / sessions, seed=number)
            ours, theirs = _rounds(agentsview, folder / "empty", files)
            megabytes = sum(path.stat().st_size for path in files.rglob("*.jsonl")) / 1e6
            what = f"import of {MEGABYTES} MB in {sessions} sessions / agentsview"
            rows += [
                at_least(
                    f"{what}{suffix}",
                    ours=megabytes / ours[field],
                    theirs=megabytes / theirs[field],
                    limit=GOAL,
                    unit="MB/s",
                )
                for field, suffix in enumerate(("", ", processor"))
            ]
    return rows


def _rounds(agentsview: Path, empty: Path, files: Path) -> tuple[Cost, Cost]:
    """Return what both take for `files`, in turns: medians, without what they take for `empty`."""
    sides: tuple[Callable[[Path], tuple[Cost, TakenIn]], ...] = (
        _by_us,
        lambda folder: _by_agentsview(agentsview, folder),
    )
    taken: list[list[Cost]] = [[], []]
    for _ in range(ROUNDS):
        found = [(side(empty)[0], *side(files)) for side in sides]
        assert found[0][2] == found[1][2], found
        assert found[0][2].sessions == len(list(files.rglob("*.jsonl"))), found
        for costs, (start, cost, _) in zip(taken, found, strict=True):
            costs.append(Cost(cost.wall_s, cost.own_s - start.own_s))
    ours, theirs = (Cost(*map(statistics.median, zip(*costs, strict=True))) for costs in taken)
    return ours, theirs


def _by_us(folder: Path) -> tuple[Cost, TakenIn]:
    own_s, printed = _command((*_OURS, str(folder)), os.environ)
    sessions, prompts, wall_s = printed.split()
    return Cost(float(wall_s), own_s), TakenIn(int(sessions), int(prompts))


def _by_agentsview(program: Path, folder: Path) -> tuple[Cost, TakenIn]:
    with tempfile.TemporaryDirectory(prefix="anabranch-bench-") as home:
        own_s, printed = _command(
            (str(program), "sync"),
            {
                "HOME": home,
                "PATH": os.environ["PATH"],
                "AGENTSVIEW_NO_DAEMON": "1",
                "AGENTSVIEW_DISABLE_UPDATE_CHECK": "1",
                "CLAUDE_PROJECTS_DIR": str(folder / "projects"),
            },
        )
        archive = Path(home) / ".agentsview" / "sessions.db"
        with closing(sqlite3.connect(archive)) as database:
            (sessions,) = database.execute("SELECT count(*) FROM sessions").fetchone()
            (prompts,) = database.execute(
                "SELECT count(*) FROM messages WHERE role = 'user'"
            ).fetchone()
    return Cost(_seconds(printed), own_s), TakenIn(sessions, prompts)


def _seconds(printed: str) -> float:
    """Return the time that agentsview says it took, in Go's spelling: `1m2.5s`, `850ms`."""
    found = _SYNCED.search(printed)
    assert found is not None, printed
    parts = re.findall(r"([\d.]+)(m(?!s)|s|ms)", found[1])
    return sum(float(number) * _UNITS_S[unit] for number, unit in parts)


def _command(words: Sequence[str], environment: Mapping[str, str]) -> tuple[float, str]:
    """Run a command; return its seconds of processors, with all it waited for, and its output."""
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, words, printed)
    return used.ru_utime + used.ru_stime, printed


def _agentsview() -> Path:
    """Return the program of agentsview. Raises Missing."""
    [program] = installed(AGENTSVIEW).glob("lib/*/site-packages/agentsview/bin/agentsview")
    return program


async def _import(folder: Path) -> tuple[int, int, float]:
    """Import a folder into an empty log; return its sessions and prompts, and the seconds."""
    async with empty_log() as log:
        began = time.perf_counter()
        importer = Importer(log, ImportOptions("bench"))
        await importer.sources(sources_below([folder]), stored=lambda _, __: None)
        took_s = time.perf_counter() - began
    tally = importer.tally
    return tally.sessions.total(), tally.insights["request"], took_s


if __name__ == "__main__":
    collect_seldom()  # As `anabranch sessions import` does.
    print(*asyncio.run(_import(Path(sys.argv[1]))))
