"""Workers as jobs of a real Slurm, one of which the scheduler kills."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from anabranch_thinking import Status
from anabranch_thinking.errors import PoolFailed
from anabranch_thinking.pools.jobs import JobPool, JobTerms
from tests.support.patience import PATIENCE_S, until
from tests.support.pools import Scaled, worker_command
from tests.support.rounds import in_full_only
from tests.support.slurm import SlurmCluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from anabranch_events import Log, NatsServer

PREFIX = "slurm-test-"


@pytest.fixture(scope="module")
def running_cluster() -> Iterator[SlurmCluster]:
    """Run one Slurm for the tests of this module."""
    with SlurmCluster() as cluster:
        yield cluster


@pytest.fixture
def cluster(running_cluster: SlurmCluster, monkeypatch: pytest.MonkeyPatch) -> SlurmCluster:
    """A Slurm that the commands of this process find."""
    monkeypatch.setenv("SLURM_CONF", running_cluster.conf)
    return running_cluster


def pool(server: NatsServer, folder: Path, *, queue: str | None = "work") -> JobPool:
    """Return a pool of jobs, whose folder the node shares."""
    terms = JobTerms(
        folder=folder / "jobs", environment={"TZ": "UTC"}, time_limit_s=600, queue=queue
    )
    return JobPool("slurm", PREFIX, worker_command(server, folder / "token"), terms)


@in_full_only
async def test_a_killed_job_is_replaced_and_its_work_taken_over(
    cluster: SlurmCluster,
    log: Log,
    nats_server: NatsServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A job is killed in the middle, and the scaler replaced: each branch ends once, and all jobs go.

    No secret of ours is in what Slurm keeps of the jobs.
    """
    monkeypatch.setenv("SECRET_OF_OURS", "hidden in the environment")
    first = Scaled(log, pool(nats_server, tmp_path), most=2)
    async with first.at_work():
        thought = await first.begin([3.0] * 4)
        await until(lambda: first.now is not None and first.now.in_flight == 4)
        begun = cluster.jobs()
        kept = b"".join(one.read_bytes() for one in _files(cluster.folder / "state"))
    # That one has gone; its jobs have not.
    assert set(begun.values()) == {"R"}
    assert len(begun) == 2

    victim = min(begun)
    second = Scaled(log, pool(nats_server, tmp_path), most=2)
    async with second.at_work():
        cluster.run("scancel", "--signal=KILL", "--full", victim)
        outcome = await asyncio.wait_for(thought.joined(), PATIENCE_S)
        seen = cluster.jobs()
        await until(second.is_empty)
        await until(lambda: not cluster.jobs())

    assert {one.status for one in outcome.branches} == {Status.COMPLETED}
    assert sorted(one.attempts for one in outcome.branches) == [1, 1, 2, 2]
    # The one that was left was found again, and one came in place of the other.
    assert set(begun) - {victim} <= set(seen)
    assert max(state.workers for state in second.states) == 2
    assert PREFIX.encode() in kept
    assert b"hidden in the environment" not in kept
    assert (nats_server.token or "no token").encode() not in kept
    assert not any((tmp_path / "jobs").rglob("*.job"))


async def test_jobs_that_wait_are_cancelled_and_a_node_that_is_drained_hides_none(
    cluster: SlurmCluster, nats_server: NatsServer, tmp_path: Path
) -> None:
    """A job that cannot begin is listed as one that waits, whatever the reason, and cancelled."""
    jobs = pool(nats_server, tmp_path)
    node = cluster.run("sinfo", "-h", "-N", "-o", "%N").strip()
    cluster.run("scontrol", "update", f"nodename={node}", "state=drain", "reason=by hand")
    try:
        handle = await jobs.submit(f"{PREFIX}one")
        (waiting,) = await jobs.list({})
        await jobs.cancel(waiting)
        gone = await jobs.list({waiting.name: handle})
    finally:
        cluster.run("scontrol", "update", f"nodename={node}", "state=resume")

    assert (waiting.name, waiting.handle, waiting.waits) == (f"{PREFIX}one", handle, True)
    assert gone == []


async def test_a_refused_job_says_why(
    cluster: SlurmCluster, nats_server: NatsServer, tmp_path: Path
) -> None:
    """The scheduler's own reason is in the error, on one line."""
    assert cluster.jobs() == {}

    with pytest.raises(PoolFailed, match="invalid partition") as refused:
        await pool(nats_server, tmp_path, queue="nowhere").submit(f"{PREFIX}one")

    assert "\n" not in str(refused.value)


def _files(folder: Path) -> list[Path]:
    return [one for one in folder.rglob("*") if one.is_file()]
