"""Tables that list things: one look for all commands."""

from __future__ import annotations

from rich.table import Table


def listing(*columns: str, no_wrap: bool = False) -> Table:
    """Return an empty table without lines; its cells fold, or end early with `no_wrap`."""
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(name, no_wrap=no_wrap, overflow="ellipsis" if no_wrap else "fold")
    return table
