"""The past as shown to people: a life in lines, a difference with its sums first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.console import Group
from rich.text import Text

from anabranch.terminal.counting import counted
from anabranch.terminal.short_id import short_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from anabranch.past.diff_model import Diff
    from anabranch.past.history import LifeEvent

_LENGTH_MAX: Final = 120
_MARKS: Final = {
    "insights_recorded": ("+", "green"),
    "insights_retired": ("-", "red"),
    "insights_forgotten": ("~", "red"),
    "associations_formed": ("+", "green"),
    "associations_ended": ("-", "red"),
    "associations_strengthened": ("↑", "green"),
    "associations_weakened": ("↓", "red"),
    "sessions_opened": ("+", "green"),
    "sessions_ended": ("■", "dim"),
    "consolidations_recorded": ("+", "green"),
    "conflicts_opened": ("!", "yellow"),
    "conflicts_resolved": ("✓", "green"),
}


def life_lines(life: Sequence[LifeEvent]) -> RenderableType:
    """Return a line an event: position, time, who, and what happened in words."""
    return Group(*map(_life_line, life))


def _life_line(event: LifeEvent) -> Text:
    line = Text(f"{event.position:>7} ", style="cyan", no_wrap=False)
    line.append(f"{event.stored_at:%Y-%m-%d %H:%M:%S} ", style="dim")
    line.append(f"{short_id(event.session_id)} ", style="dim")
    if event.agent:
        line.append(f"{event.agent}  ", style="bold")
    return line.append(event.happened)


def diff_picture(diff: Diff) -> RenderableType:
    """Return the sums of a difference, then the first of each kind."""
    head = f"{counted(diff.events, 'event')} of {diff.namespace} from {diff.after} to {diff.to}"
    parts: list[RenderableType] = [Text(head, style="bold")]
    sums = {name: count for name, count in diff.sums.items() if count}
    if not sums:
        return Group(*parts, Text("Nothing was learned in between.", style="dim"))
    width = max(len(f"{count:,}") for count in sums.values())
    parts += [Text(f"  {count:>{width},}  {_title(name)}") for name, count in sums.items()]
    for name in _MARKS:
        items = getattr(diff, name)
        if not items:
            continue
        parts.append(Text(f"\n{_title(name)}", style="bold"))
        parts += [_item_line(name, item) for item in items]
        if diff.sums[name] > len(items):
            parts.append(Text(f"  and {diff.sums[name] - len(items):,} more", style="dim"))
    return Group(*parts)


def _title(name: str) -> str:
    return name.replace("_", " ")


def _item_line(kind: str, item: Any) -> Text:
    mark, style = _MARKS[kind]
    line = Text(f"  {mark} ", style=style)
    line.append(f"{item.position:>7} ", style="cyan")
    values = item.model_dump()
    line.append(_said(kind, values))
    shown = values.get("insight_id")
    return line.append(f"  {short_id(shown)}", style="dim") if shown else line


def _said(kind: str, item: dict[str, Any]) -> str:
    if "from_id" in item:
        said = f"{short_id(item['from_id'])} → {short_id(item['to_id'])}  {item['kind']}"
        counts = (f"{item[name]} {name}" for name in ("useful", "rejected") if item[name])
        return "  ".join([said, *counts])
    if "insights" in item:
        sides = " against ".join(map(short_id, item["insights"]))
        decided = f"  resolved: {item['decision']}" if kind == "conflicts_resolved" else ""
        return f"{sides}: {item['subject']}{decided}"
    text = " ".join(str(item.get("task") or item.get("text") or "(forgotten)").split())
    before = item.get("status") or item.get("reason")
    after = f"  by {short_id(item['by'])}" if item.get("by") else ""
    if len(text) > _LENGTH_MAX:
        text = text[: _LENGTH_MAX - 1] + "…"
    return f"{before}: {text}{after}" if before else text + after
