"""An insight as people read it: what it says, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from anabranch.views import InsightDetails


def insight_table(insight: InsightDetails) -> Table:
    """Return a line for each thing that is known of the insight."""
    rows = {
        "text": insight.text if insight.text is not None else "(forgotten)",
        "subject": insight.subject,
        "kind": f"{insight.kind}, confidence {insight.confidence:g}",
        "tags": ", ".join(insight.tags),
        "entities": ", ".join(insight.entities),
        "sources": ", ".join(insight.sources),
        "valid from": insight.valid_from and insight.valid_from.isoformat(),
        "valid until": insight.valid_until and insight.valid_until.isoformat(),
        "session": insight.session_id,
        "agent": insight.agent,
        "recorded": f"position {insight.position}, {insight.recorded_at.isoformat()}",
        "supersedes": ", ".join(insight.supersedes),
        "retired": _end(insight),
        "superseded by": ", ".join(insight.superseded_by),
    }
    table = Table.grid(padding=(0, 2))
    table.add_row("insight", Text(insight.insight_id, style="bold"))
    for name, value in rows.items():
        if value:
            table.add_row(name, Text(str(value)))
    return table


def _end(insight: InsightDetails) -> str | None:
    """Return where it ended, and why. One that was forgotten may have ended before that."""
    if insight.retired is None:
        return None
    why = "" if insight.text is None else f": {insight.retired_reason}"
    return f"position {insight.retired}{why}"
