"""The one process that writes an index: its lock, and the name under which others may ask it."""

from __future__ import annotations

import fcntl
import re
import secrets
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

LOCK: Final = "writer.lock"
_NAME: Final = re.compile(rb"[0-9a-f]{32}")


def locked(folder: Path) -> IO[bytes] | None:
    """Return the lock of the one that writes, None when another process has it."""
    lock = (folder / LOCK).open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    return lock


def named(lock: IO[bytes]) -> str:
    """Write a new name into a lock that is held, and return it."""
    name = secrets.token_hex(16)
    lock.truncate(0)
    lock.write(name.encode())
    lock.flush()
    return name


def writer_of(folder: Path) -> str | None:
    """Return the name of the one that wrote last, None where nobody did. It may be gone."""
    try:
        found = (folder / LOCK).read_bytes()
    except OSError:
        return None
    return found.decode() if _NAME.fullmatch(found) else None
