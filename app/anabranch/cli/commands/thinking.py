"""Thinking in branches, and putting together what they found."""

from __future__ import annotations

import os
import shlex
from pathlib import Path  # noqa: TC003  Typer reads the annotations.
from typing import TYPE_CHECKING, Annotated, Final

import typer

from anabranch.cli.command import Call, command, standard_input
from anabranch.cli.completion import PLACES, PRIORITIES, ids_of, one_of
from anabranch.cli.ids import session_id_in
from anabranch.cli.lists import listed
from anabranch.cli.streams import terminable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from anabranch.memory.memory import Memory
    from anabranch.memory.thinking.roles_file import RoleView
    from anabranch.memory.thinking.think import Over
    from anabranch_thinking import CommandExecutor

commands = typer.Typer()
PANEL: Final = "Think"


@command(
    commands,
    "think",
    gives="session_id, branches [{session_id, task, result, duration_ms}], consolidation, total_branches, total_duration_ms, parallel_ms, sequential_ms, parallel_max, speed_up, position",
    panel=PANEL,
)
async def think(
    call: Call,
    task: Annotated[str, typer.Argument(help="What to think about; - reads stdin.")],
    *,
    branch: Annotated[
        list[str] | None,
        typer.Option("--branch", "-b", help="The task of one branch; may be given again."),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            "--count", "-n", help="So many branches, each from another angle.", show_default=False
        ),
    ] = None,
    executor: Annotated[
        str | None,
        typer.Option(
            "--executor",
            "-x",
            metavar="COMMAND|FUNCTION|ADDRESS",
            help="Run this command for each branch: the task comes on stdin as JSON, the result is "
            "what it writes. It is no shell: for a pipe say `sh -c '... | ...'`. Or run a Python "
            "function, as module:function. Or call a service: "
            "openai://MODEL, anthropic://MODEL, https://... or "
            "github-actions://OWNER/REPOSITORY/WORKFLOW@REF. Without it each branch asks memory.",
            show_default=False,
        ),
    ] = None,
    passes: Annotated[
        list[str] | None,
        typer.Option(
            "--env",
            metavar="NAME",
            help="Pass this variable of the environment on to the command; may be given again. "
            "Keys and passwords are not passed on by themselves.",
        ),
    ] = None,
    timeout_s: Annotated[
        float | None,
        typer.Option("--timeout", help="Seconds that a branch may take.", show_default=False),
    ] = None,
    over: Annotated[
        str,
        typer.Option(
            "--over",
            metavar="local|workers",
            help="Where the branches run: in this process, or where `anabranch worker` does, with "
            "an --executor that is allowed there by its name.",
            autocompletion=one_of(PLACES),
        ),
    ] = "local",
    join: Annotated[
        str,
        typer.Option(
            "--join",
            metavar="all|first|majority|N",
            help="How many results are enough; late branches are cancelled.",
            autocompletion=one_of(("all", "first", "majority")),
        ),
    ] = "all",
    late_kept: Annotated[
        bool, typer.Option("--keep-late", help="Let late branches go on, as late evidence.")
    ] = False,
    deadline_s: Annotated[
        float | None,
        typer.Option(
            "--deadline",
            metavar="SECONDS",
            help="Join what there is after so many seconds.",
            show_default=False,
        ),
    ] = None,
    priority: Annotated[
        str | None,
        typer.Option(
            "--priority",
            metavar="critical|high|normal|low",
            help="How urgent; without it what each role says, else normal.",
            autocompletion=one_of(PRIORITIES),
            show_default=False,
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels",
            metavar="LIST",
            help="Labels that the branches' workers should have, such as gpu,eu: these come before "
            "others for ANABRANCH_LABEL_WAIT_S seconds, then any worker takes them.",
            show_default=False,
        ),
    ] = None,
    roles: Annotated[
        Path | None,
        typer.Option(
            "--roles",
            metavar="FILE",
            help="The roles of the branches, in a TOML file; `anabranch roles` lists them.",
            show_default=False,
        ),
    ] = None,
    retries: Annotated[
        int, typer.Option("--retries", min=0, max=100, help="Further attempts at a branch.")
    ] = 0,
    branches_max: Annotated[
        int | None,
        typer.Option(
            "--branches-max",
            min=1,
            help="The most branches, with those that branches fork.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Fan a task out over branches that run in parallel, and join what they find.

    Ctrl-C or SIGTERM calls it off.
    """
    from anabranch.backend.gc_tuning import collect_seldom
    from anabranch.memory.thinking.think import ThinkOptions, checked_over, thought_terms
    from anabranch.terminal.thought_tree import ThoughtPicture, outcome
    from anabranch_thinking.executors.environment import unset

    subject = standard_input(task)
    place = checked_over(over)
    _check_passes(passes or (), executor, place)
    runs = executor if place == "workers" else _command(executor, timeout_s, passes)
    options = ThinkOptions(
        join=join,
        late_kept=late_kept,
        deadline=deadline_s,
        priority=priority,
        labels=None if labels is None else listed(labels, field="labels"),
        roles=roles,
        retries=retries,
    )
    if timeout_s is not None:
        options["timeout_s"] = timeout_s
    if branches_max is not None:
        options["branches_max"] = branches_max
    # Wrong terms start no server, and bring no word of missing workers.
    thought_terms(
        subject,
        branches=branch or (),
        count=count,
        executor=executor,
        usual_roles=call.settings.roles,
        options=options,
    )
    for name in unset(os.environ, passes or ()):
        call.output.warn(f"env: the variable {name} is not set: the command does not get it")
    collect_seldom()
    with terminable():
        async with call.memory() as memory:
            if place == "workers":
                await _warn_without_workers(call, memory, executor)
            with ThoughtPicture(None if call.output.json else call.output.messages) as picture:
                thought = await memory.think(
                    subject,
                    branches=branch or (),
                    count=count,
                    executor=runs,
                    over=place,
                    on_event=picture,
                    **options,
                )
    call.output.item(thought, *outcome(thought))


@command(
    commands,
    "roles",
    gives="name, instructions, angles, priority, scope, labels, preset; one line a role",
    panel=PANEL,
)
async def roles(
    call: Call,
    *,
    file: Annotated[
        Path | None,
        typer.Option(
            "--roles",
            metavar="FILE",
            help="List those of this TOML file, too; without it those of ANABRANCH_ROLES.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """List the roles that branches take: your own, and the presets."""
    from anabranch.memory.thinking.roles_file import known_roles

    call.output.items(known_roles(file, usual=call.settings.roles), _role_table)


def _role_table(found: Sequence[RoleView]) -> Table:
    from rich.text import Text

    from anabranch.terminal.listing import listing

    labelled = ("labels",) if any(one.labels for one in found) else ()
    table = listing("role", "priority", *labelled, "scope", "of", "instructions")
    for one in found:
        table.add_row(
            Text(one.name),
            one.priority or "-",
            *(Text(", ".join(one.labels) or "-") for _ in labelled),
            one.scope,
            "preset" if one.preset else "yours",
            Text(one.instructions),
        )
    return table


def _check_passes(passes: Sequence[str], executor: str | None, place: Over) -> None:
    """Refuse variables that no command of this process would get."""
    from anabranch.errors import UsageInvalid
    from anabranch_thinking.work.allowed import is_command

    if passes and place == "workers":
        raise UsageInvalid(
            "env: a thought over workers passes no variable on: each worker has its own",
            field="env",
            fix="leave --env out here, and start the workers with `anabranch worker --env NAME`",
        )
    if passes and (executor is None or not is_command(executor)):
        raise UsageInvalid(
            "env: no command runs that could get a variable",
            field="env",
            fix="leave --env out, or name a command with --executor",
        )


def _command(
    executor: str | None, timeout_s: float | None, passes: list[str] | None
) -> CommandExecutor | str | None:
    """Return the executor of a command that runs here; another name, or nothing, as it is."""
    from anabranch_thinking import CommandExecutor
    from anabranch_thinking.work.allowed import allowed_executors, is_command, words_of

    if executor is None:
        return None
    if not is_command(executor):
        allowed_executors([executor], here=False, field="executor")
        return executor
    found = CommandExecutor(words_of(executor), timeout_s=timeout_s, passes=passes or ())
    found.check_here()
    return found


async def _warn_without_workers(call: Call, memory: Memory, executor: str | None) -> None:
    """Say that nobody is there who may run the branches: they wait, and come to no end by now."""
    from anabranch_thinking.work.allowed import RECALLING

    wanted = executor or RECALLING
    workers = await memory.work.workers()
    if not any(wanted in worker.executors for worker in workers):
        call.output.warn(
            f"no worker that allows {wanted!r} answers yet, the branches wait for one: "
            f"start `anabranch worker --executors {shlex.quote(wanted)}`"
        )


@command(
    commands,
    "consolidate",
    gives="insights, recorded, restated, superseded, conflicts, associations; with ROOT "
    "consolidation_id, root_id, sessions, sources, text, position, ...; so with a subject",
    panel=PANEL,
)
async def consolidate(
    call: Call,
    root: Annotated[
        str | None,
        typer.Argument(
            help="A thought's root session: what its branches found becomes one cited text.",
            metavar="ROOT",
            autocompletion=ids_of("sessions"),
            show_default=False,
        ),
    ] = None,
    *,
    since: Annotated[
        int | None,
        typer.Option(
            help="Look again at what came after this position.", min=0, show_default=False
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be recorded.")
    ] = False,
    session: Annotated[
        str | None,
        typer.Option(
            help="Synthesise what this session learned.",
            metavar="ID",
            autocompletion=ids_of("sessions"),
            show_default=False,
        ),
    ] = None,
    entity: Annotated[
        str | None,
        typer.Option(
            help="Synthesise what is known about this name.", metavar="NAME", show_default=False
        ),
    ] = None,
    since_moment: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="Synthesise what was learned from this time or position on.",
            metavar="MOMENT",
            show_default=False,
        ),
    ] = None,
    until_moment: Annotated[
        str | None,
        typer.Option("--to", help="The end of that time.", metavar="MOMENT", show_default=False),
    ] = None,
) -> None:
    """Settle memory: mark what was said again, changed or contradicts; or synthesise one subject.

    Every consolidation cites its evidence and replaces none of it.
    """
    named = any(one is not None for one in (session, entity, since_moment, until_moment))
    if root is None and not named:
        await _settle(call, since=since, dry_run=dry_run)
        return
    if since is not None or dry_run or (root is not None and named):
        from anabranch.errors import UsageInvalid

        raise UsageInvalid(
            "ROOT and a subject take no --since and no --dry-run, and not each other: "
            "they are synthesised whole",
            field="root",
            fix="leave out the one or the other",
        )
    from rich.text import Text

    from anabranch.cli.values import moment

    async with call.memory() as memory:
        if root is not None:
            found = await memory.consolidate(await session_id_in(memory, root))
        else:
            found = await memory.synthesise(
                session_id=None if session is None else await session_id_in(memory, session),
                entity=entity,
                since=moment(since_moment, field="from"),
                until=moment(until_moment, field="to"),
            )
    if found.fallback is not None:
        call.output.warn(f"the text is made of the insights themselves: {found.fallback}")
    if found.dropped:
        reasons = ", ".join(f"{reason} {count}" for reason, count in found.dropped.items())
        call.output.message(f"sentences of the model that were dropped, by the reason: {reasons}")
    call.output.item(found, Text(found.text))


async def _settle(call: Call, *, since: int | None, dry_run: bool) -> None:
    from anabranch.terminal.settled import settled_lines

    async with call.memory() as memory:
        with call.output.progress("Settling", total=100) as shown:
            found = await memory.settle(
                since=since,
                dry_run=dry_run,
                progress=lambda done, total: shown(100 * done // max(1, total)),
            )
    call.output.item(found, *settled_lines(found))
