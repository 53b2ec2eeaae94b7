"""A graph that does not open, put aside: a fold of the log, it is filled again from the log."""

from __future__ import annotations

import logging
import shutil
import time
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

_ASIDE: Final = "damaged"
_log: Final = logging.getLogger("anabranch")


class Moved(NamedTuple):
    """A database that was moved out of the server's sight."""

    origin: Path
    aside: Path

    def put_back(self) -> None:
        """Move it back to its place."""
        if not self.origin.exists():
            self.aside.replace(self.origin)


def is_there(folder: Path, database: str) -> bool:
    """Tell whether the graph's folder holds a database."""
    return _place_of(folder, database).is_dir()


def put_aside(folder: Path, database: str, *, why: str) -> Moved | None:
    """Move a database of the graph's folder aside, None where there is none.

    Nothing is lost by that, since the log tells it again. The last that was moved is kept, for
    those who want to know why.
    """
    origin = _place_of(folder, database)
    if not origin.is_dir():
        return None
    shutil.rmtree(folder / _ASIDE, ignore_errors=True)
    aside = folder / _ASIDE / f"{database}-{time.time_ns()}"
    aside.parent.mkdir(mode=0o700, exist_ok=True)
    origin.replace(aside)
    _log.warning(
        "the graph %s cannot be opened (%s): it is filled again from the log; the old one is %s",
        origin,
        why,
        aside,
    )
    return Moved(origin, aside)


def _place_of(folder: Path, database: str) -> Path:
    return folder / "databases" / database
