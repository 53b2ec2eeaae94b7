"""Picture of a running thought: a tree that grows on a terminal, plain lines elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Final, Self

from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from anabranch.terminal.counting import counted
from anabranch_events.event.types import (
    BranchCancelled,
    BranchCompleted,
    BranchCreated,
    BranchDeadLettered,
    BranchFailed,
    BranchStarted,
    SessionOpened,
)

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from anabranch_events import Event
    from anabranch_thinking import Thought

_REFRESHES_A_SECOND: Final = 20
_ROLE_WIDTH: Final = 19
_FRAMES: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_FOUND_LENGTH_MAX: Final = 400


@dataclass
class _Branch:
    """One branch, as far as it has come."""

    task: str
    role: str
    status: str = "pending"
    begun: float = 0.0
    seconds: float | None = None
    found: str = ""
    branches: list[str] = field(default_factory=list)


class ThoughtPicture:
    """Watches a thought's events; shows them on `console`, or nowhere when it is None.

    Give it to `think` as `on_event`, and keep it open by `with` meanwhile.
    """

    def __init__(self, console: Console | None) -> None:
        self._console = console
        self._branches: dict[str, _Branch] = {}
        self._root: _Branch | None = None
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self._console is not None and self._console.is_terminal:
            self._live = Live(
                get_renderable=self._tree,
                console=self._console,
                refresh_per_second=_REFRESHES_A_SECOND,
                vertical_overflow="crop",
            )
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def __call__(self, event: Event, _position: int) -> None:
        """Take in one event of the thought."""
        match event.data:
            case SessionOpened() as data:
                self._root = _Branch(data.task, "")
            case BranchCreated() as data:
                self._fork(event.session_id, data)
            case BranchStarted():
                self._begin(event.session_id)
            case BranchCompleted() as data:
                found = data.insights[0].text if data.insights else data.result
                self._end(event.session_id, "completed", found)
            case BranchFailed(will_retry=True) as data:
                self._end(event.session_id, "pending", f"to be tried again: {data.error}")
            case BranchFailed() as data:
                self._end(event.session_id, "failed", data.error)
            case BranchCancelled() as data:
                self._end(event.session_id, "cancelled", data.reason)
            case BranchDeadLettered() as data:
                self._end(event.session_id, "failed", data.reason.partition("\n")[0])
            case _:
                pass

    def _fork(self, session_id: str, data: BranchCreated) -> None:
        self._branches[session_id] = _Branch(data.task, data.role or "")
        parent = self._branches.get(data.parent_id) or self._root
        if parent is None:
            parent = self._root = _Branch("", "")
        parent.branches.append(session_id)

    def _begin(self, session_id: str) -> None:
        branch = self._branches.get(session_id)
        if branch is not None:
            branch.status, branch.begun = "running", perf_counter()
            branch.seconds, branch.found = None, ""

    def _end(self, session_id: str, status: str, found: str) -> None:
        branch = self._branches.get(session_id)
        if branch is None:
            return
        branch.status = status
        branch.seconds = perf_counter() - branch.begun if branch.begun else 0.0
        branch.found = " ".join(found[:_FOUND_LENGTH_MAX].split())
        if self._console is not None and self._live is None:
            self._console.print(_plain(branch), no_wrap=True, overflow="ellipsis")

    def _tree(self) -> RenderableType:
        if self._root is None:
            return Text("")
        tree = Tree(Text(_one_line(self._root.task), style="bold"), guide_style="dim")
        self._grow(tree, self._root)
        return Padding(tree, (0, 0, 0, 2))

    def _grow(self, tree: Tree, branch: _Branch) -> None:
        for session_id in branch.branches:
            child = self._branches[session_id]
            self._grow(tree.add(_row(child)), child)


def _row(branch: _Branch) -> Table:
    """Return a branch in a line: how it is, from which side, what it asks or found, how long."""
    row = Table.grid(padding=(0, 1), expand=True)
    row.add_column(width=1)
    row.add_column(width=_ROLE_WIDTH, no_wrap=True)
    row.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    row.add_column(width=8, justify="right", style="dim", no_wrap=True)
    row.add_row(_mark(branch), Text(branch.role, style="bold"), _said(branch), _took(branch))
    return row


def _mark(branch: _Branch) -> Text:
    if branch.status == "running":
        frame = _FRAMES[int(perf_counter() * 12) % len(_FRAMES)]
        return Text(frame, style="yellow")
    mark, style = {
        "completed": ("✓", "green"),
        "failed": ("✗", "red"),
        "cancelled": ("⊘", "dim"),
    }.get(branch.status, ("○", "dim"))
    return Text(mark, style=style)


def _said(branch: _Branch) -> Text:
    if branch.found:
        return Text(branch.found, style="red" if branch.status == "failed" else "")
    return Text(_one_line(branch.task), style="dim")


def _took(branch: _Branch) -> str:
    if branch.seconds is not None:
        return duration(branch.seconds)
    return duration(perf_counter() - branch.begun) if branch.status == "running" else ""


def _plain(branch: _Branch) -> Text:
    line = Text.assemble("  ", _mark(branch), f" {branch.role}")
    line.append(f" ({_took(branch)}): ", style="dim")
    return line.append(branch.found)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def duration(seconds: float) -> str:
    """Return a duration as people read it: `42 ms`, `1.3 s`, `2 min 5 s`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


def timing(thought: Thought) -> str:
    """Return in a line how long the branches took together, and what their times add up to."""
    together, added = thought.parallel_ms / 1000, thought.sequential_ms / 1000
    if thought.total_branches == 1:
        return f"1 branch took {duration(together)}"
    return (
        f"{counted(thought.total_branches, 'branch', 'branches')} took {duration(together)} side by side; "
        f"their times add up to {duration(added)}"
    )


def outcome(thought: Thought) -> list[RenderableType]:
    """Return what a thought came to: the consolidation, and how long it took."""
    if thought.consolidation is None:
        made: list[RenderableType] = [Text("The branches found nothing.", style="yellow")]
    else:
        sources = len(thought.consolidation.sources)
        made = [
            Text(thought.consolidation.text),
            Text(f"from {counted(sources, 'insight')}", style="dim"),
        ]
    return [*made, Text(timing(thought), style="dim"), Text(f"session {thought.session_id}")]
