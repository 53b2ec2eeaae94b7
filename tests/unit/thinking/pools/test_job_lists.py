"""The lists of jobs that schedulers write."""

from __future__ import annotations

import json

import pytest

from anabranch_thinking.errors import PoolFailed
from anabranch_thinking.pools.job_lists import pbs_jobs, slurm_jobs
from anabranch_thinking.pools.pool import PoolWorker


def test_jobs_of_slurm_are_read_by_the_line() -> None:
    """Those that wait are told from those that run; a name may hold blanks, a line may be none."""
    answer = "12 PD slurm-a-1\n13 R slurm-a-2\n14 R a name of others \nslurm_load_jobs error\n\n"

    assert slurm_jobs(answer) == [
        PoolWorker("slurm-a-1", "12", waits=True),
        PoolWorker("slurm-a-2", "13"),
        PoolWorker("a name of others", "14"),
    ]


def test_jobs_of_pbs_are_read_from_json() -> None:
    """Those that have ended are left out; without any job there is no list at all."""
    jobs = {
        "1.server": {"Job_Name": "pbs-a-1", "job_state": "Q"},
        "2.server": {"Job_Name": "pbs-a-2", "job_state": "R"},
        "3.server": {"Job_Name": "pbs-a-3", "job_state": "F"},
    }

    assert pbs_jobs(json.dumps({"timestamp": 1, "Jobs": jobs})) == [
        PoolWorker("pbs-a-1", "1.server", waits=True),
        PoolWorker("pbs-a-2", "2.server"),
    ]
    assert pbs_jobs('{"timestamp": 1}') == []


@pytest.mark.parametrize("answer", ["", "[]", "qstat: busy", '{"Jobs": {"1": {}}}', '{"Jobs": 1}'])
def test_what_is_no_list_of_jobs_is_not_taken_for_an_empty_one(answer: str) -> None:
    """Else every worker would be taken for gone, and replaced."""
    with pytest.raises(PoolFailed, match="no list of jobs"):
        pbs_jobs(answer)
