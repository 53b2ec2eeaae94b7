"""Found and imported sessions as people see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.filesize import decimal
from rich.table import Table

from anabranch.terminal.counting import counted
from anabranch.terminal.listing import listing

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from anabranch.importers.inventory import FoundSessions
    from anabranch.importers.outcome import Tally


def found_table(rows: Sequence[FoundSessions]) -> Table:
    """Show what lies on the machine, a row a tool and project."""
    table = listing("tool", "project", "sources", "new", "size", "newest")
    for row in rows:
        newest = row.newest.strftime("%Y-%m-%d %H:%M")
        size = decimal(row.bytes)
        table.add_row(row.tool, row.project or "", str(row.sources), str(row.new), size, newest)
    return table


def import_summary(tally: Tally, *, dry_run: bool) -> Table:
    """Show what became what, and what was left out and why."""
    table = Table("", "", box=None, show_header=False, padding=(0, 2, 0, 0))
    did = "would be stored" if dry_run else "stored"
    table.add_row("sessions", _counts(tally.sessions))
    table.add_row("insights", _counts(tally.insights))
    if not dry_run:
        table.add_row(did, f"{counted(tally.appended, 'event')}, {tally.known} were there")
    table.add_row("left out", _counts(tally.left_out))
    table.add_row("redacted", _counts(tally.redacted))
    table.add_row("unknown", _counts(tally.unknown))
    if tally.broken:
        table.add_row("broken lines", str(len(tally.broken)))
    return table


def _counts(counted: Counter[str]) -> str:
    parts = [f"{count} {what}" for what, count in counted.most_common() if count]
    return ", ".join(parts) or "none"
