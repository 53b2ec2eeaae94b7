"""Three projectors over one log and one graph, and what can happen to them."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Protocol, Self

from anabranch_events import Log
from anabranch_events.errors import LogUnavailable
from tests.support.histories import stream
from tests.support.patience import PATIENCE_S
from tests.support.projecting import Nursery
from tests.support.proxy import Proxy

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable
    from pathlib import Path
    from types import TracebackType

    from anabranch_events import Event
    from anabranch_store import GraphAddress
    from tests.support.killing import MortalServer

SIZE = 3
WRITERS = 2
SESSIONS_MAX = 100_000
PAUSE_S = 0.05
LOOK_S = 0.01
FREEZE_MAX_S = 6.0
CUT_MAX_S = 4.0


class GraphServer(Protocol):
    """A graph that can go away and come back; `fate` says how it goes."""

    fate: str

    @property
    def address(self) -> GraphAddress:
        """Where it is by now."""
        ...

    async def restart(self) -> None:
        """Go, without a word, and come back with all that was committed."""
        ...


class Member:
    """One projector, and its own ways to the log and the graph."""

    def __init__(self, to_log: Proxy, to_graph: Proxy) -> None:
        self.to_log = to_log
        self.to_graph = to_graph
        self.pid = 0


class Fleet:
    """Projectors at work in processes of their own, and writers that keep them busy."""

    def __init__(
        self, log: MortalServer, graph: GraphServer, *, folder: Path, dice: random.Random
    ) -> None:
        self._log_server = log
        self._graph_server = graph
        self._note = folder / "active"
        self._dice = dice
        self._members: list[Member] = []
        self._writers: list[asyncio.Task[None]] = []
        self._writing = asyncio.Event()
        self._appending = 0
        self._stack = AsyncExitStack()
        self.done: Counter[str] = Counter()
        self.takeovers_s: list[float] = []
        self.kinds: dict[str, Callable[[Member], Awaitable[None]]] = {
            "kill": self._kill,
            "freeze": self._freeze,
            "log cut off": self._cut_log,
            "graph cut off": self._cut_graph,
            "log killed": self._kill_log,
            graph.fate: self._lose_graph,
        }

    async def __aenter__(self) -> Self:
        enter = self._stack.enter_async_context
        server, graph = self._log_server, self._graph_server
        self._nursery = await enter(Nursery(server.url, server.token, graph.address))
        for _ in range(SIZE):
            ways = await enter(Proxy(server.url)), await enter(Proxy(graph.address.uri))
            self._members.append(Member(*ways))
            await self._start(self._members[-1])
        self.log = await enter(Log.connect(server.url, token=server.token, timeout_s=PATIENCE_S))
        self._writers = [asyncio.create_task(self._write(seed)) for seed in range(WRITERS)]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for writer in self._writers:
            writer.cancel()
        await asyncio.gather(*self._writers, return_exceptions=True)
        await self._stack.aclose()

    async def suffer(self, kind: str) -> int:
        """Let something happen while events come in; return the log's end then."""
        self._writing.set()
        await asyncio.sleep(self._dice.uniform(0.0, 0.5))
        await self.kinds[kind](self._victim())
        self.done[kind] += 1
        await asyncio.sleep(self._dice.uniform(0.0, 0.5))
        self._writing.clear()
        # One that met a dead server is tried again, and stored late.
        while self._appending:  # noqa: ASYNC110 - tasks count it
            await asyncio.sleep(PAUSE_S)
        for writer in self._writers:
            assert not writer.done(), writer
        return (await self.log.bounds()).last

    def _victim(self) -> Member:
        """Choose the active one more often than the others."""
        active = [member for member in self._members if member.pid == self._active()]
        if active and self._dice.random() < 0.7:
            return active[0]
        return self._dice.choice(self._members)

    def _active(self) -> int:
        """Return the process that committed last."""
        try:
            return int(self._note.read_text(encoding="ascii") or 0)
        except FileNotFoundError:
            return 0

    async def _start(self, member: Member) -> None:
        address = self._graph_server.address.model_copy(update={"uri": member.to_graph.url})
        member.pid = await self._nursery.start(
            url=member.to_log.url, address=address, note=self._note
        )

    async def _kill(self, victim: Member) -> None:
        self._nursery.kill(victim.pid)
        await self._watch(victim, FREEZE_MAX_S)
        await self._start(victim)

    async def _freeze(self, victim: Member) -> None:
        os.kill(victim.pid, signal.SIGSTOP)
        await self._watch(victim, self._dice.uniform(0.0, FREEZE_MAX_S))
        os.kill(victim.pid, signal.SIGCONT)

    async def _cut_log(self, victim: Member) -> None:
        await self._cut(victim, victim.to_log)

    async def _cut_graph(self, victim: Member) -> None:
        await self._cut(victim, victim.to_graph)

    async def _cut(self, victim: Member, way: Proxy) -> None:
        """Lose everything on the way for a while, then what was connected by it."""
        way.fall_silent()
        await self._watch(victim, self._dice.uniform(0.0, CUT_MAX_S))
        way.cut()
        way.let_answers_pass()

    async def _kill_log(self, _victim: Member) -> None:
        await self._log_server.kill()
        await asyncio.sleep(self._dice.uniform(0.0, 0.5))
        await self._log_server.start()

    async def _lose_graph(self, _victim: Member) -> None:
        await self._graph_server.restart()
        for member in self._members:
            member.to_graph.target = self._graph_server.address.uri
            member.to_graph.cut()

    async def _watch(self, victim: Member, span_s: float) -> None:
        """Wait so long; note when another than the victim commits, if it was the active one."""
        began, was_active = time.monotonic(), victim.pid == self._active()
        while (passed_s := time.monotonic() - began) < span_s:
            if was_active and self._active() != victim.pid:
                self.takeovers_s.append(passed_s)
                return
            await asyncio.sleep(LOOK_S)

    async def _write(self, seed: int) -> None:
        """Append events while they are wanted, each until it is stored."""
        for event in stream(seed, first_session=seed * SESSIONS_MAX):
            await self._writing.wait()
            self._appending += 1
            try:
                await self._append(event)
            finally:
                self._appending -= 1
            await asyncio.sleep(PAUSE_S)

    async def _append(self, event: Event) -> None:
        while True:
            try:
                await self.log.append(event)
            except LogUnavailable:
                continue
            return
