"""Sessions as shown to people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from anabranch.terminal.listing import listing
from anabranch.terminal.short_id import short_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from anabranch.views import SessionView

_WIDE: Final = 110
_INDENTS_MAX: Final = 8

MARKS: Final = {
    "open": ("●", "cyan"),
    "pending": ("○", "dim"),
    "running": ("◐", "yellow"),
    "completed": ("✓", "green"),
    "failed": ("✗", "red"),
    "cancelled": ("⊘", "dim"),
    "dead_lettered": ("✗", "red"),
    "handed_off": ("➜", "magenta"),
    "closed": ("■", "dim"),
}


def session_line(view: SessionView) -> Text:
    """Return a session in a line: its status, its role, its task and the end of its id."""
    mark, style = MARKS.get(view.status, ("?", "default"))
    line = Text(f"{mark} ", style=style)
    if view.role:
        line.append(f"{view.role}  ", style="bold")
    line.append(" ".join(view.task.split()))
    line.append(f"  {short_id(view.session_id)}", style="dim")
    return line


def session_panel(view: SessionView) -> RenderableType:
    """Return everything about one session."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    fields = view.model_dump(mode="json", exclude={"working_memory", "insights"}, exclude_none=True)
    for name, value in fields.items():
        table.add_row(name, Text(str(value)))
    for key, value in (view.working_memory or {}).items():
        table.add_row("note", Text(f"{key} = {value}"))
    for insight in view.insights or ():
        said = Text("(forgotten)" if insight.text is None else insight.text)
        table.add_row(insight.kind, said.append(f"  {short_id(insight.insight_id)}", style="dim"))
    return table


def sessions_table(views: Sequence[SessionView]) -> RenderableType:
    """Return sessions as a table."""
    return _Sessions(views)


class _Sessions:
    """Sessions, the id of each to be typed: whole where there is room, else its end."""

    def __init__(self, views: Sequence[SessionView]) -> None:
        self._views = views

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        del console  # Its width is in the options.
        if options.max_width >= _WIDE:
            yield _wide(self._views)
        else:
            for view in self._views:
                yield from _narrow(view)


def _wide(views: Sequence[SessionView]) -> Table:
    table = listing("session", "status", "role", "opened", no_wrap=True)
    table.add_column("task", overflow="ellipsis", no_wrap=True)
    for view in views:
        task = Text(" ".join(view.task.split()))
        table.add_row(view.session_id, _status(view), Text(view.role or ""), _opened(view), task)
    return table


def _narrow(view: SessionView) -> Iterator[Text]:
    """Yield two lines: the end of the id and how the session is, then its task."""
    line = Text(f"{short_id(view.session_id)}  ", no_wrap=True, overflow="ellipsis")
    line.append_text(_status(view)).append(f"  {_opened(view)}", style="dim")
    yield line.append(f"  {view.role}" if view.role else "")
    task = " ".join(view.task.split())
    yield Text(f"          {task}", no_wrap=True, overflow="ellipsis")


def _status(view: SessionView) -> Text:
    mark, style = MARKS.get(view.status, ("?", "default"))
    return Text(f"{mark} {view.status}", style=style)


def _opened(view: SessionView) -> str:
    return f"{view.opened_at:%Y-%m-%d %H:%M}" if view.opened_at else ""


def session_tree(views: Sequence[SessionView]) -> RenderableType:
    """Return a thought as a tree; parents stand before their branches in `views`.

    Where it is deeper than a terminal is wide, lines go on below one another and say how deep.
    """
    nodes: dict[str, tuple[Tree, int]] = {}
    roots: list[RenderableType] = []
    for view in views:
        line = session_line(view)
        if view.parent_id not in nodes:
            nodes[view.session_id] = (Tree(line, guide_style="dim"), 0)
            roots.append(nodes[view.session_id][0])
            continue
        parent, depth = nodes[view.parent_id]
        if depth < _INDENTS_MAX:
            nodes[view.session_id] = (parent.add(line), depth + 1)
        else:
            parent.add(Text.assemble((f"{depth + 1} deep  ", "dim"), line))
            nodes[view.session_id] = (parent, depth + 1)
    return Group(*roots)
