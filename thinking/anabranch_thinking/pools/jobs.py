"""A pool of jobs on a cluster: Slurm or PBS, by PSI/J.

PSI/J writes and submits the jobs, and cancels them. Which of them are there is asked of the
scheduler itself: see docs/decisions.md, 2026-11-29.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from anabranch_events.errors import InputInvalid
from anabranch_thinking.pools.job_lists import ANSWER_S, SAID_MAX, jobs_of, scheduler_failed
from anabranch_thinking.sessions.findings import lead, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from psij import Job, JobExecutor

    from anabranch_thinking.pools.job_lists import Scheduler
    from anabranch_thinking.pools.pool import PoolWorker

_NEVER_S: Final = 365 * 24 * 3600
_NAME_OPTION: Final = {"slurm": "slurm.job-name", "pbs": "pbs.N"}
_log: Final = logging.getLogger("anabranch")


@dataclass(frozen=True, kw_only=True, slots=True)
class JobTerms:
    """The terms of each job; None is the site's own default.

    `folder` must be there on the nodes, too. `environment` is all that a job gets of ours. It holds
    no secrets: the scheduler keeps it in files, and shows it to those who may look at jobs.
    """

    folder: Path
    environment: Mapping[str, str]
    time_limit_s: int
    cores: int = 1
    queue: str | None = None
    account: str | None = None


class JobPool:
    """Workers as jobs: `command` returns the arguments that start one of that name.

    Raises InputInvalid where PSI/J is not installed.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        prefix: str,
        command: Callable[[str], Sequence[str]],
        terms: JobTerms,
    ) -> None:
        self.prefix = prefix
        self._scheduler: Scheduler = scheduler
        self._command = command
        self._terms = terms
        self._executor = _executor(scheduler, terms.folder)

    async def submit(self, name: str) -> str:
        """Submit the job of a worker; return its id. Raises PoolFailed."""
        job = self._job(name)
        script = self._folder / f"{job.id}.job"
        try:
            await self._called(lambda: self._executor.submit(job))
        finally:
            script.unlink(missing_ok=True)
        return str(job.native_id)

    async def cancel(self, worker: PoolWorker) -> None:
        """Cancel a job. Raises PoolFailed."""
        if worker.handle is None:
            return
        from psij import Job

        job = Job()
        self._executor.attach(job, worker.handle)
        await self._called(lambda: self._executor.cancel(job))

    async def list(self, noted: Mapping[str, str | None]) -> list[PoolWorker]:
        """Return the jobs that wait or run, by their names. Raises PoolFailed."""
        found = [one for one in await jobs_of(self._scheduler) if one.name.startswith(self.prefix)]
        there = {one.name for one in found}
        for name, handle in noted.items():
            if name not in there and handle is not None:
                self._forget(name, handle)
        return found

    async def close(self) -> None:
        """Let go of the jobs: they go on, and the next scaler finds them."""

    @property
    def _folder(self) -> Path:
        return self._terms.folder / self._executor.name

    def _job(self, name: str) -> Job:
        from psij import Job, JobAttributes, JobSpec, ResourceSpecV1

        terms = self._terms
        executable, *arguments = self._command(name)
        return Job(
            JobSpec(
                name=name,
                executable=executable,
                arguments=arguments,
                inherit_environment=False,
                environment=dict(terms.environment),
                stderr_path=self._said_at(name),
                launcher="single",
                resources=ResourceSpecV1(process_count=1, cpu_cores_per_process=terms.cores),
                attributes=JobAttributes(
                    duration=timedelta(seconds=terms.time_limit_s),
                    queue_name=terms.queue,
                    account=terms.account,
                    # PSI/J 0.9.11 writes the name of a job into no script.
                    custom_attributes={_NAME_OPTION[self._scheduler]: name},
                ),
            )
        )

    async def _called(self, call: Callable[[], None]) -> None:
        from psij import SubmitException

        try:
            async with asyncio.timeout(ANSWER_S):
                await asyncio.to_thread(call)
        except TimeoutError as error:
            raise scheduler_failed(f"no answer within {ANSWER_S:g} s") from error
        except (SubmitException, OSError) as error:
            raise scheduler_failed(str(error)) from error

    def _said_at(self, name: str) -> Path:
        return self._terms.folder / f"{name}.err"

    def _forget(self, name: str, handle: str) -> None:
        """Say what a job that has ended said last, and remove its files."""
        said_at = self._said_at(name)
        with suppress(OSError):
            said = plain(said_at.read_text(errors="replace")).splitlines()[-1:]
            if said:
                _log.warning("job %s has ended: %s", handle, lead(said[0], length_max=SAID_MAX))
        said_at.unlink(missing_ok=True)
        for kind in ("out", "ec", "nodefile"):
            (self._folder / f"{handle}.{kind}").unlink(missing_ok=True)


def _executor(scheduler: Scheduler, folder: Path) -> JobExecutor:
    """Return PSI/J's executor, which never looks at its jobs by itself."""
    try:
        from psij import JobExecutor
        from psij.executors.batch.batch_scheduler_executor import BatchSchedulerExecutorConfig
    except ModuleNotFoundError as error:
        raise InputInvalid(
            f"pool: {scheduler} needs the package psij-python, which is not installed",
            field="pool",
            fix='install it: pip install "anabranch[slurm]"',
        ) from error
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    config = BatchSchedulerExecutorConfig(
        work_directory=folder,
        initial_queue_polling_delay=_NEVER_S,
        queue_polling_interval=_NEVER_S,
    )
    return JobExecutor.get_instance(scheduler, config=config)
