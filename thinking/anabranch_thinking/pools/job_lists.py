"""The lists of jobs that wait or run, asked of the scheduler itself."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson

from anabranch_thinking.errors import PoolFailed
from anabranch_thinking.pools.pool import PoolWorker
from anabranch_thinking.sessions.findings import lead, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

Scheduler = Literal["slurm", "pbs"]
ANSWER_S: Final = 60.0
"""The time that a call of the scheduler may take."""
SAID_MAX: Final = 500
_SLURM_LIST: Final = ("squeue", "--me", "--noheader", "--format=%A %t %j")
_SLURM_WAITS: Final = frozenset({"PD", "CF", "RD", "RF", "RH", "RV"})
_PBS_LIST: Final = ("qstat", "-f", "-F", "json")
_PBS_WAITS: Final = frozenset({"Q", "H", "W", "T"})
_PBS_ENDED: Final = frozenset({"F", "X", "C"})


async def jobs_of(scheduler: Scheduler) -> list[PoolWorker]:
    """Return the jobs that wait or run, as workers by their names. Raises PoolFailed."""
    if scheduler == "slurm":
        return slurm_jobs(await _answer(_SLURM_LIST))
    return pbs_jobs(await _answer(_PBS_LIST))


async def _answer(asked: Sequence[str]) -> str:
    """Return what a command of the scheduler wrote. Raises PoolFailed."""
    try:
        process = await asyncio.create_subprocess_exec(
            *asked,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise scheduler_failed(f"{asked[0]} cannot be run: {error}") from error
    try:
        async with asyncio.timeout(ANSWER_S):
            output, errors = await process.communicate()
    except TimeoutError as error:
        raise scheduler_failed(f"{asked[0]} does not answer") from error
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        raise scheduler_failed(f"{asked[0]}: {errors.decode(errors='replace')}")
    return output.decode(errors="replace")


def slurm_jobs(answer: str) -> list[PoolWorker]:
    """Return the jobs that wait or run: `squeue` lists no others unless asked."""
    lines = (line.split(maxsplit=2) for line in answer.splitlines())
    return [
        PoolWorker(fields[2].strip(), fields[0], waits=fields[1] in _SLURM_WAITS)
        for fields in lines
        if len(fields) == 3
    ]


def pbs_jobs(answer: str) -> list[PoolWorker]:
    """Return the jobs that wait or run. Raises PoolFailed for what is no list of jobs."""
    try:
        jobs: dict[str, dict[str, Any]] = orjson.loads(answer).get("Jobs", {})
        return [
            PoolWorker(str(one["Job_Name"]), handle, waits=one["job_state"] in _PBS_WAITS)
            for handle, one in jobs.items()
            if one["job_state"] not in _PBS_ENDED
        ]
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError) as error:
        raise scheduler_failed(f"{_PBS_LIST[0]} wrote no list of jobs: {error!r}") from error


def scheduler_failed(said: str) -> PoolFailed:
    """Return the error for a scheduler that refused, with what it said on one line."""
    text = lead(plain(re.sub(r"\s+", " ", said)), length_max=SAID_MAX)
    return PoolFailed(
        f"the scheduler: {text or 'refused, and said nothing'}",
        fix="check the queue, the account and the limits, and that the scheduler answers here",
    )
