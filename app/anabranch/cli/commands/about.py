"""The profile of a name: all that memory knows about it."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from anabranch.cli.command import AsOfOption, Call, command

commands = typer.Typer()
PANEL: Final = "Remember and recall"


@command(
    commands,
    "about",
    gives="name, position, insights (as `get`), beside, conflicts, near",
    panel=PANEL,
)
async def about(
    call: Call,
    name: Annotated[str, typer.Argument(help="Who or what it is about.", metavar="NAME")],
    *,
    as_of: AsOfOption = None,
    limit: Annotated[int, typer.Option(help="How many insights at most.", min=1, max=1000)] = 100,
) -> None:
    """Show what is known about a name, the latest first, with sources and open conflicts."""
    from anabranch.cli.values import moment
    from anabranch.terminal.settled import profile_lines

    async with call.memory() as memory:
        found = await memory.about(name, as_of=moment(as_of), limit=limit)
    call.output.item(found, *profile_lines(found))
