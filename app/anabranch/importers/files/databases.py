"""SQLite databases of other programs: read through a snapshot, with their -wal, never written."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from anabranch.home.passing import clear_passing, passing_folder_here
from anabranch_events.errors import AnabranchError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from anabranch.home.folder import Home

T = TypeVar("T")
PAGES_AT_ONCE: Final = 4096
BUSY_S: Final = 5.0
_home: Final[ContextVar[Home | None]] = ContextVar("_home", default=None)


def copy_below(home: Home) -> None:
    """Have databases copied below this home from now on, in this task and those it begins.

    Such a copy holds what people said. One that a killed process left there is dropped now; a home
    that cannot be written has to keep it.
    """
    _home.set(home)
    with suppress(AnabranchError):
        clear_passing(home)


def snapshot(path: Path) -> sqlite3.Connection:
    """Return a connection to a copy of the database as of now; closing it drops the copy.

    The copy is a temporary file of SQLite's own, so that a large database takes no memory. Once
    open it has no name, and ends with the process. The database may be written meanwhile: SQLite's
    backup sees one state of it, its -wal included. Nothing is written beside the database,
    neither a -wal nor a -shm. The thread that reads it may be another than this.

    Raises sqlite3.Error, and nothing else: also for files that cannot be read, or not be copied.
    """
    copy = sqlite3.connect("", check_same_thread=False)
    try:
        _fill(copy, path)
    except (AnabranchError, OSError) as error:
        copy.close()
        why = error.message if isinstance(error, AnabranchError) else error
        raise sqlite3.OperationalError(f"a copy to read cannot be made: {why}") from error
    except BaseException:
        copy.close()
        raise
    return _told_plainly(copy)


def looked_up(path: Path, ask: Callable[[sqlite3.Connection], T]) -> T:
    """Return what `ask` reads of a database with few queries, without a copy of it if that can be.

    A copy is made where something has to be recovered or waited for. Raises sqlite3.Error.
    """
    with suppress(sqlite3.Error, OSError):
        if not is_left_over(path):
            with closing(_itself(path)) as database:
                return ask(database)
    with closing(snapshot(path)) as database:
        return ask(database)


def names_in(database: sqlite3.Connection, query: str) -> tuple[str, ...]:
    """Return the first column of a query, as text."""
    return tuple(str(row[0]) for row in rows(database, query))


def alone(path: Path) -> sqlite3.Connection:
    """Return a connection to what the database's file has without the -wal or journal beside it.

    That is old, and is not copied. Raises sqlite3.Error.
    """
    return sqlite3.connect(_address(path, immutable=True), uri=True)


def is_left_over(path: Path) -> bool:
    """Tell whether a program that ended left a -wal or a journal: a snapshot copies the files."""
    return not _beside(path, "-shm") and (_beside(path, "-wal") or _beside(path, "-journal"))


def _told_plainly(database: sqlite3.Connection) -> sqlite3.Connection:
    """Have rows know their columns, and text be text though it is damaged."""
    database.row_factory = sqlite3.Row
    database.text_factory = _text
    return database


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _fill(copy: sqlite3.Connection, path: Path) -> None:
    """Copy the database in the way that suits its state.

    In use, with a -shm, or in rollback mode: SQLite's locks keep a reader and writers apart. A -wal
    without a -shm, or a journal, was left behind by a program that ended. A reader would have to
    recover beside it, so the files are copied first. In WAL mode without a -wal nobody has it open.
    """
    if not is_left_over(path):
        _back_up(copy, _itself(path))
        return
    with _folder() as folder:
        twin = folder / path.name
        for suffix in ("", "-wal", "-journal"):
            part = path.with_name(path.name + suffix)
            if part.exists():
                shutil.copyfile(part, twin.with_name(twin.name + suffix))
        _back_up(copy, _connected(twin, immutable=False))


@contextmanager
def _folder() -> Generator[Path]:
    """Give a folder for copies: below the home, if there is one, else among temporary files."""
    home = _home.get()
    if home is not None:
        with passing_folder_here(home) as folder:
            yield folder
    else:
        with tempfile.TemporaryDirectory(prefix="anabranch-") as name:
            yield Path(name)


def _beside(path: Path, suffix: str) -> bool:
    try:
        return path.with_name(path.name + suffix).stat().st_size > 0
    except FileNotFoundError:
        return False


def _in_wal_mode(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(20)[18:19] == b"\x02"


def _itself(path: Path) -> sqlite3.Connection:
    """Return a connection to a database of which nothing has to be recovered."""
    return _connected(path, immutable=_in_wal_mode(path) and not _beside(path, "-shm"))


def _connected(path: Path, *, immutable: bool) -> sqlite3.Connection:
    address = _address(path, immutable=immutable)
    return _told_plainly(sqlite3.connect(address, uri=True, timeout=BUSY_S))


def _back_up(copy: sqlite3.Connection, original: sqlite3.Connection) -> None:
    with closing(original) as database:
        database.backup(copy, pages=PAGES_AT_ONCE)


def _address(path: Path, *, immutable: bool) -> str:
    flags = "mode=ro&immutable=1" if immutable else "mode=ro"
    return f"{path.absolute().as_uri()}?{flags}"


def rows(database: sqlite3.Connection, query: str, *values: Any) -> Iterator[sqlite3.Row]:
    """Yield the rows of a query, fetched as they are wanted."""
    yield from database.execute(query, values)
