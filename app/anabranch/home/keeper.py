"""The keeper: a detached process that takes over a home, seen from the owner that starts it.

Its parent passes it the owner's lock, so that the lock is never free in between, and one end of a
line. The keeper says there that it is ready to start the servers, and starts them when the other
end is closed. So an owner that leaves ends its own servers as late as it can. If it is killed
meanwhile, that closes its end too.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from anabranch.home.folder import Home, Lock
    from anabranch.settings import Settings

COMMAND: Final = "keep"
MODULE: Final = "anabranch.service.keep"
READY: Final = b"ready"
_DETACH: Final = '"$@" &'
"""The shell ends at once, so that the keeper is nobody's child: no parent has to wait for it."""


class KeeperLine:
    """The line to a keeper that was started."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._line.setblocking(False)

    @property
    def answered(self) -> bool:
        """True once the keeper is ready, or has ended: nobody waits for it any longer."""
        try:
            self._line.recv(len(READY))
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def close(self) -> None:
        """Have the keeper start the servers; it ends instead where nobody is joined any more."""
        self._line.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def start_keeper(home: Home, settings: Settings, *, owner: Lock) -> KeeperLine:
    """Start a keeper that holds `owner`, the lock, together with this process.

    Raises OSError when no process can be started.
    """
    assert owner.descriptor is not None  # noqa: S101 - only who holds the lock may hand it on.
    ours, theirs = socket.socketpair()
    try:
        with theirs, _log_of(home) as log:
            passed = (owner.descriptor, theirs.fileno())
            command = (sys.executable, "-P", "-m", MODULE, *map(str, passed))
            subprocess.run(
                ["/bin/sh", "-c", _DETACH, "anabranch-keep", *command],
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=home.folder,
                env={**os.environ, **settings.environment()},
                pass_fds=passed,
                start_new_session=True,
            )
    except BaseException:
        ours.close()
        raise
    return KeeperLine(ours)


def _log_of(home: Home) -> IO[bytes]:
    """Open the keeper's log; on a disk that has no room for it, nothing is logged."""
    with suppress(OSError):
        descriptor = os.open(home.keeper_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return os.fdopen(descriptor, "wb")
    return open(os.devnull, "wb")  # noqa: PTH123 - a device, no path of ours.
