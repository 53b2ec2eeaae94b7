"""Scalers of pools in the process of a test, whose workers are quick processes or jobs."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from anabranch_thinking import BranchTask
from anabranch_thinking.join import Join
from anabranch_thinking.pools.scaler import PoolState, Scaler
from anabranch_thinking.pools.scaling import Bounds
from anabranch_thinking.work.dispatch import ThoughtOverWorkers, WorkTerms
from anabranch_thinking.work.fabric import Fabric
from anabranch_thinking.work.joiner import Joiner
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from pathlib import Path

    from anabranch_events import Log, NatsServer
    from anabranch_thinking.pools.pool import Pool

NAMESPACE = "test"
SILENCE_S = 1.5
WINDOW_S = 0.6


def worker_command(server: NatsServer, token_file: Path) -> Callable[[str], Sequence[str]]:
    """Return what starts a quick worker of a name; the token stands in a file of its own."""
    token_file.touch(0o600)
    token_file.write_text(server.token or "")
    program = str(ROOT / "tests/support/pooled_worker.py")
    given = [server.url, str(token_file), NAMESPACE, f"{SILENCE_S}"]
    return lambda name: [sys.executable, program, *given, name]


class Scaled:
    """A scaler at work, with the states of its pool that it said, and the thoughts for it."""

    def __init__(self, log: Log, pool: Pool, *, most: int = 3) -> None:
        self.fabric = Fabric.over(log)
        self.states: list[PoolState] = []
        self.scaler = Scaler(
            self.fabric,
            pool,
            namespace=NAMESPACE,
            bounds=Bounds(fewest=0, most=most, slots=2),
            executors=["nap"],
            silence_s=SILENCE_S,
            window_s=WINDOW_S,
            tick_s=0.1,
            place_silence_s=1.0,
            changed=self.states.append,
        )

    @asynccontextmanager
    async def at_work(self) -> AsyncGenerator[Scaled]:
        """Scale, and join, for the length of the block."""
        scaling = asyncio.create_task(self.scaler.run())
        joining = asyncio.create_task(Joiner(self.fabric).run())
        try:
            yield self
        finally:
            self.scaler.stop()
            joining.cancel()
            await asyncio.gather(joining, return_exceptions=True)
            await scaling

    async def begin(
        self, naps: Sequence[float | Path], *, executor: str = "nap"
    ) -> ThoughtOverWorkers:
        """Begin a thought with branches that nap for so many seconds, or until a file is there."""
        tasks = [BranchTask(task=f"nap {one}") for one in naps]
        terms = WorkTerms(executor=executor, join=Join.of("all", branches=len(tasks)))
        thought = ThoughtOverWorkers(self.fabric, self.fabric.sessions_of(NAMESPACE), terms)
        await thought.begin("rest", tasks, session_id=None)
        return thought

    @property
    def now(self) -> PoolState | None:
        """The state of the pool at the last look."""
        return self.scaler.state

    def is_empty(self) -> bool:
        """Tell whether no worker is left, nor drains."""
        return self.now is not None and not self.now.workers and not self.now.draining
