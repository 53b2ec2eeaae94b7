"""Table of hits, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from anabranch.terminal.counting import counted
from anabranch.terminal.recall_why import why_text
from anabranch.terminal.short_id import short_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch_recall import Associated, Hit, Recollection

_LANE_STYLE: Final = {"ok": "green", "empty": "dim", "skipped": "dim", "failed": "red"}


def hits_table(hits: Sequence[Hit], *, length_max: int | None = None, why: bool = False) -> Table:
    """Return the hits, best first: score, text, and below each where it comes from and why.

    A text longer than `length_max` is cut. One that no longer holds is marked. With `why` each
    score stands there as the sum that it is.
    """
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0), expand=False)
    table.add_column("score", justify="right", style="cyan", no_wrap=True)
    table.add_column("insight", overflow="fold")
    for hit in hits:
        text = told(hit) if length_max is None else _cut(told(hit), length_max)
        ended = Text("retired ", style="yellow") if hit.retired is not None else Text()
        table.add_row(f"{hit.score:z.3f}", ended + Text(text))
        table.add_row("", Text(reasons(hit), style="dim"))
        if why:
            table.add_row("", Text(why_text(hit), style="dim"))
    return table


def told(insight: Hit | Associated) -> str:
    """Return an insight's text, with its subject where the text does not name it."""
    # An answer of the service has the fields of a hit, and one of an older build not this one.
    subject = getattr(insight, "subject", None)
    if subject is None:
        return insight.text
    from anabranch_recall.text.subject import with_subject

    return with_subject(insight.text, subject)


def _cut(text: str, length_max: int) -> str:
    from anabranch_thinking.sessions.findings import lead

    return lead(text, length_max=length_max)


def reasons(hit: Hit) -> str:
    """Return in a line why the hit is one, and where it comes from."""
    parts = [] if hit.similarity is None else [f"similarity {hit.similarity:z.2f}"]
    if hit.why.matched:
        parts.append("words " + ", ".join(hit.why.matched))
    if hit.why.entities:
        parts.append("through " + ", ".join(hit.why.entities))
    if hit.why.associations:
        parts.append(counted(len(hit.why.associations), "association"))
    if hit.also_in:
        parts.append(f"also in {counted(hit.also_in, 'session')}")
    parts += [
        f"in conflict with {short_id(conflict.insight_id)}: {_cut(conflict.text, 80)}"
        for conflict in getattr(hit, "conflicts", ())  # An older build's answer has none.
    ]
    if hit.retired is not None:
        parts.append(f"retired at {hit.retired}")
    if hit.valid_from is not None:
        parts.append(f"valid from {str(hit.valid_from)[:10]}")
    if hit.valid_until is not None:
        parts.append(f"valid until {str(hit.valid_until)[:10]}")
    parts.append(f"position {hit.position}")
    parts.append(f"insight {short_id(hit.insight_id)}")
    parts.append(f"session {short_id(hit.session_id)}")
    return " · ".join(parts)


def lanes_line(found: Recollection) -> str:
    """Return in a line how each lane did, and up to which position it had come."""
    lanes = "  ".join(
        f"{name} [{_LANE_STYLE.get(lane.state, 'default')}]{lane.state}[/] at {lane.position}"
        + (f" ({escape(lane.reason)})" if lane.reason else "")
        for name, lane in found.lanes.items()
    )
    return f"[dim]lanes[/]  {lanes}"
