"""A worker on branches of thoughts, or a pool of workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, TypedDict

import typer

from anabranch.cli.command import Call, command
from anabranch.cli.completion import one_of
from anabranch.cli.interrupt import on_signals
from anabranch.cli.lists import listed
from anabranch.terminal.counting import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from anabranch_thinking.pools.scaler import PoolState
    from anabranch_thinking.work.worker import Worker

commands = typer.Typer()
PANEL: Final = "Think"
_POOL: Final = "Options of a pool"
_PRIORITIES: Final = "critical,high,normal,low"


class _Work(TypedDict):
    """The options of a worker, and of each worker of a pool."""

    executors: Sequence[str]
    slots: int
    reserved: int
    priorities: Sequence[str]
    labels: Sequence[str]
    passes: Sequence[str]
    silence_s: float | None
    grace_s: float


@command(
    commands,
    "worker",
    gives="worker, slots, priorities, executors, labels; once it works. With --max a line a change: "
    "workers, wanted, draining, waiting, in_flight",
    panel=PANEL,
    long_running=True,
)
async def worker(
    call: Call,
    *,
    executors: Annotated[
        list[str] | None,
        typer.Option(
            "--executors",
            metavar="NAME",
            help="What it may run; may be given again: recalling (asks memory), module:function, "
            "name=command, openai://MODEL, anthropic://MODEL, https://..., or "
            "github-actions://OWNER/REPOSITORY/WORKFLOW@REF. Nothing else runs on it.",
            show_default=False,
        ),
    ] = None,
    slots: Annotated[
        int, typer.Option("--slots", min=1, max=10_000, help="Branches that it runs at a time.")
    ] = 4,
    reserved: Annotated[
        int,
        typer.Option("--reserved", min=0, help="So many of the slots are for critical branches."),
    ] = 0,
    priorities: Annotated[
        str,
        typer.Option("--priorities", metavar="LIST", help="The priorities that it takes."),
    ] = _PRIORITIES,
    labels: Annotated[
        str,
        typer.Option(
            "--labels",
            metavar="LIST",
            help="Labels that it has, such as gpu,eu: branches that want them come to it first.",
            show_default=False,
        ),
    ] = "",
    passes: Annotated[
        list[str] | None,
        typer.Option(
            "--env",
            metavar="NAME",
            help="Pass this variable of the environment on to commands; may be given again.",
        ),
    ] = None,
    silence_s: Annotated[
        float | None,
        typer.Option(
            "--silence",
            min=0.5,
            max=3600,
            help="Seconds of silence after which a worker's branches go to others. It is the "
            "namespace's, and changes at once for what is in work; left out, it stays, 10 at first.",
        ),
    ] = None,
    grace_s: Annotated[
        float,
        typer.Option(
            "--grace", min=0, max=86_400, help="Seconds for the branches in work when it ends."
        ),
    ] = 30.0,
    most: Annotated[
        int | None,
        typer.Option(
            "--max",
            min=1,
            max=10_000,
            help="Run no branches here, but at most so many workers, as the load asks.",
            show_default=False,
            rich_help_panel=_POOL,
        ),
    ] = None,
    fewest: Annotated[
        int,
        typer.Option(
            "--min", min=0, max=10_000, help="The workers of an idle pool.", rich_help_panel=_POOL
        ),
    ] = 0,
    pool: Annotated[
        str,
        typer.Option(
            "--pool",
            help="Where they run: local (processes of this machine), slurm or pbs (jobs).",
            rich_help_panel=_POOL,
            autocompletion=one_of(("local", "slurm", "pbs")),
        ),
    ] = "local",
    cooldown_s: Annotated[
        float | None,
        typer.Option(
            "--cooldown",
            min=0,
            max=86_400,
            help="Seconds that a worker stays after it was needed; 60 without it.",
            show_default=False,
            rich_help_panel=_POOL,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", help="The name of the worker, or of the pool.", show_default=False),
    ] = None,
    lifetime_s: Annotated[
        float | None,
        typer.Option("--lifetime", min=1, help="Drain after so many seconds.", show_default=False),
    ] = None,
    tied: Annotated[
        bool, typer.Option("--tied", help="Drain once stdin ends.", hidden=True)
    ] = False,
) -> None:
    """Work on branches of thoughts, until Ctrl-C or SIGTERM: then it finishes or hands back.

    A second Ctrl-C, or SIGTERM, hands back at once.

    With --max it starts and drains workers instead, as many as the load asks for.
    """
    from anabranch.backend.gc_tuning import collect_seldom
    from anabranch.errors import UsageInvalid
    from anabranch_thinking.pools.scaling import WINDOW_S

    if most is None and (fewest or pool != "local" or cooldown_s is not None):
        raise UsageInvalid(
            "a pool without a maximum", field="max", fix="say --max, the most workers of the pool"
        )
    if most is not None and lifetime_s is not None:
        raise UsageInvalid(
            "a pool has no lifetime: it ends its workers itself",
            field="lifetime",
            fix="leave out --lifetime, or --max for one worker",
        )
    work = _Work(
        executors=[one for given in executors or () for one in _executors_in(given)],
        slots=slots,
        reserved=reserved,
        priorities=listed(priorities, field="priorities"),
        labels=listed(labels, field="labels"),
        passes=passes or (),
        silence_s=silence_s,
        grace_s=grace_s,
    )
    # Wrong options start no server.
    _check(call, work, pool=None if most is None else pool, fewest=fewest, most=most)
    async with call.memory() as memory:
        if most is not None:
            await memory.work.run_pool(
                pool,
                fewest=fewest,
                most=most,
                cooldown_s=WINDOW_S if cooldown_s is None else cooldown_s,
                name=name,
                ready=lambda scaler: on_signals(scaler.stop),
                changed=lambda state: _tell_pool(call, state),
                **work,
            )
        else:
            collect_seldom()
            await memory.work.run_worker(
                name=name,
                ready=lambda one: _begin(call, one, lifetime_s=lifetime_s, tied=tied),
                **work,
            )


def _check(call: Call, work: _Work, *, pool: str | None, fewest: int, most: int | None) -> None:
    """Raise InputInvalid for options with which no worker, or no pool, would work as said."""
    from anabranch.memory.thinking.pools import WorkerOptions, checked_worker
    from anabranch_thinking.pools.scaling import Bounds

    if most is not None:
        Bounds(fewest=fewest, most=most, slots=work["slots"])
    checked_worker(WorkerOptions(**work), settings=call.settings, pool=pool)


def _tell_pool(call: Call, state: PoolState) -> None:
    """Write a change of a pool."""
    from dataclasses import asdict

    call.output.item(
        asdict(state),
        f"{counted(state.workers, 'worker')} of {state.wanted} wanted: {state.waiting} wait, "
        f"{state.in_flight} in flight",
    )


def _begin(call: Call, worker: Worker, *, lifetime_s: float | None, tied: bool) -> None:
    """Say that a worker works, and have it drain when it is to end."""
    import asyncio

    on_signals(_drain_then_hand_back(call, worker))
    if lifetime_s is not None:
        asyncio.get_running_loop().call_later(lifetime_s, worker.drain)
    if tied:
        _once_stdin_ends(worker.drain)
    said = worker.described()
    call.output.item(
        {name: said[name] for name in ("worker", "slots", "priorities", "executors", "labels")},
        f"Worker {worker.name} takes {counted(said['slots'], 'branch', 'branches')} at a time: "
        f"{', '.join(said['executors'])}"
        + (f"; it has {', '.join(said['labels'])}" if said["labels"] else ""),
    )


def _drain_then_hand_back(call: Call, worker: Worker) -> Callable[[], None]:
    """Return what a signal does: the first drains the worker, the next hands back what is left."""
    signals = 0

    def end() -> None:
        nonlocal signals
        signals += 1
        if signals > 1:
            worker.hand_back()
            return
        worker.drain()
        if worker.slots.busy:
            call.output.message(
                f"Finishing {counted(worker.slots.busy, 'branch', 'branches')}; "
                "Ctrl-C again hands them back at once"
            )

    return end


def _once_stdin_ends(end: Callable[[], None]) -> None:
    """Call `end` once stdin is closed at its other end, by who started us or by their end."""
    import asyncio
    import os

    loop = asyncio.get_running_loop()

    def readable() -> None:
        if not os.read(0, 4096):
            loop.remove_reader(0)
            end()

    loop.add_reader(0, readable)


def _executors_in(given: str) -> list[str]:
    """Return the names in a list; a command may hold commas of its own."""
    return [given] if "=" in given else listed(given, field="executors")
