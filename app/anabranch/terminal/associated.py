"""Table of the insights that associations lead to, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from anabranch.terminal.recall_table import told
from anabranch.terminal.short_id import short_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch_recall import Associated


def associated_table(found: Sequence[Associated]) -> Table:
    """Return the insights, the strongest first: strength, text, and below each the way to it."""
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0), expand=False)
    table.add_column("strength", justify="right", style="magenta", no_wrap=True)
    table.add_column("insight", overflow="fold")
    for one in found:
        ended = Text("retired ", style="yellow") if one.retired is not None else Text()
        table.add_row(f"{one.strength:.3f}", ended + Text(told(one)))
        table.add_row("", Text(_way(one), style="dim"))
    return table


def _way(one: Associated) -> str:
    links = [f"{link.kind} {link.weight:.2f} {short_id(link.insight_id)}" for link in one.path]
    return " \u2192 ".join((short_id(one.start), *links))
