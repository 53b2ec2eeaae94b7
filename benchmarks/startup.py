"""The processor time of a command from start to end, ours beside an earlier build's.

The build is that of `BASELINE`, in a worktree of git that is removed again; both run on this Python
and on the packages of this environment, each with an `anabranch up` on a home of its own, in turns, and
with everything compiled that they import.
Processor time (user and system) of whole processes, the least of `ROUNDS`: others on the machine add
to it, nothing takes from it.
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson

from benchmarks.rows import Row, at_most

if TYPE_CHECKING:
    from collections.abc import Generator

ROOT: Final = Path(__file__).parents[1]
BASELINE: Final = "71bddff"
ROUNDS: Final = int(os.environ.get("ANABRANCH_BENCH_ROUNDS", "7"))
_PARTS: Final = ("app", "events", "projections", "recall", "store", "thinking")
_COMMAND: Final = ("-m", "anabranch")
_REMEMBER: Final = (*_COMMAND, "remember", "The sluice at Sulina leaks")
_CASES: Final = (
    ("import anabranch", ("-c", "import anabranch"), 0.25),
    ("--version", (*_COMMAND, "--version"), 1 / 3),
    ("--help", (*_COMMAND, "--help"), 1 / 3),
    ("status, beside up", (*_COMMAND, "status"), 1 / 3),
    ("remember, beside up", _REMEMBER, 1 / 3),
    ("recall, beside up", (*_COMMAND, "recall", "What leaks at Sulina?"), 1 / 3),
)
_MCP: Final = "\n".join(
    orjson.dumps({"jsonrpc": "2.0", **message}).decode()
    for message in (
        {
            "id": 1,
            "method": "initialize",
            "params": {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": {"name": "benchmark", "version": "1"},
            },
        },
        {"method": "notifications/initialized"},
        {
            "id": 2,
            "method": "tools/call",
            "params": {"name": "recall", "arguments": {"query": "What leaks at Sulina?"}},
        },
    )
)
"""A whole conversation with `anabranch mcp`: it begins, and asks the memory one thing."""
_MCP_LIMIT: Final = 0.4


async def run() -> list[Row]:
    """Measure each command in turns; return a row a command."""
    return await asyncio.to_thread(_measured)


def _measured() -> list[Row]:
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        theirs = stack.enter_context(_up(stack.enter_context(_worktree(work)), work / "theirs"))
        ours = stack.enter_context(_up(ROOT, work / "ours"))
        rows = [_row(*case, ours=ours, theirs=theirs) for case in _CASES]
        return [*rows, _mcp_row(ours=ours, theirs=theirs)]


def _mcp_row(*, ours: dict[str, str], theirs: dict[str, str]) -> Row:
    """Start a server for one question in turns with a `remember` of the earlier build."""
    arguments = (*_COMMAND, "mcp")
    taken: dict[str, list[float]] = {"ours": [], "theirs": []}
    assert '"hits"' in _run(arguments, ours, text=_MCP)
    for _ in range(ROUNDS):
        taken["theirs"].append(_cpu_ms(_REMEMBER, theirs))
        taken["ours"].append(_cpu_ms(arguments, ours, text=_MCP))
    least = {who: min(found) for who, found in taken.items()}
    name = f"mcp, one question, beside up / remember of {BASELINE}"
    return at_most(name, **least, limit=_MCP_LIMIT, unit="ms")


def _row(
    name: str,
    arguments: tuple[str, ...],
    limit: float,
    *,
    ours: dict[str, str],
    theirs: dict[str, str],
) -> Row:
    """Run the command in turns; return the least that each took."""
    taken: dict[str, list[float]] = {"ours": [], "theirs": []}
    for environment in (theirs, ours):
        _run(arguments, environment)  # Compiles what is imported.
    for _ in range(ROUNDS):
        taken["theirs"].append(_cpu_ms(arguments, theirs))
        taken["ours"].append(_cpu_ms(arguments, ours))
    least = {who: min(found) for who, found in taken.items()}
    return at_most(f"{name} / {BASELINE}", **least, limit=round(limit, 3), unit="ms")


def _cpu_ms(arguments: tuple[str, ...], environment: dict[str, str], *, text: str = "") -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _run(arguments, environment, text=text)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _run(arguments: tuple[str, ...], environment: dict[str, str], *, text: str = "") -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        input=text,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return done.stdout


@contextmanager
def _worktree(work: Path) -> Generator[Path]:
    """Check the baseline out beside this tree, for as long as this is open."""
    folder = work / "baseline"
    git = ("git", "-C", str(ROOT), "worktree")
    subprocess.run([*git, "add", "--quiet", "--detach", str(folder), BASELINE], check=True)
    try:
        yield folder
    finally:
        subprocess.run([*git, "remove", "--force", str(folder)], check=True)


@contextmanager
def _up(tree: Path, home: Path) -> Generator[dict[str, str]]:
    """Run a build's `anabranch up`; give the environment in which its commands run beside it."""
    named = ("ANABRANCH_", "NATS_", "NEO4J_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(named)}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)  # Nobody compiles what he runs each time.
    environment = {
        **kept,
        "ANABRANCH_HOME": str(home),
        "PYTHONPYCACHEPREFIX": str(home.with_suffix(".pycache")),
        "PYTHONPATH": os.pathsep.join(str(tree / part) for part in _PARTS),
    }
    _run((*_COMMAND, "up", "--detach"), environment)
    try:
        _run((*_COMMAND, "remember", "The delta has three arms"), environment)
        yield environment
    finally:
        _run((*_COMMAND, "down"), environment)
