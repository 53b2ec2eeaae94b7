"""The standard streams of a command: text that any terminal takes, and a quiet Ctrl-C.

A terminal or a pipe that does not take UTF-8 gets our marks as ASCII, and of any other character
its code.
"""

from __future__ import annotations

import codecs
import io
import os
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from anabranch.cli.interrupt import TERMINATED, end

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

PIPE_CLOSED: Final = 141
"""The exit code of a command whose reader has gone."""
_ERRORS: Final = "anabranch.terminal"
_AS_ASCII: Final = {
    "✓": "+",
    "✗": "x",
    "●": "*",
    "○": "o",
    "◐": "~",
    "⊘": "-",
    "➜": ">",
    "→": "->",
    "■": "#",
    "█": "#",
    "↑": "^",
    "↓": "v",
    "·": "-",
    "…": "...",
    "—": "--",
    "–": "-",  # noqa: RUF001  The dash itself is meant.
    "“": '"',
    "”": '"',
    "‘": "'",  # noqa: RUF001  As above.
    "’": "'",  # noqa: RUF001  As above.
    **dict.fromkeys("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "~"),
}


def prepare_streams() -> None:
    """Have stdout and stderr take every character, whatever their encoding is."""
    codecs.register_error(_ERRORS, _as_ascii)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not _takes_all(stream):
            stream.reconfigure(errors=_ERRORS)


def _takes_all(stream: io.TextIOWrapper) -> bool:
    return codecs.lookup(stream.encoding).name.startswith("utf")


def _as_ascii(error: UnicodeError) -> tuple[str, int]:
    """Return what stands for characters that an encoding lacks: a mark as ASCII, else the code."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    written = "".join(_AS_ASCII.get(one) or ascii(one)[1:-1] for one in lacking)
    return written, error.end


def finish(code: int, *, text: str = "") -> None:
    """End this process with an exit code, once its output is written, and `text` after it."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        code = PIPE_CLOSED
        silence()
    raise SystemExit(code)


def silence() -> None:
    """Send what is still to be written nowhere: whoever read it has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def given_arguments(arguments: Sequence[str]) -> list[str]:
    """Return the arguments as they were typed: in a locale of ASCII they are UTF-8 all the same."""
    return [_typed(one) for one in arguments]


def _typed(argument: str) -> str:
    if not any("\ud800" <= character <= "\udfff" for character in argument):
        return argument
    try:
        return os.fsencode(argument).decode("utf-8")
    except UnicodeError:
        return argument


@contextmanager
def interruptible() -> Generator[None]:
    """Let Ctrl-C be an interrupt meanwhile, which what runs can clean up after."""
    if signal.getsignal(signal.SIGINT) is not end:
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, end)


@contextmanager
def terminable() -> Generator[None]:
    """Have SIGTERM cancel the task that runs the block, as Ctrl-C does; it exits with 143 then.

    The next one ends the process at once.
    """
    import asyncio

    loop, running = asyncio.get_running_loop(), asyncio.current_task()
    assert running is not None  # noqa: S101 - a coroutine that runs is a task's.
    asked = False

    def cancel() -> None:
        nonlocal asked
        asked = True
        loop.remove_signal_handler(signal.SIGTERM)
        running.cancel()

    loop.add_signal_handler(signal.SIGTERM, cancel)
    try:
        yield
    except asyncio.CancelledError:
        if not asked:
            raise
        running.uncancel()
        raise SystemExit(TERMINATED) from None
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
