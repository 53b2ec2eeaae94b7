"""Ctrl-C before and after a command's work: the process ends at once, without a word.

It is caught before anything else is imported, so this module imports next to nothing.
"""

from __future__ import annotations

import os
import signal

INTERRUPTED = 130


def end_quietly_on_interrupt() -> None:
    """Let Ctrl-C end this process at once and without a word, while it imports or ends.

    Where it is ignored it stays so.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, end)


def end(_signal: int, _frame: object) -> None:
    """End this process, as a handler of signals does."""
    os._exit(INTERRUPTED)
