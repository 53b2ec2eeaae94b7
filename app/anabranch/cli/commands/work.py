"""The tasks in the queue, and the workers that are there."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from anabranch.cli.command import Call, command
from anabranch.cli.completion import STATUSES, ids_of, one_of
from anabranch.cli.ids import session_id_in
from anabranch.terminal.counting import counted

task_commands = typer.Typer(help="Branches in the queue for workers.", no_args_is_help=True)
worker_commands = typer.Typer(help="The workers that are there.", no_args_is_help=True)
PANEL: Final = "Think"
_TASK: Final = (
    "session_id, root_id, task, role, priority, executor, labels, status, attempts, worker, "
    "waiting_since, deadline, error"
)
_WORKER: Final = "worker, host, process, namespace, slots, busy, priorities, executors, labels, running, draining, ended"
_NO_WORKER: Final = "No worker answers: `anabranch worker --executors recalling` starts one."
TaskArgument = Annotated[
    str,
    typer.Argument(
        help="The branch's session.", metavar="SESSION", autocompletion=ids_of("sessions")
    ),
]


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
    from anabranch.terminal.work_tables import task_table

    async with call.memory() as memory:
        found = await memory.work.tasks(status=_checked_status(status), limit=limit)
    call.output.items(
        found, task_table, nothing="No task has that status." if status else "No tasks wait."
    )


@command(task_commands, "show", gives=f"{_TASK}, result, history [{{attempt, worker, ...}}]")
async def show_task(call: Call, session: TaskArgument) -> None:
    """Show a branch with every attempt at it, and the error of each."""
    from rich.text import Text

    from anabranch.terminal.work_tables import task_table

    async with call.memory() as memory:
        found = await memory.work.task(await session_id_in(memory, session))
    lines = [
        Text(
            f"attempt {one.attempt} by {one.worker}: {one.outcome or 'goes on'}"
            + (f": {one.error}" if one.error else "")
        )
        for one in found.history
    ]
    call.output.item(found, task_table([found]), *lines)


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
    from anabranch.terminal.work_tables import worker_table

    async with call.memory() as memory:
        found = await memory.work.workers()
    call.output.items(found, worker_table, nothing=_NO_WORKER)


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
    from anabranch.terminal.work_tables import worker_table

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
    call.output.items(found, worker_table, nothing=_NO_WORKER)


def _checked_status(given: str | None) -> str | None:
    from anabranch.errors import InputInvalid
    from anabranch_thinking import Status

    if given is not None and given not in set(Status):
        raise InputInvalid(
            f"status: {given!r} is none", field="status", fix=f"say one of {', '.join(Status)}"
        )
    return given
