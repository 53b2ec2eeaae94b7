"""Dead letters: the events that could not be applied, and settling them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from anabranch.cli.command import Call, command
from anabranch.terminal.short_id import short_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from anabranch_projections import DeadLetter, RetryOutcome

commands = typer.Typer(help="Events that could not be applied.", no_args_is_help=True)
PANEL: Final = "Servers"
_GIVES = (
    "position, namespace, session_id, error, reason, projection, put_aside_at, attempts, "
    "tried_at, discarded_at"
)

PositionsArgument = Annotated[
    list[int], typer.Argument(help="Positions of dead letters.", min=1, show_default=False)
]


@command(commands, "list", gives=f"a line a letter: {_GIVES}")
async def list_(
    call: Call,
    *,
    discarded: Annotated[
        bool, typer.Option("--discarded", help="Those too that were discarded.")
    ] = False,
) -> None:
    """List the namespace's events that could not be applied and wait, in position order."""
    async with call.memory() as memory:
        found = await (await memory.graph.dead_letters()).all(discarded=discarded)
    call.output.items(
        found, _table, nothing="No dead letters." if discarded else "No dead letters wait."
    )


@command(commands, "show", gives=f"{_GIVES}, event (as `events show`; null if purged)")
async def show(
    call: Call, position: Annotated[int, typer.Argument(help="The event's position.", min=1)]
) -> None:
    """Show why an event could not be applied, and the event as it is stored."""
    import orjson
    from rich.syntax import Syntax

    from anabranch.errors import EventNotFound
    from anabranch.transfer.exported_line import line_of

    async with call.memory() as memory:
        letter = await (await memory.graph.dead_letters()).get(position)
        try:
            event = line_of(await memory.past.event(position))
        except EventNotFound:
            event = None
    shown = orjson.dumps(event, option=orjson.OPT_INDENT_2).decode()
    call.output.item(
        {**letter.model_dump(mode="json"), "event": event},
        _table([letter]),
        Syntax(shown, "json", background_color="default", word_wrap=True),
    )


@command(commands, "retry", gives="a line a letter: position, applied, error, reason")
async def retry(
    call: Call,
    positions: Annotated[
        list[int] | None,
        typer.Argument(help="Positions of dead letters.", min=1, show_default=False),
    ] = None,
    *,
    all_: Annotated[bool, typer.Option("--all", help="All that wait.")] = False,
) -> None:
    """Apply dead letters after all, in position order; one that fails stays with its new reason."""
    from anabranch.errors import UsageInvalid

    if all_ == bool(positions):
        raise UsageInvalid(
            "retry takes positions or --all", field="positions", fix="name positions, or say --all"
        )
    async with call.memory() as memory:
        found = await (await memory.graph.dead_letters()).retry(positions or None)
    call.output.items(found, _outcomes)
    if not all(one.applied for one in found):
        raise typer.Exit(1)


@command(commands, "discard", gives=f"a line a letter: {_GIVES}")
async def discard(call: Call, positions: PositionsArgument) -> None:
    """Say that dead letters need no more attention: they are kept, and no longer counted."""
    async with call.memory() as memory:
        found = await (await memory.graph.dead_letters()).discard(positions)
    call.output.items(found, _table)


def _table(letters: Sequence[DeadLetter]) -> Table:
    from rich.text import Text

    from anabranch.terminal.listing import listing

    table = listing()
    for column in ("position", "session"):
        table.add_column(column, no_wrap=True, min_width=len(column))
    for column in ("put aside", "attempts", "error", "reason"):
        table.add_column(column, overflow="fold")
    for one in letters:
        put_aside = f"{one.put_aside_at:%Y-%m-%d %H:%M:%S}" if one.put_aside_at else ""
        attempts = f"{one.attempts}, discarded" if one.discarded_at else str(one.attempts)
        cells = (
            str(one.position),
            short_id(one.session_id),
            put_aside,
            attempts,
            one.error,
            one.reason,
        )
        table.add_row(*map(Text, cells))
    return table


def _outcomes(found: Sequence[RetryOutcome]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for one in found:
        outcome = "applied" if one.applied else f"{one.error}: {one.reason}"
        table.add_row(Text(str(one.position)), Text(outcome))
    return table
