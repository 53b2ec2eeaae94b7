"""The embedded graph under kill -9, of its server and of its owner."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from tests.support.patience import PATIENCE_S
from tests.support.rounds import CHAOS_ROUNDS, KILL_ROUNDS, in_full_only

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from pathlib import Path


class Writer:
    """One process of `tests.support.graph_writer`, and what it says of each life of its server."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._host = 0
        self.acknowledged = 0

    @classmethod
    async def start(cls, folder: Path) -> Writer:
        """Start one over `folder`; `ready` then waits until it writes."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.support.graph_writer", str(folder)),
            stdout=PIPE,
            stderr=DEVNULL,
        )
        return cls(process)

    async def ready(self) -> tuple[int, int]:
        """Read on to the next start; return the position it found and the nodes it counted."""
        while not isinstance(line := await self._line(), dict):
            self.acknowledged = line
        self._host = line["host"]
        return line["position"], line["nodes"]

    async def writes(self, dice: random.Random) -> None:
        """Let it write for a moment, one commit at least."""
        self.acknowledged = await self._line()
        await asyncio.sleep(dice.uniform(0.01, 0.5))

    def kill_server(self) -> None:
        """Kill the graph's server; its owner will start another."""
        os.kill(self._host, signal.SIGKILL)

    async def kill_owner(self) -> None:
        """Kill the process, and hear the last commits it told of."""
        self._process.kill()
        with suppress(EOFError):
            while isinstance(line := await self._line(), int):
                self.acknowledged = line
        await self._process.wait()

    async def _line(self) -> Any:
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            line = await self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise EOFError(line)
        return orjson.loads(line)


async def _kill_rounds(folder: Path, rounds: int) -> None:
    """Kill the server and its owner in turn, each a moment after it began to write."""
    dice = random.Random(20261123)  # noqa: S311 - a test's dice
    acknowledged = 0
    for _ in range(rounds // 2):
        writer = await Writer.start(folder)
        writer.acknowledged = acknowledged
        _check(await writer.ready(), writer.acknowledged)
        await writer.writes(dice)
        writer.kill_server()
        _check(await writer.ready(), writer.acknowledged)
        await writer.writes(dice)
        await writer.kill_owner()
        acknowledged = writer.acknowledged
    last = await Writer.start(folder)
    _check(await last.ready(), acknowledged)
    await last.kill_owner()


def _check(found: tuple[int, int], acknowledged: int) -> None:
    """A commit may hold without its acknowledgement having been heard: one at a time."""
    position, nodes = found
    assert position in {acknowledged, acknowledged + 1}
    assert nodes == position


@in_full_only
@pytest.mark.timeout(1200)
async def test_kills_of_the_server_and_its_owner_lose_nothing(tmp_path: Path) -> None:
    """Killed in turn, in the middle of writing: every acknowledged commit is there, whole."""
    await _kill_rounds(tmp_path / "graph", KILL_ROUNDS)


@pytest.mark.chaos
async def test_many_kills_of_the_server_and_its_owner_lose_nothing(tmp_path: Path) -> None:
    """The same for as many rounds as `make chaos` asks for."""
    await _kill_rounds(tmp_path / "graph", CHAOS_ROUNDS)
