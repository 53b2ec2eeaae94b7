"""Projectors as processes of their own, to be killed.

`python -m tests.support.projecting` is their nursery: it imports everything once and forks a
projector for each line it reads, so that each is at work within milliseconds.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import SecretStr

from anabranch_events import Log
from anabranch_projections import Projector
from anabranch_store import Graph, GraphAddress
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from types import TracebackType


class Nursery:
    """Starts projector processes over one log and one graph."""

    def __init__(self, url: str, token: str, address: GraphAddress) -> None:
        self._url = url
        self._token = token
        self._address = address
        self._process: Process | None = None
        self._alive: set[int] = set()

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", __name__, cwd=ROOT, stdin=PIPE, stdout=PIPE
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process is not None
        for pid in tuple(self._alive):
            self.kill(pid)
        self._process.kill()
        # Leaves no pipe behind for the collector to complain about.
        await self._process.communicate()

    async def start(
        self,
        *,
        url: str | None = None,
        address: GraphAddress | None = None,
        note: Path | None = None,
    ) -> int:
        """Start a projector; return its process id once it is connected to both servers.

        It may reach them by ways of its own. With `note` it shares its turns with others, and
        writes its process id there with every commit.
        """
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        graph = address or self._address
        order = {
            "url": url or self._url,
            "token": self._token,
            "address": {
                **graph.model_dump(exclude={"outside_password", "reader_password"}),
                "password": graph.password.get_secret_value(),
            },
            "note": str(note) if note else None,
        }
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        await self._process.stdin.drain()
        pid = int(await asyncio.wait_for(self._process.stdout.readline(), 60))
        self._alive.add(pid)
        return pid

    def kill(self, pid: int) -> None:
        """End a projector the hard way."""
        self._alive.discard(pid)
        os.kill(pid, signal.SIGKILL)


def _serve() -> None:
    # Ended children leave at once; nobody asks how they ended.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # Unbuffered: a child must not inherit orders that were read ahead.
    with os.fdopen(0, "rb", buffering=0) as orders:
        while line := orders.readline():
            if os.fork() == 0:
                asyncio.run(_project(json.loads(line)))


async def _project(order: dict[str, Any]) -> None:
    address = order["address"]
    address["password"] = SecretStr(address["password"])
    async with (
        Log.connect(order["url"], token=order["token"]) as log,
        Graph.connect(GraphAddress(**address)) as graph,
    ):
        sys.stdout.write(f"{os.getpid()}\n")
        sys.stdout.flush()
        if order["note"] is None:
            await Projector(log, graph).run()
        else:
            await _take_turns(log, graph, Path(order["note"]))


async def _take_turns(log: Log, graph: Graph, note: Path) -> None:
    def tell(_position: int) -> None:
        note.write_text(str(os.getpid()), encoding="ascii")

    await Projector(log, graph, shared="fleet", on_commit=tell).run()


if __name__ == "__main__":
    _serve()
