"""Files that may hold sessions: found below a folder, known by their name and beginning."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from contextlib import closing, suppress
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, TypeAlias

import orjson

from anabranch.importers.files.databases import alone, is_left_over, looked_up, names_in
from anabranch.importers.files.lines import (
    BOM,
    LINE_BYTES_MAX,
    UNREADABLE,
    opened,
    plain_name,
    why_unread,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Unread: TypeAlias = "Callable[[Path, str], None]"
"""Hears of a file or folder that was not read, and why."""
SUFFIXES: Final = frozenset({".jsonl", ".json", ".db", ".sqlite", ".sqlite3", ".af", ".md"})
HEAD_BYTES: Final = 64 * 1024
HEAD_LINES: Final = 8
_LEFT_OUT: Final = frozenset({".git", "node_modules", ".venv", "__pycache__", "site-packages"})
_ABSENT: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})
_SQLITE: Final = b"SQLite format 3\x00"


class Candidate:
    """A file that may be a tool's; what is asked of it is read once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = plain_name(path)
        self.unread: str | None = None
        """Why it could not be read, once it was asked for something."""

    @cached_property
    def suffix(self) -> str:
        """Its suffix in lower case, without that of a compression."""
        return os.path.splitext(self.name)[1].lower()  # noqa: PTH122 - a name, not a path.

    @cached_property
    def head(self) -> bytes:
        """Its beginning, decompressed; nothing where it cannot be read."""
        return self._begun[:HEAD_BYTES].removeprefix(BOM)

    @cached_property
    def _begun(self) -> bytes:
        """Its beginning; of a file of lines with the rest of the line that goes on behind that."""
        try:
            with opened(self.path, buffer=HEAD_BYTES) as file:
                begun = file.read(HEAD_BYTES)
                is_cut = len(begun) == HEAD_BYTES and not begun.endswith(b"\n")
                if not is_cut or self.suffix != ".jsonl" or begun.count(b"\n") >= HEAD_LINES:
                    return begun
                return begun + self._rest(file)
        except UNREADABLE as error:
            self.unread = why_unread(error)
            return b""

    def _rest(self, file: IO[bytes]) -> bytes:
        """Return the rest of a line, nothing where the file is damaged there."""
        try:
            return file.readline(LINE_BYTES_MAX)
        except UNREADABLE as error:
            self.unread = why_unread(error)
            return b""

    @cached_property
    def first_records(self) -> list[dict[str, Any]]:
        """The JSON objects on its first lines; a first line may be very long."""
        found: list[dict[str, Any]] = []
        for line in self._begun.removeprefix(BOM).split(b"\n")[:HEAD_LINES]:
            try:
                record = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            if isinstance(record, dict):
                found.append(record)
        return found

    @cached_property
    def tables(self) -> dict[str, frozenset[str]]:
        """The columns of each table, where it is a SQLite database.

        One that a killed program left would have to be copied, of whatever program it is. So its
        file alone is asked; its -wal only where the file has no table yet.
        """
        if not self.head.startswith(_SQLITE):
            return {}
        found: dict[str, frozenset[str]] = {}
        if is_left_over(self.path):
            with suppress(sqlite3.Error), closing(alone(self.path)) as database:
                found = _tables(database)
        try:
            return found or looked_up(self.path, _tables)
        except sqlite3.Error as error:
            self.unread = why_unread(error)
            return {}


def _tables(database: sqlite3.Connection) -> dict[str, frozenset[str]]:
    """Return the columns of a database's tables. Raises sqlite3.Error."""
    query = "SELECT name FROM sqlite_master WHERE type='table'"
    return {name: _columns(database, name) for name in names_in(database, query)}


def _columns(database: sqlite3.Connection, table: str) -> frozenset[str]:
    rows = database.execute("SELECT name FROM pragma_table_info(?)", (table,))
    return frozenset(str(row[0]) for row in rows)


def is_there(path: Path) -> bool:
    """Tell whether something is at a path; what may not be looked at counts as there."""
    try:
        path.stat()
    except OSError as error:
        return error.errno not in _ABSENT
    return True


def candidates(root: Path, *, unread: Unread | None = None) -> Iterator[Candidate]:
    """Yield the files below `root` that may hold sessions, in the order of their names.

    `unread` hears of those that cannot be looked at, and of folders that cannot be read. Links to
    folders are not followed: they may lead to what was not asked for. Pipes and devices are passed
    over, for to read them may never end.
    """

    def hears(error: OSError) -> None:
        if unread is not None:
            unread(Path(error.filename), why_unread(error))

    if os.path.isfile(root):  # noqa: PTH113 - may be closed to us; then the walk tells of it.
        yield Candidate(root)
        return
    for folder, folders, names in os.walk(root, onerror=hears):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT)
        for name in sorted(names):
            candidate = Candidate(Path(folder) / name)
            if candidate.suffix in SUFFIXES and _is_file(candidate.path, hears):
                yield candidate


def _is_file(path: Path, hears: Callable[[OSError], None]) -> bool:
    """Tell whether it is a file; a link to nothing is none, and nobody needs to hear of it."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return False
    except OSError as error:
        hears(error)
        return False
