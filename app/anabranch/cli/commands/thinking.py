"""Thinking in branches, and putting together what they found."""

from __future__ import annotations

import os
import shlex
from typing import Annotated, Final

import typer

from anabranch.cli.command import Call, command, standard_input
from anabranch.cli.completion import ids_of
from anabranch.cli.ids import session_id_in

commands = typer.Typer()
PANEL: Final = "Think"


@command(
    commands,
    "think",
    gives="session_id, branches [{session_id, task, result, duration_ms}], consolidation, total_branches, total_duration_ms, parallel_ms, sequential_ms, parallel_max, position",
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
            metavar="COMMAND",
            help="Run this for each branch: the task comes on stdin as JSON, the result is what "
            "it writes. It is no shell: for a pipe say `sh -c '... | ...'`. Without it each branch "
            "asks memory.",
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
        typer.Option("--timeout", help="Seconds that a command may take.", show_default=False),
    ] = None,
) -> None:
    """Fan a task out over branches that run in parallel, and join what they find."""
    from anabranch.terminal.thought_tree import ThoughtPicture, outcome
    from anabranch_thinking import CommandExecutor
    from anabranch_thinking.executors.environment import unset

    subject = standard_input(task)
    argv = shlex.split(executor) if executor is not None else None
    runs = None
    if argv is not None:
        runs = CommandExecutor(argv, timeout_s=timeout_s, passes=passes or ())
    for name in unset(os.environ, passes or ()):
        call.output.warn(f"env: the variable {name} is not set: the command does not get it")
    async with call.memory() as memory:
        with ThoughtPicture(None if call.output.json else call.output.messages) as picture:
            thought = await memory.think(
                subject, branches=branch or (), count=count, executor=runs, on_event=picture
            )
    call.output.item(thought, *outcome(thought))


@command(
    commands,
    "consolidate",
    gives="consolidation_id, root_id, sessions, sources, text, position, ...",
    panel=PANEL,
)
async def consolidate(
    call: Call,
    root: Annotated[
        str,
        typer.Argument(
            help="The thought's root session.", metavar="ROOT", autocompletion=ids_of("sessions")
        ),
    ],
) -> None:
    """Synthesise what the branches of a thought found; every insight used is cited."""
    from rich.text import Text

    async with call.memory() as memory:
        found = await memory.consolidate(await session_id_in(memory, root))
    call.output.item(found, Text(found.text))
