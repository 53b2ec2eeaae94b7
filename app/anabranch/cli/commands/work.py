"""Work over many processes: a worker, the tasks in the queue, and the workers that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, cast

import typer

from anabranch.cli.command import Call, command
from anabranch.cli.completion import STATUSES, ids_of, one_of
from anabranch.cli.ids import session_id_in
from anabranch.terminal.counting import counted
from anabranch.terminal.short_id import short_id

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.table import Table

    from anabranch.memory.work_stats import By
    from anabranch.memory.work_views import TaskView, WorkerView
    from anabranch_thinking.pools.scaler import PoolState
    from anabranch_thinking.work.worker import Worker

commands = typer.Typer()
task_commands = typer.Typer(help="Branches in the queue for workers.", no_args_is_help=True)
worker_commands = typer.Typer(help="The workers that are there.", no_args_is_help=True)
PANEL: Final = "Think"
_POOL: Final = "Options of a pool"
_PRIORITIES: Final = "critical,high,normal,low"
_TASK: Final = (
    "session_id, root_id, task, role, priority, executor, status, attempts, worker, "
    "waiting_since, deadline, error"
)
_WORKER: Final = (
    "worker, host, process, namespace, slots, busy, priorities, executors, running, draining, ended"
)
TaskArgument = Annotated[
    str,
    typer.Argument(
        help="The branch's session.", metavar="SESSION", autocompletion=ids_of("sessions")
    ),
]


@command(
    commands,
    "worker",
    gives="worker, slots, priorities, executors; once it works. With --max a line a change: "
    "workers, wanted, draining, waiting, in_flight",
    panel=PANEL,
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
    passes: Annotated[
        list[str] | None,
        typer.Option(
            "--env",
            metavar="NAME",
            help="Pass this variable of the environment on to commands; may be given again.",
        ),
    ] = None,
    silence_s: Annotated[
        float,
        typer.Option(
            "--silence",
            min=0.5,
            max=3600,
            help="Seconds of silence after which a worker's branches go to others; "
            "the same for all workers of a namespace.",
        ),
    ] = 10.0,
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
        float,
        typer.Option(
            "--cooldown",
            min=0,
            max=86_400,
            help="Seconds that a worker stays after it was needed.",
            rich_help_panel=_POOL,
        ),
    ] = 60.0,
    name: Annotated[
        str | None, typer.Option("--name", help="The worker's name.", show_default=False)
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

    With --max it starts and drains workers instead, as many as the load asks for.
    """
    import asyncio

    from anabranch.errors import UsageInvalid

    named = [one for given in executors or () for one in _listed(given)]
    given = _checked_priorities(priorities)
    if most is None and (fewest or pool != "local"):
        raise UsageInvalid(
            "a pool without a maximum", field="max", fix="say --max, the most workers of the pool"
        )
    if most is not None:

        def changed(state: PoolState) -> None:
            from dataclasses import asdict

            call.output.item(
                asdict(state),
                f"{counted(state.workers, 'worker')} of {state.wanted} wanted: {state.waiting} wait, "
                f"{state.in_flight} in flight",
            )

        async with call.memory() as memory:
            await memory.work.run_pool(
                pool,
                fewest=fewest,
                most=most,
                executors=named,
                slots=slots,
                reserved=reserved,
                priorities=given,
                passes=passes or (),
                silence_s=silence_s,
                grace_s=grace_s,
                cooldown_s=cooldown_s,
                ready=lambda scaler: _on_signals(scaler.stop),
                changed=changed,
            )
        return

    def ready(one: Worker) -> None:
        _on_signals(one.drain)
        if lifetime_s is not None:
            asyncio.get_running_loop().call_later(lifetime_s, one.drain)
        if tied:
            _once_stdin_ends(one.drain)
        said = one.described()
        call.output.item(
            {name: said[name] for name in ("worker", "slots", "priorities", "executors")},
            f"Worker {one.name} takes {said['slots']} branches at a time: "
            f"{', '.join(said['executors'])}",
        )

    async with call.memory() as memory:
        await memory.work.run_worker(
            executors=named,
            slots=slots,
            reserved=reserved,
            priorities=given,
            passes=passes or (),
            silence_s=silence_s,
            grace_s=grace_s,
            name=name,
            ready=ready,
        )


@command(
    commands,
    "stats",
    gives="role, executor, worker, branches, completed, failed, cancelled, attempts, p50_ms, "
    "p95_ms, insights, useful, citations, rejected; one line a group",
    panel=PANEL,
)
async def stats(
    call: Call,
    *,
    by: Annotated[
        str,
        typer.Option(
            "--by", metavar="LIST", help="Tell branches apart by these: role, executor, worker."
        ),
    ] = "role,executor,worker",
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="POSITION|TIME",
            help="Only branches that were forked after it; a time is ISO 8601.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=1_000, help="At most so many groups.")
    ] = 100,
) -> None:
    """Show what branches did: ends, attempts, durations, and what their insights were good for."""
    from anabranch.terminal.work_tables import stats_table

    named = cast("list[By]", [one.strip() for one in by.split(",") if one.strip()])
    async with call.memory() as memory:
        found = await memory.work.stats(by=named, since=since, limit=limit)
    call.output.items(found, stats_table)


@command(
    commands,
    "top",
    gives="time, priorities [{priority, waiting, in_flight, oldest_waiting_s}], more, workers "
    "[{worker, slots, busy, running, draining, silent_s}], ended_per_s; one line a look",
    panel=PANEL,
)
async def top(
    call: Call,
    *,
    once: Annotated[bool, typer.Option("--once", help="Look once, and end.")] = False,
    interval_s: Annotated[
        float,
        typer.Option(
            "--interval", metavar="SECONDS", min=0.1, max=3600, help="Look again after so long."
        ),
    ] = 1.0,
) -> None:
    """Watch the load: tasks by priority, workers, rates; q or Ctrl-C ends it.

    Where the output is no terminal it looks once; with --json it goes on, a line a look.
    """
    import asyncio
    from contextlib import suppress

    from anabranch.memory.work_load import LoadWatch
    from anabranch.terminal.load_picture import keys_that_end, live_picture, load_picture

    json, console = call.output.json, call.output.console
    watch, ended = LoadWatch(), asyncio.Event()
    async with call.memory() as memory:
        load = await memory.work.load(watch)
        if once or not (json or console.is_terminal):
            call.output.item(load, load_picture(load))
            return
        _on_signals(ended.set)
        with keys_that_end(ended.set), live_picture(None if json else console) as show:
            while not ended.is_set():
                if json:
                    call.output.item(load)
                else:
                    show(load)
                with suppress(TimeoutError):
                    await asyncio.wait_for(ended.wait(), interval_s)
                    return
                load = await memory.work.load(watch)


@command(task_commands, "list", gives=f"a line a task: {_TASK}")
async def list_tasks(
    call: Call,
    *,
    status: Annotated[
        str | None,
        typer.Option(
            "--status",
            help="pending or running; or an end, like dead_lettered or failed.",
            show_default=False,
            autocompletion=one_of(STATUSES),
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")
    ] = 100,
) -> None:
    """List the branches that wait for a worker or are in work, the urgent ones first."""
    async with call.memory() as memory:
        found = await memory.work.tasks(status=_checked_status(status), limit=limit)
    call.output.items(found, _task_table)


@command(task_commands, "show", gives=f"{_TASK}, result, history [{{attempt, worker, ...}}]")
async def show_task(call: Call, session: TaskArgument) -> None:
    """Show a branch with every attempt at it, and the error of each."""
    from rich.text import Text

    async with call.memory() as memory:
        found = await memory.work.task(await session_id_in(memory, session))
    lines = [
        Text(
            f"attempt {one.attempt} by {one.worker}: {one.outcome or 'goes on'}"
            + (f": {one.error}" if one.error else "")
        )
        for one in found.history
    ]
    call.output.item(found, _task_table([found]), *lines)


@command(task_commands, "retry", gives="retry_of, root_id, session_id")
async def retry_task(call: Call, session: TaskArgument) -> None:
    """Try a branch again that ended without a result, as a thought of its own."""
    async with call.memory() as memory:
        found = await memory.work.retry(await session_id_in(memory, session))
    call.output.item(found, f"Queued again as {found.session_id}")


@command(task_commands, "cancel", gives="session_id, cancelled [session_id]")
async def cancel_task(
    call: Call,
    session: TaskArgument,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why.")] = "cancelled",
) -> None:
    """Cancel a session and all that was forked of it; what runs for them is stopped."""
    async with call.memory() as memory:
        session_id = await session_id_in(memory, session)
        found = await memory.work.cancel(session_id, reason)
    call.output.item(
        {"session_id": session_id, "cancelled": found},
        f"Cancelled {counted(len(found), 'session')}",
    )


@command(worker_commands, "list", gives=f"a line a worker: {_WORKER}")
async def list_workers(call: Call) -> None:
    """List the workers of the namespace that answer."""
    async with call.memory() as memory:
        found = await memory.work.workers()
    call.output.items(found, _worker_table)


@command(worker_commands, "drain", gives=f"a line a worker: {_WORKER}")
async def drain_workers(
    call: Call,
    names: Annotated[
        list[str] | None, typer.Argument(help="Names of workers.", show_default=False)
    ] = None,
    *,
    all_: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
) -> None:
    """Have workers take no more branches, finish or hand back those in work, and end."""
    from anabranch.errors import NotFound, UsageInvalid

    if bool(names) == all_:
        raise UsageInvalid(
            "which workers?", field="names", fix="name them, or say --all; `workers list` has them"
        )
    async with call.memory() as memory:
        chosen = names or [one.worker for one in await memory.work.workers()]
        found = await memory.work.drain(chosen) if chosen else []
    missing = set(names or ()) - {one.worker for one in found}
    if missing:
        raise NotFound(
            f"no worker {min(missing)} answers in this namespace",
            fix="see `anabranch workers list`; one that is frozen or gone does not answer",
        )
    call.output.items(found, _worker_table)


def _on_signals(end: Callable[[], None]) -> None:
    """Have SIGTERM and Ctrl-C call `end`."""
    import asyncio
    import signal

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end)


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


def _listed(given: str) -> list[str]:
    """Return the names in a list; a command may hold commas of its own."""
    return [given] if "=" in given else [one for one in given.split(",") if one.strip()]


def _checked_priorities(given: str) -> list[str]:
    from anabranch.errors import InputInvalid
    from anabranch_events.event.types import Priority

    found = [one.strip() for one in given.split(",") if one.strip()]
    unknown = set(found) - set(Priority)
    if unknown or not found:
        raise InputInvalid(
            f"priorities: {given!r} names none, or one that is not known",
            field="priorities",
            fix=f"list some of {_PRIORITIES}",
        )
    return found


def _checked_status(given: str | None) -> str | None:
    from anabranch.errors import InputInvalid
    from anabranch_thinking import Status

    if given is not None and given not in set(Status):
        raise InputInvalid(
            f"status: {given!r} is none", field="status", fix=f"say one of {', '.join(Status)}"
        )
    return given


def _task_table(found: Sequence[TaskView]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for name in ("SESSION", "PRIORITY", "STATUS", "ATTEMPTS", "EXECUTOR", "WORKER", "TASK"):
        table.add_column(name, overflow="fold" if name == "TASK" else "ellipsis")
    for one in found:
        table.add_row(
            short_id(one.session_id),
            one.priority,
            one.status,
            str(one.attempts),
            Text(one.executor or "-"),
            Text(one.worker or "-"),
            Text(one.task),
        )
    return table


def _worker_table(found: Sequence[WorkerView]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for name in ("WORKER", "BUSY", "PRIORITIES", "EXECUTORS"):
        table.add_column(name)
    for one in found:
        busy = f"{one.busy}/{one.slots}" + (" draining" if one.draining else "")
        table.add_row(
            Text(one.worker), busy, ", ".join(one.priorities), Text(", ".join(one.executors))
        )
    return table
