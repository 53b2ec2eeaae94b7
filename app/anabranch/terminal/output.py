"""Output of a command: data on stdout, messages and errors on stderr."""

from __future__ import annotations

import asyncio
import re
import sys
from contextlib import contextmanager
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any, Final, TextIO, TypeVar, cast

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from pydantic import BaseModel
    from rich.console import RenderableType

    from anabranch.terminal.console import Console
    from anabranch_events.errors import AnabranchError

MOMENT_S: Final = 1.0
"""Seconds for which something may go on without a word."""
_BLANKS: Final = re.compile(r"(?<![ \t])[ \t]+\n")
_WIDTH_OF_FILES: Final = 1000
_WIDTH_OF_STORIES: Final = 100
_Item = TypeVar("_Item", bound="BaseModel")


class Output:
    """Writes as people read it, or as JSON: one object, or a line an item."""

    def __init__(self, *, json: bool) -> None:
        self.json = json

    @cached_property
    def console(self) -> Console:
        """The terminal for data; plain text when it is none."""
        from anabranch.terminal.console import Console

        if sys.stdout.isatty():
            return Console(highlight=False)
        return Console(highlight=False, width=_WIDTH_OF_FILES, file=_trimmed(sys.stdout))

    @property
    def story(self) -> Console:
        """The terminal for stories, which are for people only: with JSON it is quiet."""
        from anabranch.terminal.console import Console

        if sys.stdout.isatty():
            return Console(highlight=False, quiet=self.json)
        file = _trimmed(sys.stdout)
        return Console(highlight=False, quiet=self.json, width=_WIDTH_OF_STORIES, file=file)

    @cached_property
    def messages(self) -> Console:
        """The terminal for messages."""
        from anabranch.terminal.console import Console

        if sys.stderr.isatty():
            return Console(stderr=True, highlight=False)
        return Console(highlight=False, width=_WIDTH_OF_FILES, file=_trimmed(sys.stderr))

    def item(self, values: dict[str, Any] | BaseModel, *shown: RenderableType) -> None:
        """Write one thing: `values` as a line of JSON, or what is `shown` to people."""
        if self.json:
            write_line(_plain(values))
            return
        for part in shown:
            self.console.print(part)

    def items(
        self,
        values: Sequence[_Item],
        picture: Callable[[Sequence[_Item]], RenderableType],
        *,
        nothing: str = "There is nothing to list.",
    ) -> None:
        """Write several things: a line of JSON each, or their picture to people.

        Where there are none people read `nothing`, and not the headings of an empty table.
        """
        if not self.json:
            self.console.print(picture(values) if values else nothing, markup=bool(values))
            return
        for one in values:
            write_line(one.model_dump(mode="json"))

    def line(self, values: dict[str, Any]) -> None:
        """Write one line of JSON, whoever reads it."""
        write_line(values)

    def message(self, text: RenderableType) -> None:
        """Write a message to people; with JSON nothing is written."""
        if not self.json:
            self.messages.print(text)

    def warn(self, text: str) -> None:
        """Tell people and machines something that is no error, on stderr."""
        if self.json:
            print(warning_line(text), file=sys.stderr)  # noqa: T201  For machines.
        else:
            self.messages.print(text, style="yellow", markup=False)

    @contextmanager
    def after_a_moment(self, text: str) -> Generator[None]:
        """Tell people what is going on, if it takes longer than a second."""
        timer = asyncio.get_running_loop().call_later(MOMENT_S, self._going_on, text)
        try:
            yield
        finally:
            timer.cancel()

    def _going_on(self, text: str) -> None:
        from rich.text import Text

        self.message(Text(f"{text} ...", style="dim"))

    @contextmanager
    def progress(self, description: str, *, total: int | None) -> Generator[Callable[[int], None]]:
        """Show a bar while something long runs; call what this gives with how far it has come.

        Without `total` the bar has no end. Where there is no terminal nothing is shown.
        """
        if self.json or not self.messages.is_terminal:
            yield lambda _done: None
            return
        from anabranch.terminal.progress import bar

        with bar(self.messages) as progress:
            task = progress.add_task(description, total=total)
            yield lambda done: progress.update(task, completed=done)


class _Trimmed:
    """A file of text whose lines end where their text does: tables are padded with blanks."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """Write text without the blanks before its line ends."""
        return self._file.write(_BLANKS.sub("\n", text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _trimmed(file: TextIO) -> IO[str]:
    return cast("IO[str]", _Trimmed(file))


def warning_line(text: str) -> str:
    """Return a warning as machines read it, in a line."""
    return orjson.dumps({"warning": {"message": text}}).decode()


def write_line(values: dict[str, Any]) -> None:
    """Write one JSON object and a line end to stdout."""
    sys.stdout.buffer.write(orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE))
    sys.stdout.buffer.flush()


def write_error(error: AnabranchError, *, json: bool) -> None:
    """Write what happened and what to do to stderr."""
    if json:
        found = {"type": type(error).__name__, "message": error.message, "fix": error.fix}
        text = orjson.dumps({"error": found}).decode()
    else:
        text = f"{type(error).__name__}: {error.message}\nTo fix it: {error.fix}"
    print(_printable(text), file=sys.stderr)  # noqa: T201  This is where errors are printed.


def _plain(values: dict[str, Any] | BaseModel) -> dict[str, Any]:
    return values if isinstance(values, dict) else values.model_dump(mode="json")


def _printable(text: str) -> str:
    """Return `text` with what no terminal can show, or should obey, written out."""
    kept = "".join(
        character if character.isprintable() or character == "\n" else repr(character)[1:-1]
        for character in text
    )
    return kept.encode("utf-8", "backslashreplace").decode()
