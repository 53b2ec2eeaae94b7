"""The reasons for a hit's place, as the sum that its score is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.markup import escape

from anabranch.terminal.short_id import short_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anabranch_recall import Hit, Recollection

_SHOWN_MAX: Final = 5


def why_text(hit: Hit) -> str:
    """Return the parts of a score as a sum, and below it the associations behind `linked`."""
    found = [part for part in parts(hit) if round(part[1], 4)]
    total = " ".join(f"{amount:+z.3f} {name}" for name, amount in found).removeprefix("+")
    lines = [f"{hit.score:z.3f} = {total}"]
    lines += [
        f"{one.kind} {short_id(one.insight_id)}, weight {one.weight:.2f}, position {one.position}"
        for one in hit.why.associations[:_SHOWN_MAX]
    ]
    left = len(hit.why.associations) - _SHOWN_MAX
    if left > 0:
        lines.append(f"and {left} more associations")
    events = ", ".join(map(str, hit.why.events[:_SHOWN_MAX]))
    lines.append(f"by the events at {events}" if len(hit.why.events) > 1 else "")
    return "\n".join(line for line in lines if line)


def parts(hit: Hit) -> Iterator[tuple[str, float]]:
    """Give each part of a score by its name: their sum is the score."""
    why = hit.why
    yield from why.lanes.items()
    yield "session", why.session
    yield "length", why.length
    yield from why.priors.items()
    yield f"path through {', '.join(why.entities)}" if why.entities else "path", why.path
    yield "linked", why.linked


def lane_lines(found: Recollection) -> str:
    """Return a line for each lane: its state, its position, its time, and the reason for it."""
    return "\n".join(
        f"[dim]lane[/] {name:<12} {lane.state:<7} at {lane.position}  {lane.duration_ms:.1f} ms"
        + (f"  {escape(lane.reason)}" if lane.reason else "")
        for name, lane in found.lanes.items()
    )
