"""`anabranch`, killed by itself at a stage: the n-th time that it changes a file or meets a process.

    python -m tests.support.killed_command STAGE DELAY_S REPORT remember "The gauge drifts"

A stage is what Python's audit hooks tell of: a file opened to be written, renamed or removed, a lock
taken, a process started, a server called. So a kill meets each moment of a start, however short, and
however fast the machine is. DELAY_S after the stage is for what no hook tells of.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Final

_CHANGES: Final = frozenset(
    {
        *("os.chmod", "os.kill", "os.link", "os.mkdir", "os.posix_spawn", "os.remove", "os.rename"),
        *("os.rmdir", "os.truncate", "fcntl.flock", "shutil.rmtree", "subprocess.Popen"),
        *("socket.bind", "socket.connect"),
    }
)
_CONNECTS_MAX: Final = 4
"""Further calls in a row wait for a server that is starting."""
_WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Stages:
    """The stages that this process has come to; at one of them it dies."""

    def __init__(self, last: int, delay_s: float, report: str) -> None:
        self._last = last
        self._delay_s = delay_s
        self._file = os.open(report, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._seen = 0
        self._connects = 0

    def watch(self, event: str, values: tuple[object, ...]) -> None:
        """Count what Python tells of, and die."""
        if not (event in _CHANGES or (event == "open" and _written(values))):
            return
        self._connects = self._connects + 1 if event == "socket.connect" else 0
        if self._connects > _CONNECTS_MAX:
            return
        self._seen += 1
        os.write(self._file, f"{self._seen} {event} {values[:1]}\n".encode())
        if self._seen != self._last:
            return
        if self._delay_s:
            threading.Timer(self._delay_s, _die).start()
        else:
            _die()


def _written(values: tuple[object, ...]) -> bool:
    path, _, flags = values
    return isinstance(flags, int) and bool(flags & _WRITES) and "__pycache__" not in str(path)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    stage, delay_s, report, *arguments = sys.argv[1:]
    sys.addaudithook(Stages(int(stage), float(delay_s), report).watch)
    from anabranch.cli import run

    sys.exit(run(arguments))
