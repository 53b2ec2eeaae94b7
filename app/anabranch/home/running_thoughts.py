"""Records of the thoughts that run: which sessions a process works on, and that it still lives.

A record is a file that its process keeps locked. The operating system lets a lock go when its
process ends, however it ends, and never before. So a record that can be locked was left behind.
A process that is merely slow, stopped or asleep is never taken for dead.

Sessions are noted before they are begun: none runs that stands in no record.
"""

from __future__ import annotations

import logging
import os
import socket
from typing import TYPE_CHECKING, Final, Self

import orjson

from anabranch.errors import HomeFull, HomeUnwritable, from_os_error
from anabranch.home.folder import Lock
from anabranch_events import new_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_SUFFIX: Final = ".thought"
_FOLDER_MODE: Final = 0o700
_log: Final = logging.getLogger("anabranch")


class RunningThought:
    """The record of a thought that this process works on; its sessions are noted in it.

    Left after its end it takes the file along. Left by an error it only lets the lock go: sessions
    that still run are then ended like those of a process that was killed. Where the
    folder cannot be written there is no record, and the thought runs without.
    """

    def __init__(self, folder: Path, *, namespace: str) -> None:
        self._folder = folder
        self._namespace = namespace
        self._path = folder
        self._lock = Lock(folder)

    def __enter__(self) -> Self:
        try:
            self._folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
            while not self._made():
                continue
        except (OSError, HomeUnwritable, HomeFull) as error:
            _log.warning("a thought runs without a record in %s: %s", self._folder, error)
            return self
        process = f"{os.getpid()} on {socket.gethostname()}"
        self._write({"namespace": self._namespace, "process": process})
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and self._lock.descriptor is not None:
            self._path.unlink(missing_ok=True)
        self._lock.release()

    def note(self, session_ids: Sequence[str]) -> None:
        """Note sessions that are about to begin."""
        self._write(list(session_ids))

    def _made(self) -> bool:
        """Make a new file and lock it; a sweep may have come between, and taken it away."""
        self._path = self._folder / f"{new_id()}{_SUFFIX}"
        self._lock = Lock(self._path)
        if not self._lock.take():
            return False
        descriptor = self._lock.descriptor
        if descriptor is not None and os.fstat(descriptor).st_nlink:
            return True
        self._lock.release()
        return False

    def _write(self, value: object) -> None:
        if self._lock.descriptor is None:
            return
        try:
            os.write(self._lock.descriptor, orjson.dumps(value) + b"\n")
            os.fsync(self._lock.descriptor)
        except OSError as error:
            _log.warning("the record of a thought in %s is not whole: %s", self._folder, error)


class LostThought:
    """The record of a thought whose process is gone; locked, so that one process ends it."""

    def __init__(self, path: Path, lock: Lock) -> None:
        self.namespace = ""
        self.process = ""
        self.session_ids: list[str] = []
        self._path = path
        self._lock = lock
        for line in path.read_bytes().splitlines():
            self._read(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def remove(self) -> None:
        """Take the record away: its sessions have ended."""
        self._path.unlink(missing_ok=True)

    def _read(self, line: bytes) -> None:
        """Read a line. One that was cut off noted sessions that never began."""
        try:
            found = orjson.loads(line)
        except orjson.JSONDecodeError:
            return
        if isinstance(found, dict):
            self.namespace = str(found.get("namespace", ""))
            self.process = str(found.get("process", ""))
        elif isinstance(found, list):
            self.session_ids += [str(each) for each in found]


def lost_thoughts(folder: Path) -> Iterator[LostThought]:
    """Yield the thoughts in a folder whose processes are gone, each to be entered."""
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        lock = Lock(path)
        try:
            if lock.take():
                yield LostThought(path, lock)
        except OSError as error:
            raise from_os_error(error, folder) from error
        finally:
            lock.release()
