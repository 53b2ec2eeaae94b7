"""Databases of running programs: read as of now, and left as they are."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from contextvars import copy_context
from typing import TYPE_CHECKING, Final

import pytest

from anabranch.home.folder import Home
from anabranch.importers.databases import copy_below, snapshot

if TYPE_CHECKING:
    from pathlib import Path

_KILLED: Final = """
import os, signal, sys
from anabranch.cli.application import run
from anabranch.importers import databases

databases._back_up = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
run(["sessions", "import", "--dry-run", sys.argv[1]])
"""


def counted(path: Path) -> int:
    """Return how many rows a snapshot of the database has."""
    with closing(snapshot(path)) as database:
        return int(database.execute("SELECT count(*) FROM logs").fetchone()[0])


def names(folder: Path) -> list[str]:
    """Return what lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_a_database_in_use_is_read_with_what_is_not_yet_in_its_file(
    tmp_path: Path, mode: str
) -> None:
    """Rows that only the -wal has are there; a change that is not committed is not."""
    path = tmp_path / "logs.db"
    with closing(sqlite3.connect(path)) as writer:
        writer.execute(f"PRAGMA journal_mode={mode}")
        writer.execute("CREATE TABLE logs (id INTEGER)")
        writer.executemany("INSERT INTO logs VALUES (?)", [(number,) for number in range(100)])
        writer.commit()
        if mode == "WAL":
            writer.execute("INSERT INTO logs VALUES (100)")
        before = names(tmp_path)

        assert counted(path) == 100
        assert names(tmp_path) == before


def left_in(folder: Path) -> Path:
    """Return a database with a -wal, as a killed program leaves it."""
    path, left = folder / "logs.db", folder / "left"
    left.mkdir()
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("CREATE TABLE logs (id INTEGER)")
        writer.execute("INSERT INTO logs VALUES (1)")
        writer.commit()
        for suffix in ("", "-wal"):
            name = f"logs.db{suffix}"
            (left / name).write_bytes((folder / name).read_bytes())
    return left / "logs.db"


def test_a_database_that_a_killed_program_left_is_read_and_left_alone(tmp_path: Path) -> None:
    """Its -wal is recovered in a copy."""
    left = left_in(tmp_path).parent
    before = {one.name: one.read_bytes() for one in left.iterdir()}

    assert counted(left / "logs.db") == 1
    assert {one.name: one.read_bytes() for one in left.iterdir()} == before


def test_a_closed_database_in_wal_mode_gets_no_files_beside_it(tmp_path: Path) -> None:
    """Nobody has it open, so that it cannot change while it is read."""
    path = tmp_path / "logs.db"
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("CREATE TABLE logs (id INTEGER)")
        writer.commit()

    assert counted(path) == 0
    assert names(tmp_path) == ["logs.db"]


def test_a_copy_that_a_killed_import_left_is_dropped_by_the_next(tmp_path: Path) -> None:
    """It lies below the home, for its owner's eyes only, and nowhere among temporary files."""
    home, temporary = Home(tmp_path / "home"), tmp_path / "temporary"
    temporary.mkdir()
    path = left_in(tmp_path)
    words = [sys.executable, "-c", _KILLED, str(path)]
    environment = {
        **os.environ,
        "ANABRANCH_HOME": str(home.folder),
        "TMPDIR": str(temporary),
        "SQLITE_TMPDIR": str(temporary),
    }
    ended = subprocess.run(words, env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    (copy,) = home.passing.rglob("logs.db")
    assert [one.stat().st_mode & 0o777 for one in (home.passing, copy.parent)] == [0o700, 0o700]
    assert names(temporary) == []

    def counted_below(home: Home) -> int:
        copy_below(home)
        return counted(path)

    assert copy_context().run(counted_below, home) == 1
    assert names(home.passing) == []
