"""Kill -9 of a command at each stage of its servers' start: it leaves no process behind."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.home_processes import processes
from tests.support.patience import until
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = in_full_only

Stage = tuple[str, "Callable[[Path], bool]", float]


def runs(word: str) -> Callable[[Path], bool]:
    """Return a look for a process of a home whose command line has `word`."""
    return lambda home: any(word in command for command in processes(home).values())


STAGES: Final[tuple[Stage, ...]] = (
    ("the home is taken", lambda home: (home / "owner.lock").exists(), 0.0),
    ("the log's server is started", runs("anabranch-nats"), 0.0),
    ("the log's server runs", runs("nats-server -c"), 0.0),
    ("the graph's process is started", runs("host.py"), 0.0),
    ("its JVM starts", runs("host.py"), 0.5),
    ("others may join", lambda home: (home / "runtime.json").exists(), 0.0),
)


@pytest.mark.parametrize("stage", STAGES, ids=[stage[0].replace(" ", "-") for stage in STAGES])
async def test_a_command_killed_while_its_servers_start_leaves_none_behind(
    tmp_path: Path, stage: Stage
) -> None:
    """Neither the log's server nor the graph's outlives it."""
    _, reached, more_s = stage
    home = tmp_path / "home"
    killed = await _remember(home)
    await until(lambda: reached(home))
    await asyncio.sleep(more_s)

    assert killed.returncode is None
    killed.kill()
    await killed.wait()

    await until(lambda: not processes(home))


async def _remember(home: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "anabranch", "remember", "The gauge drifts"),
        env={**os.environ, "ANABRANCH_HOME": str(home)},
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
