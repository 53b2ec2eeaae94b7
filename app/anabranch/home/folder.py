"""The folder in which a memory lives: what lies where, and who may open it.

Locks are advisory locks of the operating system (flock). They end with the process that holds
them, however it ends, so a stale file is known by its lock being free.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, Final, Self

from anabranch.errors import from_os_error

if TYPE_CHECKING:
    from pathlib import Path

_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600
_PAUSE_S: Final = 0.02


class Home:
    """The places of things in the folder of a memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.graph = folder / "graph"
        self.recall_index = folder / "recall-index"
        self.generation = folder / "generation"
        self.thoughts = folder / "thoughts"
        self.jobs = folder / "jobs"
        self.runtime = folder / "runtime.json"
        self.previous = folder / "runtime.previous.json"
        self.paused = folder / "paused"
        self.service_log = folder / "up.log"
        self.keeper_log = folder / "keep.log"
        self.credentials = folder / "tenants.json"
        self.keys = folder / "keys.json"
        self.spans = folder / "spans"
        self.passing = folder / "passing"
        self.erased = folder / "erased.json"
        self.unknown_records = folder / "unknown-records.json"
        self.keys_lock = folder / "keys.lock"
        self.owner_lock = folder / "owner.lock"
        self.joined_lock = folder / "joined.lock"
        self.passing_lock = folder / "passing.lock"
        self.rebuild_lock = folder / "rebuild.lock"

    def graph_of(self, log_url: str | None) -> Path:
        """Return the folder of the graph that is projected from the log at `log_url`.

        The graph of another log never shares a folder with that of the home's own (None).
        """
        if log_url is None:
            return self.graph
        return self.folder / f"graph-{hashlib.sha256(log_url.encode()).hexdigest()[:12]}"

    def prepare(self) -> None:
        """Make the folder, for its owner's eyes only.

        Raises HomeUnwritable or HomeFull where it cannot be made or written.
        """
        try:
            self.folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
            self.folder.chmod(_FOLDER_MODE)
            with tempfile.TemporaryFile(dir=self.folder) as probe:
                probe.write(b"\0" * 4096)
                probe.flush()
        except OSError as error:
            raise from_os_error(error, self.folder) from error

    def retire_runtime(self) -> None:
        """Take the runtime file away, so that nobody joins; its ports stay known.

        A renaming needs no room. Raises HomeUnwritable.
        """
        try:
            with suppress(FileNotFoundError):
                self.runtime.replace(self.previous)
        except OSError as error:
            raise from_os_error(error, self.folder) from error

    def pause(self) -> None:
        """Note that an operator ended the servers: those who joined wait, and start none."""
        with suppress(OSError):  # On a full disk they start some: better than nothing.
            self.paused.touch(_FILE_MODE)

    def resume(self) -> None:
        """Note that servers run again."""
        with suppress(OSError):
            self.paused.unlink()

    def replace(self, path: Path, content: bytes) -> None:
        """Write `content` to a file of this home: all of it or none, whatever happens between.

        It is written beside that file, under one name: what a kill left there, passwords perhaps,
        is gone with the next writing. Raises HomeUnwritable or HomeFull.
        """
        beside = path.with_name(f".{path.name}.next")
        try:
            with _alone(beside) as file:
                try:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                    os.replace(beside, path)  # noqa: PTH105  Path.replace would need a Path of it.
                except BaseException:
                    beside.unlink()
                    raise
        except OSError as error:
            raise from_os_error(error, self.folder) from error


def _alone(path: Path) -> BinaryIO:
    """Open an empty file to be written, with a lock: others who do the same wait for their turn."""
    while True:
        file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE), "wb")
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if path.stat().st_ino == os.fstat(file.fileno()).st_ino:
                file.truncate(0)
                return file
        except FileNotFoundError:
            pass  # The one before us has given the file its name.
        except BaseException:
            file.close()
            raise
        file.close()


class Lock:
    """A lock on a file, held until it is released or this process ends.

    It is held together with a process to which its descriptor was passed, until both let it go.
    """

    def __init__(self, path: Path, *, shared: bool = False) -> None:
        self._path = path
        self._shared = shared
        self._descriptor: int | None = None

    @classmethod
    def passed(cls, path: Path, descriptor: int) -> Self:
        """Return the lock on `path` that the process before passed to this one as `descriptor`."""
        lock = cls(path)
        os.set_inheritable(descriptor, False)
        lock._descriptor = descriptor
        return lock

    @property
    def descriptor(self) -> int | None:
        """The descriptor by which another process holds the lock too; None while it is free."""
        return self._descriptor

    def take(self) -> bool:
        """Try to take the lock now; say whether it is held.

        Raises HomeUnwritable or HomeFull where the file cannot be opened.
        """
        if self._descriptor is not None:
            return True
        try:
            descriptor = self._opened()
        except OSError as error:
            raise from_os_error(error, self._path.parent) from error
        try:
            fcntl.flock(
                descriptor, (fcntl.LOCK_SH if self._shared else fcntl.LOCK_EX) | fcntl.LOCK_NB
            )
        except BlockingIOError:
            os.close(descriptor)
            return False
        except OSError as error:
            os.close(descriptor)
            raise from_os_error(error, self._path.parent) from error
        self._descriptor = descriptor
        return True

    def _opened(self) -> int:
        """Open the file. A shared lock needs no right to write, nor room, where the file is."""
        if self._shared:
            with suppress(FileNotFoundError):
                return os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)

    async def wait(self, timeout_s: float) -> bool:
        """Take the lock as soon as it is free, within `timeout_s`; say whether it is held."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while not self.take():
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(_PAUSE_S)
        return True

    def release(self) -> None:
        """Let the lock go; a lock that is not held stays as it is."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def held(path: Path) -> bool:
    """Say whether any process holds the lock on `path` for itself alone. Nothing is written."""
    if not path.exists():
        return False
    with Lock(path, shared=True) as lock:
        return not lock.take()
