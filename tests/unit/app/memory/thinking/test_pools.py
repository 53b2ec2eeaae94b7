"""The pools of a memory: what starts their workers, and what jobs of a cluster get to see."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from anabranch.memory.thinking.pools import WorkerOptions, job_environment, pool_of
from anabranch.settings import Settings
from anabranch_events.errors import InputInvalid
from anabranch_thinking.pools.jobs import JobPool
from anabranch_thinking.pools.processes import ProcessPool

if TYPE_CHECKING:
    from pathlib import Path

    from anabranch_thinking.pools.pool import Pool


def options(*executors: str, grace_s: float = 30.0) -> WorkerOptions:
    """Return the options of workers."""
    return WorkerOptions(
        executors=executors or ("recalling",),
        slots=2,
        reserved=1,
        priorities=("critical", "low"),
        passes=("MODEL",),
        silence_s=5.0,
        grace_s=grace_s,
        labels=("gpu", "region=eu"),
    )


def pool(kind: str, settings: Settings, given: WorkerOptions | None = None) -> Pool:
    """Return a pool of the namespace `work`."""
    return pool_of(kind, given or options(), settings=settings, namespace="work", identity="a log")


@pytest.fixture
def cluster_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """Settings for jobs: servers elsewhere, and their secrets in a file."""
    file = tmp_path / "secrets"
    file.touch(0o600)
    file.write_text(
        "NATS_TOKEN=planted\nNEO4J_PASSWORD=planted\nOPENAI_BASE_URL=http://a:planted@b\n"
    )
    for name, value in {
        "ANABRANCH_HOME": str(tmp_path / "home"),
        "ANABRANCH_SECRETS_FILE": str(file),
        "ANABRANCH_TAKE_OVER": "false",
        "NATS_URL": "tls://nats.example.org:4222",
        "NEO4J_URI": "neo4j+s://graph.example.org",
    }.items():
        monkeypatch.setenv(name, value)
    return Settings.read()


def test_the_environment_of_a_job_holds_no_secret(cluster_settings: Settings) -> None:
    """It has the settings and the name of the file of secrets; a worker there reads the same."""
    found = job_environment(cluster_settings)

    assert "planted" not in repr(found)
    assert found["NATS_URL"] == "tls://nats.example.org:4222"
    assert found["ANABRANCH_TAKE_OVER"] == "false"
    with pytest.MonkeyPatch.context() as node:
        for name in found:
            node.delenv(name, raising=False)
        for name, value in found.items():
            node.setenv(name, value)
        assert Settings.read() == cluster_settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ANABRANCH_EXECUTOR_KEY", "planted"),
        ("NATS_URL", "nats://me:planted@nats.example.org"),
    ],
)
def test_a_secret_beside_the_file_is_refused(
    name: str, value: str, cluster_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A secret that only the environment has would not reach the job: the error names it."""
    del cluster_settings
    monkeypatch.setenv(name, value)

    with pytest.raises(InputInvalid, match=name) as refused:
        job_environment(Settings.read())

    assert "ANABRANCH_SECRETS_FILE" in refused.value.fix
    assert "planted" not in str(refused.value)


def test_servers_of_a_home_are_no_servers_for_a_cluster(tmp_path: Path) -> None:
    """Jobs on other machines would start servers of their own."""
    settings = Settings.read().changed(home=tmp_path)

    with pytest.raises(InputInvalid, match="NATS_URL is not set"):
        pool("slurm", settings)
    with pytest.raises(InputInvalid, match="NEO4J_URI is not set"):
        pool("pbs", settings.changed(nats_url="nats://nats.example.org"))


@pytest.mark.parametrize(("kind", "submits"), [("slurm", "sbatch"), ("pbs", "qsub")])
async def test_a_job_runs_the_command_with_its_terms(
    kind: str,
    submits: str,
    cluster_settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The script holds the name, the queue, the account and the limit; the worker ends before it."""
    submitted = tmp_path / "script"
    program = tmp_path / submits
    program.write_text(f'#!/bin/sh\ncp "$1" {submitted}\necho Submitted batch job 17\n')
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    settings = cluster_settings.changed(
        pool_queue="gpu", pool_account="m1234", pool_time_limit_s=7200, pool_cores=4
    )
    jobs = pool(kind, settings)
    assert isinstance(jobs, JobPool)

    handle = await jobs.submit(f"{jobs.prefix}one")

    script = submitted.read_text()
    begin = {"slurm": "#SBATCH --", "pbs": "#PBS -"}[kind]
    asked = [line.removeprefix(begin) for line in script.splitlines() if line.startswith(begin)]
    wanted = {
        "slurm": {
            *(f'job-name="{jobs.prefix}one"', 'partition="gpu"', 'account="m1234"'),
            *("time=2:0:0", "cpus-per-task=4", "export=NONE"),
        },
        "pbs": {f'N "{jobs.prefix}one"', "q gpu", "A m1234", "l walltime=2:0:0"},
    }[kind]
    assert handle == "17"
    assert wanted <= set(asked)
    assert f"{sys.executable} -m anabranch worker --name {jobs.prefix}one" in script
    assert "--lifetime 7110 " in script
    assert "--priorities critical,low" in script
    assert "--labels gpu,region=eu" in script
    assert "planted" not in script


def test_a_grace_that_leaves_no_time_to_work_is_refused(cluster_settings: Settings) -> None:
    """Of an hour, an hour to end leaves nothing."""
    with pytest.raises(InputInvalid, match="leave none to work in"):
        pool("slurm", cluster_settings, options(grace_s=3600))


def test_pools_are_known_by_their_names(cluster_settings: Settings) -> None:
    """Workers of another log, namespace, kind, or name of a pool are not taken for ours."""
    local, jobs = pool("local", cluster_settings), pool("slurm", cluster_settings)
    other = pool_of(
        "slurm", options(), settings=cluster_settings, namespace="work", identity="another log"
    )
    named = [
        pool_of(
            "slurm",
            options(),
            settings=cluster_settings,
            namespace="work",
            identity="a log",
            name=name,
        )
        for name in ("a gpu", "work")
    ]
    prefixes = [one.prefix for one in (local, jobs, other, *named)]

    assert isinstance(local, ProcessPool)
    assert [b for a in prefixes for b in prefixes if b.startswith(a)] == prefixes
    assert named[0].prefix.startswith("slurm-a-gpu-work-")
    with pytest.raises(InputInvalid, match="is none"):
        pool("lsf", cluster_settings)
    with pytest.raises(InputInvalid, match="holds a password"):
        pool("local", cluster_settings, options("https://me:planted@host"))
