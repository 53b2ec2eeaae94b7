"""A scaler over processes of this machine, and the one place that a pool's scalers have."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from anabranch_events import Log
from anabranch_events.errors import InputInvalid
from anabranch_thinking import Status
from anabranch_thinking.errors import PoolFailed
from anabranch_thinking.pools.place import Place, PlaceLost
from anabranch_thinking.pools.processes import ProcessPool
from tests.support.patience import PATIENCE_S, until
from tests.support.pools import NAMESPACE, Scaled, worker_command

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from anabranch_events import NatsServer
    from anabranch_thinking.pools.pool import PoolWorker


async def test_a_burst_is_worked_off_by_more_workers_and_then_none_is_left(
    log: Log, nats_server: NatsServer, tmp_path: Path
) -> None:
    """A pool grows from none to what a burst needs, and goes: no branch was interrupted."""
    pool = ProcessPool("local-test-", worker_command(nats_server, tmp_path / "token"), grace_s=20)
    scaled = Scaled(log, pool)

    async with scaled.at_work():
        await until(lambda: scaled.now is not None)
        thought = await scaled.begin([tmp_path / "morning"] * 12)
        await until(lambda: scaled.now is not None and scaled.now.in_flight == 6)
        (tmp_path / "morning").touch()
        outcome = await asyncio.wait_for(thought.joined(), PATIENCE_S)
        await until(scaled.is_empty)

    assert scaled.states[0].workers == 0
    assert max(state.workers for state in scaled.states) == 3
    assert {one.status for one in outcome.branches} == {Status.COMPLETED}
    assert {one.attempts for one in outcome.branches} == {1}
    assert len({one.worker for one in outcome.branches}) == 3


async def test_branches_that_no_worker_of_the_pool_may_run_start_none(
    log: Log, nats_server: NatsServer, tmp_path: Path
) -> None:
    """They wait for others: the pool has as many workers as its own branches need, and then none."""
    pool = ProcessPool("local-test-", worker_command(nats_server, tmp_path / "token"), grace_s=20)
    scaled = Scaled(log, pool)

    async with scaled.at_work():
        await scaled.begin([0] * 9, executor="elsewhere")
        before = scaled.now
        await until(lambda: scaled.now is not before)
        alone, before = scaled.now, scaled.now
        await until(lambda: scaled.now is not before)
        thought = await scaled.begin([tmp_path / "morning"])
        await until(lambda: scaled.now is not None and scaled.now.in_flight == 1)
        (tmp_path / "morning").touch()
        outcome = await asyncio.wait_for(thought.joined(), PATIENCE_S)
        await until(scaled.is_empty)

    assert alone is not None
    assert (alone.waiting, alone.in_flight, alone.wanted) == (0, 0, 0)
    assert max(state.workers for state in scaled.states) == 1
    assert [one.status for one in outcome.branches] == [Status.COMPLETED]


async def test_of_two_scalers_one_is_at_work_and_the_other_follows(
    log: Log, nats_server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The second says that it waits, and takes over; one that was frozen is refused afterwards."""
    async with Log.connect(nats_server.url, token=nats_server.token) as other:
        first, second, third = (Place(one, "pool.a", silence_s=0.4) for one in (log, other, other))
        await first.take()
        await first.note({"one": "handle", "two": None})
        waiting = asyncio.create_task(second.take())
        async with asyncio.timeout(PATIENCE_S):
            for _ in range(8):
                await asyncio.sleep(0.1)
                await first.note(first.workers)
        assert not waiting.done()
        (said,) = (one.getMessage() for one in caplog.records if one.name == "anabranch")
        assert said == (
            "another process scales the pool a: this one starts no workers until that one has "
            "ended, and follows within 0.4 s. A second pool beside it needs a name of its own "
            "(--name)"
        )

        await asyncio.wait_for(waiting, PATIENCE_S)  # The first says nothing more.

        assert second.workers == {"one": "handle", "two": None}
        with pytest.raises(PlaceLost):
            await first.note({})
        await second.leave()
        await asyncio.wait_for(third.take(), PATIENCE_S)
        assert third.workers == second.workers


async def test_a_scheduler_that_refuses_is_not_asked_at_each_look(log: Log) -> None:
    """A refused job is followed by a pause, and the scaler goes on."""
    pool = _Refusing()
    scaled = Scaled(log, pool)

    async with scaled.at_work():
        await scaled.begin([0.1] * 4)
        await until(lambda: pool.submitted == 1)
        await asyncio.sleep(1.0)  # Several looks, and less than the pause.

    assert pool.submitted == 1


async def test_a_tenant_cannot_scale() -> None:
    """Who may not see how many branches wait is refused at once."""

    class Queue:
        may_put = False

    class Fabric:
        queue = Queue()

    with pytest.raises(InputInvalid, match="tenant"):
        Scaled.__init__.__globals__["Scaler"](
            Fabric(), _Refusing(), namespace=NAMESPACE, bounds=None
        )


class _Refusing:
    """A pool whose scheduler refuses each job."""

    prefix = "refusing-"

    def __init__(self) -> None:
        self.submitted = 0

    async def submit(self, name: str) -> str:
        self.submitted += 1
        raise PoolFailed(f"the scheduler: no account for {name}", fix="name one")

    async def cancel(self, worker: PoolWorker) -> None:
        """Do nothing: there are no jobs."""

    async def list(self, noted: Mapping[str, str | None]) -> list[PoolWorker]:
        del noted
        return []

    async def close(self) -> None:
        """Do nothing."""
