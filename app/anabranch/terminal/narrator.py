"""A story in chapters, on a console. On a terminal long work shows how far it is."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.text import Text

from anabranch.terminal.progress import bar
from anabranch.terminal.thought_tree import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from rich.console import Console, RenderableType


class Story:
    """Writes chapters on a console; on a terminal what is long shows how far it is."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._chapter = 0

    def title(self) -> None:
        """Say what this is."""
        self.console.print()
        self.console.print(
            Text.assemble(("anabranch", "bold cyan"), "  memory for sessions that branch")
        )

    def chapter(self, heading: str) -> None:
        """Begin the next chapter."""
        self._chapter += 1
        self.console.print()
        self.console.print(Text.assemble((f"{self._chapter} ", "cyan"), (heading, "bold")))

    def line(self, text: str | Text) -> None:
        """Write a line."""
        self.show(Text(text) if isinstance(text, str) else text)

    def took(self, text: str, seconds: float) -> None:
        """Write what was done, and how long that took."""
        self.line(Text.assemble(text, ("  ", ""), (duration(seconds), "cyan")))

    def quote(self, lines: Sequence[str]) -> None:
        """Write lines that are somebody's words."""
        for line in lines:
            self.console.print(Padding(Text(line, style="italic"), (0, 0, 0, 5), expand=False))

    def points(self, lines: Sequence[str]) -> None:
        """Write texts a line each, cut where the line ends."""
        for line in lines:
            text = Text(" ".join(line.split()), no_wrap=True, overflow="ellipsis")
            self.console.print(Padding(text, (0, 0, 0, 4), expand=False))

    def pair(self, link: str, one: str, other: str) -> None:
        """Write two texts that belong together, and how."""
        self.line(Text(link, "cyan"))
        self.points([one, other])

    def show(self, content: RenderableType) -> None:
        """Write anything, indented as the text is."""
        self.console.print(Padding(content, (0, 0, 0, 2), expand=False))

    @contextmanager
    def bar(self, description: str, *, total: int) -> Generator[Callable[[int], None]]:
        """Show how far something long is; call what this gives with how far it has come."""
        if not self.console.is_terminal:
            yield lambda _done: None
            return
        with bar(self.console) as progress:
            task = progress.add_task(f"  {description}", total=total)
            yield lambda done: progress.update(task, completed=done)

    @contextmanager
    def waiting(self, description: str) -> Generator[None]:
        """Show that something is going on."""
        if not self.console.is_terminal:
            yield
            return
        with self.console.status(description):
            yield

    def end(self, seconds: float, *, home: Path | None) -> None:
        """Say how long it took, and where to go next."""
        self.console.print()
        self.console.print(Text(f"All that took {duration(seconds)}.", style="bold"))
        if home is None:
            self.console.print(
                Text("Its home is gone again; `anabranch demo --keep` leaves it.", style="dim")
            )
            return
        self.console.print(Text.assemble("Its home stays: ", (str(home), "cyan")))
        self.console.print(
            Text(f"Ask it: anabranch recall 'What helps Kenta?' -N demo --home {home}")
        )
