"""A command on a terminal of a given width: its output in the form in which a person sees it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.fixtures.memory import CommandLine

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_a_terminal(line: CommandLine, *arguments: str, columns: int) -> str:
    """Run a command on a terminal of its own; return what it shows, without colours."""
    sizes = {"COLUMNS", "LINES"}  # They would count more than the terminal's own.
    environment = {name: one for name, one in line.environment.items() if name not in sizes}
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    running = subprocess.Popen(
        line.command(*arguments),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        env={**environment, "TERM": "xterm", "NO_COLOR": "1"},
    )
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # The other end is closed.
        while piece := os.read(ours, 65_536):
            shown += piece
    os.close(ours)
    assert running.wait() == 0, shown
    return _ESCAPES.sub("", shown.decode()).replace("\r\n", "\n")
