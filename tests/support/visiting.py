"""Processes that come to a home, remember and recall there, and go: when told, or killed.

`python -m tests.support.visiting` is their nursery: it imports everything once and forks a visitor
for each line it reads, so that each is at work within milliseconds.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
import traceback
import uuid
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from anabranch import Memory
from anabranch.settings import Settings
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Mapping
    from types import TracebackType

PATIENCE_S: Final = 900.0
"""However slow the machine is: a wait that is over means that something does not come."""
_LOOK_S: Final = 0.05


def patient(settings: Settings) -> Settings:
    """Return `settings` with time limits that a slow machine does not reach."""
    return settings.changed(
        embedder="none",
        request_timeout_s=PATIENCE_S,
        wait_timeout_s=PATIENCE_S,
        start_timeout_s=PATIENCE_S,
    )


class Visitor:
    """A process that works on a home, known by what it writes into its file."""

    def __init__(self, pid: int, said: Path) -> None:
        self.pid = pid
        self._said = said

    @property
    def lines(self) -> list[Any]:
        """All that it said, whole lines only."""
        text = self._said.read_text(encoding="utf-8") if self._said.exists() else ""
        return [json.loads(line) for line in text.split("\n")[:-1]]

    @property
    def role(self) -> str | None:
        """Its role on the home; None while it has none yet."""
        return next((line["role"] for line in self.lines if "role" in line), None)

    @property
    def kept(self) -> list[str]:
        """The insights whose recording was acknowledged to it."""
        return [line["kept"] for line in self.lines if "kept" in line]

    @property
    def found(self) -> int:
        """How often it recalled what it had just remembered."""
        return sum("found" in line for line in self.lines)

    @property
    def error(self) -> str | None:
        """What it died of."""
        return next((line["error"] for line in self.lines if "error" in line), None)

    @property
    def left(self) -> bool:
        """Whether it has closed its memory, without an error."""
        return any("left" in line for line in self.lines)

    async def works(self, more: int = 1) -> None:
        """Wait until it has remembered and recalled `more` than now."""
        kept, found = len(self.kept), self.found
        await until(
            lambda: (
                self.error is not None
                or (len(self.kept) >= kept + more and self.found >= found + more)
            )
        )
        assert self.error is None, self.error

    def leave(self) -> None:
        """Have it close its memory and end."""
        os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End it the hard way."""
        os.kill(self.pid, signal.SIGKILL)

    async def has_left(self) -> None:
        """Wait until it has closed its memory without an error."""
        await until(lambda: self.left or self.error is not None)
        assert self.error is None, self.error


async def until(holds: Any) -> None:
    """Wait until `holds()`; fails when that does not come."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it does not come"
        await asyncio.sleep(_LOOK_S)


class Visitors:
    """Starts visitors of one home; `folder` is where they say what they do."""

    def __init__(
        self, settings: Settings, folder: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._environment = environment or {}
        self._process: Process | None = None
        self.all: list[Visitor] = []

    async def __aenter__(self) -> Self:
        self._folder.mkdir(exist_ok=True)
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", __name__),
            cwd=ROOT,
            stdin=PIPE,
            stdout=PIPE,
            env={**os.environ, **patient(self._settings).environment(), **self._environment},
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process is not None
        for visitor in self.all:
            if not visitor.left and visitor.error is None:
                try:
                    visitor.kill()
                except ProcessLookupError:
                    continue
        self._process.kill()
        # Leaves no pipe behind for the collector to complain about.
        await self._process.communicate()

    async def start(self) -> Visitor:
        """Start a visitor; it has its role on the home a moment later."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        said = self._folder / f"{len(self.all)}.said"
        self._process.stdin.write(f"{said}\n".encode())
        await self._process.stdin.drain()
        line = await asyncio.wait_for(self._process.stdout.readline(), PATIENCE_S)
        visitor = Visitor(int(line), said)
        self.all.append(visitor)
        return visitor

    async def start_working(self) -> Visitor:
        """Start a visitor; return once it has remembered and recalled something."""
        visitor = await self.start()
        await visitor.works()
        return visitor


def _serve() -> None:
    # Ended children leave at once; nobody asks how they ended.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # Unbuffered: a child must not inherit orders that were read ahead.
    with os.fdopen(0, "rb", buffering=0) as orders:
        while line := orders.readline():
            pid = os.fork()
            if pid == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                asyncio.run(_visit(Path(line.decode().strip())))
                os._exit(0)
            sys.stdout.write(f"{pid}\n")
            sys.stdout.flush()


async def _visit(said: Path) -> None:
    leaving = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, leaving.set)
    with said.open("a", encoding="utf-8", buffering=1) as file:

        def say(**what: str) -> None:
            file.write(json.dumps(what) + "\n")

        try:
            await _work(leaving, say)
        except BaseException:  # noqa: BLE001 - whatever it is, the test tells it.
            say(error=traceback.format_exc())
        else:
            say(left="")


async def _work(leaving: asyncio.Event, say: Any) -> None:
    from anabranch.memory.memory import namespace_of

    async with Memory.open(settings=Settings.read()) as memory:
        say(role=namespace_of(memory).backend.servers.role)
        while not leaving.is_set():
            text = f"pump {uuid.uuid4().hex}"
            receipt = await memory.remember(text)
            say(kept=receipt.insight_id)
            recalled = await memory.recall(text, k=3, after=receipt.position, wait_s=PATIENCE_S)
            assert [hit.text for hit in recalled.hits][:1] == [text]
            say(found=receipt.insight_id)
            await asyncio.sleep(random.uniform(0.0, 0.2))  # noqa: S311 - no secret.


if __name__ == "__main__":
    _serve()
