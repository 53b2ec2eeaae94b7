"""The settings in force, and where each comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import typer

from anabranch.cli.command import Call, command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from anabranch.settings import SettingView

commands = typer.Typer()
PANEL: Final = "Servers"


@command(
    commands,
    "settings",
    gives="a line a setting: variable, value, source (default, environment, file or option)",
    panel=PANEL,
)
async def settings(call: Call) -> None:
    """List the settings in force and where each comes from; secrets are only said to be set."""
    call.output.items(call.settings.in_force(call.given_options), _table)


def _table(found: Sequence[SettingView]) -> Table:
    from rich.text import Text

    from anabranch.terminal.listing import listing

    table = listing()
    table.add_column("variable", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("source", no_wrap=True)
    for one in found:
        value = "" if one.value is None else str(one.value)
        value = value.lower() if isinstance(one.value, bool) else value
        style = "dim" if one.source == "default" else ""
        table.add_row(one.variable, Text(value), one.source, style=style)
    return table
