"""Conflicts between insights: which there are, both sides of one, and deciding it."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from anabranch.cli.command import ActingSessionOption, AsOfOption, Call, command
from anabranch.cli.completion import ids_of
from anabranch.cli.ids import insight_id_in

commands = typer.Typer(help="Insights that disagree.", no_args_is_help=True)
PANEL: Final = "Remember and recall"

PositionArgument = Annotated[
    int, typer.Argument(help="The position that opened it.", metavar="POSITION", min=1)
]


@command(
    commands, "list", gives="a line a conflict: position, one, other, subject, resolved, decision"
)
async def list_(
    call: Call,
    *,
    all_: Annotated[bool, typer.Option("--all", help="Those too that are resolved.")] = False,
    as_of: AsOfOption = None,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=10_000)] = 100,
) -> None:
    """List the open conflicts between insights, in position order."""
    from anabranch.cli.values import moment
    from anabranch.terminal.settled import conflict_lines

    async with call.memory() as memory:
        found = await memory.conflicts(only_open=not all_, as_of=moment(as_of), limit=limit)
    call.output.items(
        found,
        conflict_lines,
        nothing="No conflicts." if all_ else "No open conflicts; `--all` lists resolved ones too.",
    )


@command(
    commands,
    "show",
    gives="position, subject, one, other (insights as `get`), opened_by, opened_at, resolved, "
    "decision, resolved_by, resolved_at",
)
async def show(call: Call, position: PositionArgument) -> None:
    """Show a conflict: both insights, and who decided what."""
    from anabranch.terminal.settled import conflict_details

    async with call.memory() as memory:
        found = await memory.conflict(position)
    call.output.item(found, *conflict_details(found))


@command(commands, "resolve", gives="session_id, event_id, position")
async def resolve(
    call: Call,
    position: PositionArgument,
    *,
    decision: Annotated[
        str, typer.Option("--decision", help="What was decided, and why.", metavar="TEXT")
    ],
    holds: Annotated[
        str | None,
        typer.Option(
            help="The insight that holds; it supersedes the other one, and is confirmed.",
            metavar="ID",
            autocompletion=ids_of("insights"),
            show_default=False,
        ),
    ] = None,
    recall: Annotated[
        str | None,
        typer.Option(
            "--recall",
            help="The recall_id of the answer that had the one that holds.",
            show_default=False,
        ),
    ] = None,
    session: ActingSessionOption = None,
) -> None:
    """Resolve a conflict: the decision is kept as an event, with who made it and why."""
    async with call.memory() as memory:
        found = await memory.resolve_conflict(
            position,
            decision,
            holds=None if holds is None else await insight_id_in(memory, holds),
            session_id=session,
            recall_id=recall,
        )
    call.output.item(found, f"resolved at position {found.position}")
