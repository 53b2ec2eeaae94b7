"""The guard of one command: it ends all that came of it, once the command or its starter is gone.

It is run as a script, with one end of a line whose other end its starter holds. The operating
system cuts that line when the starter ends, however it ends. Processes that lost their parents
become the guard's own children, also those that left the command's session: none is missed.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

SET_CHILD_SUBREAPER: Final = 36
GRACE_S: Final = 1.0
NOT_STARTED: Final = 127
_PAUSE_S: Final = 0.01
_READ: Final = 64


def main(line: int, argv: list[str]) -> NoReturn:
    """Run `argv`; end as it ends, and with it all that it left. `line` is cut to end it early."""
    os.set_inheritable(line, False)
    ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, _noted)
    signal.signal(signal.SIGTERM, _noted)  # It is for the command, which is in the same group.
    command = _started(argv)
    status = None
    while status is None:
        ready, _, _ = select.select([woken, line], [], [])
        if line in ready:
            break
        os.read(woken, _READ)
        status = _reaped().get(command)
    _end_all()
    _end_like(status)


def _noted(*_: object) -> None:
    """Let the wait for something to happen come to an end."""


def _started(argv: list[str]) -> int:
    """Start the command with our streams, which are then its alone."""
    command = os.fork()
    if command:
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nothing, stream)
        return command
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - the command is the user's own, and no shell is wanted.
    except OSError as error:
        os.write(2, f"cannot be started: {error}\n".encode())
    os._exit(NOT_STARTED)


def _reaped() -> dict[int, int]:
    """Return the children that ended, with how."""
    found: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        found[pid] = status


def _end_all() -> None:
    """End all descendants: asked first, then killed, until there are none."""
    deadline = time.monotonic() + GRACE_S
    asked: set[int] = set()
    while descendants := set(_below(os.getpid(), _parents())):
        late = time.monotonic() >= deadline
        for pid in descendants if late else descendants - asked:
            _signal(pid, signal.SIGKILL if late else signal.SIGTERM)
        asked |= descendants
        time.sleep(_PAUSE_S)
        _reaped()


def _parents() -> dict[int, list[int]]:
    """Return the children of every process."""
    found: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - to import pathlib takes longer than all else.
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123 - as above.
                    parent = int(file.read().rpartition(b")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue  # It has ended meanwhile.
            found.setdefault(parent, []).append(int(name))
    return found


def _below(pid: int, children: dict[int, list[int]]) -> Iterator[int]:
    for child in children.get(pid, ()):
        yield child
        yield from _below(child, children)


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _end_like(status: int | None) -> NoReturn:
    """End with the code of the command, or by the signal that ended it."""
    if status is None:
        os._exit(NOT_STARTED)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number not in {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
