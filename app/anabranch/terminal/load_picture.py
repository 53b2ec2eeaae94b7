"""The picture of a load, and the keys that end it where it is live."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.live import Live
from rich.text import Text

from anabranch.terminal.listing import listing
from anabranch.terminal.short_id import short_id
from anabranch.terminal.thought_tree import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from rich.console import Console, RenderableType

    from anabranch.memory.thinking.load import Load, WorkerLoad

_RUNNING_SHOWN: Final = 6
_SILENT_S: Final = 1.0


def load_picture(load: Load) -> RenderableType:
    """Return a load as a picture: priorities, rates, workers."""
    priorities = listing("priority")
    for name in ("waiting", "in flight", "oldest waiting"):
        priorities.add_column(name, justify="right")
    for one in load.priorities:
        waited = "-" if one.oldest_waiting_s is None else duration(one.oldest_waiting_s)
        priorities.add_row(one.priority, f"{one.waiting:,}", f"{one.in_flight:,}", waited)
    workers = listing("worker", "busy", "heard", "running")
    for each in load.workers:
        workers.add_row(*_worker(each))
    more = [Text("There are more tasks than were looked at.", style="yellow")] if load.more else []
    none = [] if load.workers else [Text("No worker answers.", style="dim")]
    return Group(priorities, *more, Text(""), Text(_rates(load)), Text(""), workers, *none)


def _worker(one: WorkerLoad) -> tuple[RenderableType, ...]:
    silent = one.silent_s > _SILENT_S
    heard = f"{duration(one.silent_s)} ago" if silent else "now"
    running = " ".join(map(short_id, one.running[:_RUNNING_SHOWN]))
    left = len(one.running) - _RUNNING_SHOWN
    return (
        Text(one.worker),
        f"{one.busy}/{one.slots}" + (" draining" if one.draining else ""),
        Text(heard, style="red" if silent else ""),
        running + (f" and {left} more" if left > 0 else ""),
    )


def _rates(load: Load) -> str:
    if load.ended_per_s is None:
        return "Ended a second: not known after one look"
    told = ", ".join(f"{kind} {rate:.1f}" for kind, rate in load.ended_per_s.items() if rate)
    return f"Ended a second: {told or 'none'}"


@contextmanager
def live_picture(console: Console | None) -> Generator[Callable[[Load], None]]:
    """Give what shows a load on a screen of its own; without a console nothing is shown."""
    if console is None:
        yield lambda _load: None
        return
    with Live(console=console, screen=True, auto_refresh=False) as live:
        yield lambda load: live.update(load_picture(load), refresh=True)


@contextmanager
def keys_that_end(end: Callable[[], None]) -> Generator[None]:
    """Have `q` and Ctrl-D call `end`, where stdin is a terminal; its mode is restored after."""
    if not sys.stdin.isatty():
        yield
        return
    import termios
    import tty

    stdin, loop = sys.stdin.fileno(), asyncio.get_running_loop()
    before = termios.tcgetattr(stdin)

    def pressed() -> None:
        keys = os.read(stdin, 64)
        if not keys or b"q" in keys or b"\x04" in keys:
            loop.remove_reader(stdin)
            end()

    tty.setcbreak(stdin)
    loop.add_reader(stdin, pressed)
    try:
        yield
    finally:
        loop.remove_reader(stdin)
        termios.tcsetattr(stdin, termios.TCSADRAIN, before)
