"""A home with everything that may run on it, each in a process of its own with a clock of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import urllib.request
from asyncio.subprocess import PIPE
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING, Final, Self

from anabranch import Memory
from anabranch.memory.memory import namespace_of
from tests.support.fixtures.memory import CommandLine
from tests.support.home_processes import processes
from tests.support.visiting import PATIENCE_S, Visitors, patient, until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from anabranch.settings import Settings

PARTS: Final = ("up", "nats-server", "graph", "worker", "serve", "producer")
SILENCE_S: Final = 5.0
_BRANCHES: Final = 3


class WholeHome:
    """`up` with its servers, a worker that also joins, `serve`, a producer, and one who follows.

    `clocks` has further environment for a part: the servers that `up` starts inherit its clock.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        clocks: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self._settings = patient(settings)
        self._folder = folder
        self._clocks = clocks or {}
        self._line = CommandLine(settings.home, **self._settings.environment())
        self._stack = AsyncExitStack()
        self._pids: dict[str, int] = {}
        self._url = ""
        self.followed: list[int] = []

    async def __aenter__(self) -> Self:
        try:
            await self._begin()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def _begin(self) -> None:
        """Start each part, one after another. What was started before one that fails is ended."""
        self._stack.push_async_callback(self._left)
        up = await self._start("up", "up", "--json")
        assert up.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            assert await up.stdout.readline()
        self._pids["nats-server"] = self._running("nats-server -c")
        self._pids["graph"] = self._running("host.py")
        await self._start(
            "worker", "worker", "--executors", "recalling", "--silence", str(SILENCE_S)
        )
        serve = await self._start("serve", "serve", "--port", "0", "--json")
        assert serve.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            self._url = json.loads(await serve.stdout.readline())["http"]
        self.visitors = await self._stack.enter_async_context(
            Visitors(self._settings, self._folder / "said", self._clocks.get("producer"))
        )
        self.producer = await self.visitors.start_working()
        self._pids["producer"] = self.producer.pid
        self.memory = await self._stack.enter_async_context(Memory.open(settings=self._settings))
        following = asyncio.create_task(self._follow())
        self._stack.callback(following.cancel)

    async def __aexit__(self, *_: object) -> None:
        for pid in self._pids.values():
            _signal(pid, signal.SIGCONT)
        await self._stack.aclose()

    def stop(self, part: str) -> None:
        """Freeze a process, as a laptop's lid or a debugger does."""
        _signal(self._pids[part], signal.SIGSTOP)

    def go_on(self, part: str) -> None:
        """Let it go on where it was."""
        _signal(self._pids[part], signal.SIGCONT)

    async def think(self) -> list[str]:
        """Think over the worker; return the status of each branch."""
        thought = await self.memory.think(
            "Why does the gauge drift?",
            branches=[f"Side {number}" for number in range(_BRANCHES)],
            over="workers",
            executor="recalling",
        )
        return [branch.status for branch in thought.branches]

    async def works(self) -> None:
        """Hold that each part does its work."""
        async with asyncio.timeout(PATIENCE_S):
            await self.producer.works(2)
            assert await self.think() == ["completed"] * _BRANCHES
            assert await asyncio.to_thread(self._asked, "/health") == 200
            await self.follows(self.memory.position)

    async def follows(self, position: int) -> None:
        """Wait until who follows has come to a position."""
        await until(lambda: bool(self.followed) and self.followed[-1] >= position)

    async def end_producer(self) -> None:
        """Have the producer leave, and wait until the graph has all that it said."""
        self.producer.leave()
        await self.producer.has_left()

    def _asked(self, path: str) -> int:
        with urllib.request.urlopen(self._url + path, timeout=PATIENCE_S) as answer:  # noqa: S310 - our own.
            return int(answer.status)

    async def _follow(self) -> None:
        log = namespace_of(self.memory).backend.log
        async with aclosing(log.subscribe()) as records:
            async for record in records:
                self.followed.append(record.position)

    async def _start(self, part: str, *arguments: str) -> asyncio.subprocess.Process:
        with (self._folder / f"{part}.stderr").open("wb") as said:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "anabranch", *arguments),
                env={**self._line.environment, **self._clocks.get(part, {})},
                stdout=PIPE,
                stderr=said,
            )
        self._pids[part] = process.pid
        self._stack.push_async_callback(self._ended, part, process)
        return process

    async def _ended(self, part: str, process: asyncio.subprocess.Process) -> None:
        _signal(process.pid, signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            await process.communicate()
        said = (self._folder / f"{part}.stderr").read_text(encoding="utf-8")
        assert process.returncode == 0, (part, process.returncode, said)

    def _running(self, word: str) -> int:
        [pid] = [
            pid
            for pid, command in processes(self._settings.home).items()
            if word in command and not command.startswith("/bin/sh")
        ]
        return pid

    async def _left(self) -> None:
        await until(lambda: not processes(self._settings.home))


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
