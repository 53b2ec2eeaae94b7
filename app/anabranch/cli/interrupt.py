"""Ctrl-C before, in and after a command's work; before and after, the process ends at once.

It is caught before anything else is imported, so this module imports next to nothing.
"""

from __future__ import annotations

import os
import signal

TYPE_CHECKING = False  # As in `typing`, whose import would come before Ctrl-C is caught.
if TYPE_CHECKING:
    from collections.abc import Callable

INTERRUPTED = 130
TERMINATED = 143


def end_quietly_on_interrupt() -> None:
    """Let Ctrl-C end this process at once and without a word, while it imports or ends.

    Where it is ignored it stays so.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, end)


def end(_signal: int, _frame: object) -> None:
    """End this process, as a handler of signals does."""
    os._exit(INTERRUPTED)


def on_signals(end: Callable[[], None]) -> None:
    """Have SIGTERM and Ctrl-C call `end`."""
    import asyncio

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end)
