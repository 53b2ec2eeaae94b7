"""A folder below the home for what is written out for a moment, for its owner's eyes only.

Writers hold its lock together. Leftovers of a killed process are dropped by the next one that
finds the lock free.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from anabranch.errors import HomeBusy, from_os_error
from anabranch.home.folder import Lock

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from anabranch.home.folder import Home

_CLEARED_MAX_S: Final = 60.0
_PAUSE_S: Final = 0.02


@asynccontextmanager
async def passing_folder(home: Home) -> AsyncGenerator[Path]:
    """Give an empty folder that is gone with all in it afterwards.

    Raises HomeUnwritable, HomeFull, and HomeBusy while another process takes long to clear it.
    """
    home.prepare()
    await asyncio.to_thread(clear_passing, home)
    with Lock(home.passing_lock, shared=True) as lock:
        if not await lock.wait(_CLEARED_MAX_S):
            raise _busy(home)
        with _made(home) as folder:
            yield folder


@contextmanager
def passing_folder_here(home: Home) -> Generator[Path]:
    """Give such a folder to a reader without an event loop; raises as `passing_folder` does."""
    home.prepare()
    clear_passing(home)
    deadline = time.monotonic() + _CLEARED_MAX_S
    with Lock(home.passing_lock, shared=True) as lock:
        while not lock.take():
            if time.monotonic() >= deadline:
                raise _busy(home)
            time.sleep(_PAUSE_S)
        with _made(home) as folder:
            yield folder


def _busy(home: Home) -> HomeBusy:
    return HomeBusy(
        f"{home.passing} is being cleared by another process", fix="try again in a moment"
    )


@contextmanager
def _made(home: Home) -> Generator[Path]:
    try:
        home.passing.mkdir(mode=0o700, exist_ok=True)
        made = tempfile.TemporaryDirectory(dir=home.passing)
    except OSError as error:
        raise from_os_error(error, home.folder) from error
    with made as name:
        yield Path(name)


def clear_passing(home: Home) -> None:
    """Drop what killed processes left, unless somebody writes there: then the next one does.

    Raises HomeUnwritable and HomeFull where the lock cannot be opened.
    """
    if not home.passing.exists():
        return
    with Lock(home.passing_lock) as lock:
        if lock.take():
            shutil.rmtree(home.passing, ignore_errors=True)
