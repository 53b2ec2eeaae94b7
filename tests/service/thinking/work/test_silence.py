"""The bound of silence: the queue's, set by who names one, and left as it is by all others."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from anabranch_events import Log
from anabranch_events.event.types import Priority
from anabranch_events.tasks import queue
from anabranch_events.tasks.delivery import Delivery
from anabranch_events.tasks.queue import TaskQueue
from anabranch_events.tasks.stream import TASKS
from anabranch_events.tasks.task import task_consumer
from anabranch_thinking import BranchContext, CallableExecutor
from anabranch_thinking.work import attempt
from anabranch_thinking.work.fabric import Fabric
from anabranch_thinking.work.worker import Worker
from tests.support.fleet_of_workers import Crew
from tests.support.patience import FOREVER_S, PATIENCE_S, until
from tests.support.tenancy import a_world

if TYPE_CHECKING:
    from pathlib import Path

    from anabranch_events import NatsServer

NAMESPACE = "test"
SHORT_S = 1.5


async def test_who_joins_beside_a_worker_takes_nothing_from_it(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A joiner and a worker of an `up` open the queue too: what is in work keeps its long bound.

    nats-server 2.15.1 would measure it by theirs:
    see findings/nats_ack_wait_reaches_what_is_in_work.sh.
    """
    goes_on = asyncio.Event()
    made: list[int] = []

    async def work(branch: BranchContext) -> str:
        made.append(branch.attempt)
        await goes_on.wait()
        return "Found."

    crew = Crew(log, {"work": work}, silence_s=FOREVER_S)
    other = Worker(
        crew.fabric,
        namespace=NAMESPACE,
        executors={"other": CallableExecutor(work, name="other")},
        grace_s=0.2,
    )
    bounds = noted_bounds(monkeypatch)
    async with crew.at_work():
        thinking = asyncio.create_task(crew.think(["a"], executor="work"))
        await until(lambda: bool(made))
        beside = asyncio.create_task(other.run())
        await until(lambda: len(bounds) == 3)  # The worker's own, the joiner's, the other one's.
        found = await ack_wait_s(log)
        goes_on.set()
        thought = await thinking
        other.drain()
        await beside

    assert (bounds, found) == ([FOREVER_S] * 3, FOREVER_S)
    assert (thought.branches[0].attempts, made) == (1, [1])


@pytest.mark.parametrize(
    ("stands", "silence_s", "said"),
    [
        (True, None, None),
        (True, 30.0, None),
        (True, 20.0, "20 s is not heeded: the branches of its namespace go to others after 30 s"),
        (False, None, "this worker goes by 10 s until then. Give it the bound of the others"),
        (False, 20.0, None),
    ],
)
async def test_a_tenants_worker_says_where_it_goes_by_another_bound_than_it_should(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    stands: bool,
    silence_s: float | None,
    said: str | None,
) -> None:
    """It goes by the bound that stands, which it cannot set; the first is nats-server's, of 30 s."""
    async with a_world(tmp_path) as world, Log.connect(world.url("acme-hand")) as log:
        if not stands:
            consumer = task_consumer(Priority.CRITICAL, "acme")
            await world.ask(f"CONSUMER.DELETE.{TASKS}.{consumer}")
        worker = Worker(
            Fabric.over(log),
            namespace="acme",
            executors={"work": CallableExecutor(_idle, name="work")},
            silence_s=silence_s,
        )
        worker.drain()

        await worker.run()

    found = [one.getMessage() for one in caplog.records if "silence" in one.getMessage()]
    assert len(found) == (said is not None)
    assert said is None or said in found[0]


async def _idle(_: BranchContext) -> str:
    return "Found."


async def test_a_worker_beats_by_the_bound_that_stands(
    log: Log, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one names a shorter bound while a branch is in work, and then a longer one."""
    goes_on = asyncio.Event()
    made: list[int] = []
    beats: list[float] = []
    beat = Delivery.beat

    async def work(branch: BranchContext) -> str:
        made.append(branch.attempt)
        await goes_on.wait()
        return "Found."

    async def noted(self: Delivery) -> None:
        await beat(self)
        beats.append(self.silence_s)

    monkeypatch.setattr(Delivery, "beat", noted)
    monkeypatch.setattr(attempt, "LOOK_S", 0.01)
    monkeypatch.setattr(queue, "BOUND_AGE_S", 0.01)
    crew = Crew(log, {"work": work}, silence_s=FOREVER_S)
    async with (
        Log.connect(nats_server.url, token=nats_server.token) as other,
        crew.at_work(),
    ):
        thinking = asyncio.create_task(crew.think(["a"], executor="work"))
        await until(lambda: bool(made))
        before = [*beats]
        await other.tasks.open(NAMESPACE, silence_s=SHORT_S)
        await until(lambda: len(beats) >= 3)
        await other.tasks.open(NAMESPACE, silence_s=FOREVER_S)
        await until_bound(crew, FOREVER_S)
        goes_on.set()
        await thinking

    assert before == []
    assert set(beats) == {SHORT_S}


async def until_bound(crew: Crew, bound_s: float) -> None:
    """Wait until a crew goes by a bound of silence."""
    async with asyncio.timeout(PATIENCE_S):
        while await crew.fabric.queue.bound(NAMESPACE) != bound_s:  # noqa: ASYNC110 - it tells nobody.
            await asyncio.sleep(0.01)


def noted_bounds(monkeypatch: pytest.MonkeyPatch) -> list[float | None]:
    """Return the bounds that those who open the queue are given from now on."""
    found: list[float | None] = []
    opened = TaskQueue.open

    async def noted(
        self: TaskQueue, namespace: str, *, silence_s: float | None = None
    ) -> float | None:
        found.append(await opened(self, namespace, silence_s=silence_s))
        return found[-1]

    monkeypatch.setattr(TaskQueue, "open", noted)
    return found


async def ack_wait_s(log: Log) -> float:
    """Return the bound of the queue for branches of the usual priority."""
    name = task_consumer(Priority.NORMAL, NAMESPACE)
    info = await log.connection.jetstream().consumer_info(TASKS, name)
    return info.config.ack_wait or 0.0
