"""Workers and joiners of a thought in the process of a test, and the executors that they run."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from anabranch_events.tasks.delivery import Delivery
from anabranch_events.tasks.taking import Taking
from anabranch_thinking import BranchContext, BranchTask, CallableExecutor, Sessions
from anabranch_thinking.join import Join
from anabranch_thinking.work.dispatch import ThoughtOverWorkers, WorkTerms
from anabranch_thinking.work.fabric import Fabric
from anabranch_thinking.work.joiner import BUCKET, NAME, Joiner
from anabranch_thinking.work.offers import LABEL_WAIT_S
from anabranch_thinking.work.worker import Worker
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence
    from datetime import datetime

    import pytest

    from anabranch_events import Log
    from anabranch_events.event.types import Priority
    from anabranch_thinking import Thought
    from anabranch_thinking.executors.callable import Work
    from anabranch_thinking.tracing import Tracer
    from anabranch_thinking.work.hedging import Hedging

SILENCE_S = 30.0


class Crew:
    """Some workers and a joiner on one log, and thoughts that go to them."""

    def __init__(
        self,
        log: Log,
        work: Mapping[str, Work],
        *,
        namespace: str = "test",
        slots: Sequence[int] = (4,),
        labels: Sequence[Sequence[str]] = (),
        label_wait_s: float = LABEL_WAIT_S,
        reserved: int = 0,
        silence_s: float = SILENCE_S,
        joins: bool = True,
        hedging: Hedging | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self.fabric = replace(Fabric.over(log), tracer=tracer)
        self.namespace = namespace
        executors = {name: CallableExecutor(one, name=name) for name, one in work.items()}
        self.workers = [
            Worker(
                self.fabric,
                namespace=namespace,
                executors=executors,
                slots=count,
                reserved=reserved,
                labels=own,
                label_wait_s=label_wait_s,
                silence_s=silence_s,
                grace_s=0.2,
                name=f"worker {number}",
            )
            for number, (count, own) in enumerate(
                zip(slots, labels or [()] * len(slots), strict=True)
            )
        ]
        joiner = Joiner(self.fabric, hedging=hedging)
        self.joiner = joiner if joins else None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def sessions(self) -> Sessions:
        """The commands on the sessions of the namespace."""
        return self.fabric.sessions_of(self.namespace)

    @asynccontextmanager
    async def at_work(self) -> AsyncGenerator[Crew]:
        """Let them work for the length of the block."""
        self._tasks = [asyncio.create_task(one.run()) for one in self.workers]
        if self.joiner is not None:
            self._tasks.append(asyncio.create_task(self.joiner.run()))
        try:
            yield self
        finally:
            for worker in self.workers:
                worker.drain()
            if self.joiner is not None:
                self._tasks[-1].cancel()
            found = await asyncio.gather(*self._tasks, return_exceptions=True)
        assert [one for one in found if isinstance(one, Exception)] == []

    async def begin(
        self,
        branches: Sequence[BranchTask | str],
        *,
        executor: str = "echo",
        join: Join | str | int = "all",
        late_kept: bool = False,
        session_id: str | None = None,
        deadline: datetime | None = None,
        retries: int = 0,
        timeout_s: float = 600.0,
        branches_max: int = 10_000,
    ) -> ThoughtOverWorkers:
        """Begin a thought."""
        tasks = [BranchTask(task=one) if isinstance(one, str) else one for one in branches]
        terms = WorkTerms(
            executor=executor,
            join=Join.of(join, branches=len(tasks), late_kept=late_kept),
            deadline=deadline,
            retries=retries,
            timeout_s=timeout_s,
            branches_max=branches_max,
        )
        thought = ThoughtOverWorkers(self.fabric, self.sessions, terms)
        await thought.begin("plan the trip", tasks, session_id=session_id)
        return thought

    async def think(self, branches: Sequence[BranchTask | str], **options: object) -> Thought:
        """Begin a thought and wait for it."""
        return await (await self.begin(branches, **options)).joined()  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # The options of `begin`.


def noted_looks(monkeypatch: pytest.MonkeyPatch) -> list[list[Priority]]:
    """Return the looks into the queue from now on: the priorities of each."""
    looks: list[list[Priority]] = []
    take = Taking.take

    async def noted(
        self: Taking, namespace: str, *, priorities: Sequence[Priority], count: int
    ) -> list[Delivery]:
        looks.append([*priorities])
        return await take(self, namespace, priorities=priorities, count=count)

    monkeypatch.setattr(Taking, "take", noted)
    return looks


def noted_hand_backs(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the delays with which tasks are given back from now on."""
    delays: list[float] = []
    give_back = Delivery.give_back

    async def noted(self: Delivery, *, delay_s: float = 0.0) -> bool:
        is_ours = await give_back(self, delay_s=delay_s)
        if is_ours:
            delays.append(delay_s)
        return is_ours

    monkeypatch.setattr(Delivery, "give_back", noted)
    return delays


async def echo(branch: BranchContext) -> str:
    """Find what the task says."""
    return f"Found for {branch.task}."


async def let_go(log: Log) -> None:
    """Wait until no join keeps the joiner's checkpoint back."""
    bucket = await log.bucket(BUCKET)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            noted = await bucket.get(NAME)
            if noted and orjson.loads(noted)["position"] == (await log.bounds()).last:
                return
            await asyncio.sleep(0.05)
