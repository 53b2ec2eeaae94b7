"""The demo."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from anabranch.cli.command import Call, command

commands = typer.Typer()
PANEL: Final = "Begin here"


@command(
    commands,
    "demo",
    gives="home, ingested, thought, associations, recalled, as_of, recalled_then, cypher, events, "
    "digest, digests_agree, seconds",
    panel=PANEL,
)
async def demo(
    call: Call,
    *,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the demo's home, to look around in.")
    ] = False,
) -> None:
    """Watch a thought branch, be consolidated, remembered, recalled and replayed."""
    from anabranch.demo.narration import tell

    told = await tell(call.settings, call.output.story, keep=keep)
    call.output.item(told)
    if not told.digests_agree:
        raise typer.Exit(1)
