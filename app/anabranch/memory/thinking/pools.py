"""Pools of a memory's workers: processes of this machine, or jobs of a cluster."""

from __future__ import annotations

import hashlib
import re
import socket
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from pydantic import SecretStr

from anabranch.home.folder import Home
from anabranch.home.runtime_file import named_graph, named_log
from anabranch.memory.thinking.think import checked_priority, executor_access
from anabranch.settings import variable
from anabranch_events.errors import InputInvalid
from anabranch_events.transport.address import without_secrets
from anabranch_thinking.pools.jobs import JobPool, JobTerms
from anabranch_thinking.pools.processes import ProcessPool
from anabranch_thinking.work.allowed import allowed_executors
from anabranch_thinking.work.offers import checked_labels
from anabranch_thinking.work.slots import check_slots

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from anabranch.settings import Settings
    from anabranch_thinking import Executor
    from anabranch_thinking.pools.pool import Pool

PoolKind = Literal["local", "slurm", "pbs"]
POOLS: Final = ("local", "slurm", "pbs")
DRAIN_MARGIN_S: Final = 60
"""The time of a job that its worker leaves unused, so that it ends before the scheduler ends it."""
_NOT_PLAIN: Final = re.compile(r"[^A-Za-z0-9-]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerOptions:
    """The options of each worker of a pool, those of `anabranch worker`."""

    executors: Sequence[str]
    slots: int
    reserved: int
    priorities: Sequence[str]
    passes: Sequence[str]
    silence_s: float | None
    grace_s: float
    labels: Sequence[str] = ()

    def words(self) -> list[str]:
        """Return the options as words of a command."""
        given = [
            *(("--executors", one) for one in self.executors),
            *(("--env", one) for one in self.passes),
            ("--slots", str(self.slots)),
            ("--reserved", str(self.reserved)),
            ("--priorities", ",".join(self.priorities)),
            *((("--labels", ",".join(self.labels)),) if self.labels else ()),
            *([] if self.silence_s is None else [("--silence", f"{self.silence_s:g}")]),
            ("--grace", f"{self.grace_s:g}"),
        ]
        return [word for pair in given for word in pair]


def checked_worker(
    options: WorkerOptions, *, settings: Settings, pool: str | None = None
) -> Mapping[str, Executor]:
    """Return the executors of a worker, or of each worker of a pool. It asks no server.

    Raises InputInvalid for options with which none would work as said.
    """
    wanted = [checked_priority(one, field="priorities") for one in options.priorities]
    check_slots(options.slots, reserved=options.reserved, priorities=wanted)
    checked_labels(options.labels)
    if pool is not None:
        _check_pool(pool, options, settings=settings)
    return allowed_executors(
        options.executors,
        passes=options.passes,
        access=executor_access(settings),
        here=pool in {None, "local"},
    )


def pool_of(
    kind: str,
    options: WorkerOptions,
    *,
    settings: Settings,
    namespace: str,
    identity: str,
    name: str | None = None,
) -> Pool:
    """Return a pool of a namespace's workers. `identity` is that of the log.

    Its `name` tells it apart from others of its kind.

    Raises InputInvalid for a pool that is none, and for jobs that could not work.
    """
    _check_pool(kind, options, settings=settings)
    names = _PoolNames(namespace, identity, name)
    common = ["--namespace", namespace, "--home", str(settings.home), *options.words()]
    if kind == "local":
        prefix = names.prefix(kind, socket.gethostname())
        return ProcessPool(
            prefix,
            lambda name: _worker("--name", name, "--tied", *common),
            grace_s=options.grace_s,
        )
    lifetime_s = _lifetime_s(options, settings)
    terms = JobTerms(
        folder=Home(settings.home).jobs,
        environment=job_environment(settings),
        time_limit_s=settings.pool_time_limit_s,
        cores=settings.pool_cores,
        queue=settings.pool_queue,
        account=settings.pool_account,
    )
    return JobPool(
        "slurm" if kind == "slurm" else "pbs",
        names.prefix(kind),
        lambda name: _worker("--name", name, "--lifetime", f"{lifetime_s:g}", *common),
        terms,
    )


def _check_pool(kind: str, options: WorkerOptions, *, settings: Settings) -> None:
    """Raise InputInvalid for a pool that is none, and for jobs that could not work."""
    if kind not in POOLS:
        raise InputInvalid(
            f"pool: {kind!r} is none", field="pool", fix=f"say one of {', '.join(POOLS)}"
        )
    for one in options.executors:
        if without_secrets(one) != one:
            raise InputInvalid(
                "executors: an address holds a password, which all on this machine could read",
                field="executors",
                fix="give it by a setting, such as ANABRANCH_EXECUTOR_KEY",
            )
    if kind == "local":
        return
    if _lifetime_s(options, settings) < DRAIN_MARGIN_S:
        raise InputInvalid(
            f"grace: of {settings.pool_time_limit_s} s that a job has, {options.grace_s:g} s to end "
            "leave none to work in",
            field="grace",
            fix=f"give less, or raise {variable('pool_time_limit_s')}",
        )
    job_environment(settings)


def _lifetime_s(options: WorkerOptions, settings: Settings) -> float:
    """Return how long a job's worker takes branches."""
    return settings.pool_time_limit_s - DRAIN_MARGIN_S - options.grace_s


def job_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of a job: the settings, and none of the secrets.

    A scheduler keeps it in files, and shows it. Raises InputInvalid where the servers are those of
    the home, which other machines do not reach. It does for a secret that is not in the file, too.
    """
    if named_log(settings) is None or named_graph(settings) is None:
        missing = "NEO4J_URI" if named_log(settings) else "NATS_URL"
        raise InputInvalid(
            f"pool: {missing} is not set, and nodes of a cluster do not reach servers of a home",
            field="pool",
            fix="run both servers where the nodes reach them, and set NATS_URL and NEO4J_URI",
        )
    in_file = settings.in_secrets_file()
    found: dict[str, str] = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        secret = isinstance(value, SecretStr) and bool(value.get_secret_value())
        hidden = isinstance(value, str) and "://" in value and without_secrets(value) != value
        if (secret or hidden) and name not in in_file:
            raise InputInvalid(
                f"pool: {variable(name)} holds a secret, and a job's environment is no place for it",
                field="pool",
                fix=f"put it into a file that ANABRANCH_SECRETS_FILE names, and unset "
                f"{variable(name)}",
            )
        if value is not None and name not in in_file and not isinstance(value, SecretStr):
            found[variable(name)] = str(value).lower() if isinstance(value, bool) else str(value)
    return found


def _worker(*words: str) -> list[str]:
    return [sys.executable, "-m", "anabranch", "worker", *words]


class _PoolNames(NamedTuple):
    """A pool's names: they tell it apart from others of its kind."""

    namespace: str
    identity: str
    name: str | None

    def prefix(self, *first: str) -> str:
        """Return the beginning of the workers' names, which no other pool has, nor another log."""
        whole = "/".join((self.identity, self.namespace, *((self.name,) if self.name else ())))
        digest = hashlib.sha256(whole.encode()).hexdigest()[:6]
        said = [*first, *((self.name,) if self.name else ()), self.namespace]
        return "-".join((*(_plain(one)[:24] for one in said), digest, ""))


def _plain(text: str) -> str:
    return _NOT_PLAIN.sub("-", text)
