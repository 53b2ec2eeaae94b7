"""Databases of running programs: read as of now, and left as they are."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from contextvars import copy_context
from typing import TYPE_CHECKING, Final

import pytest

from anabranch.home.folder import Home, Lock
from anabranch.importers.files.databases import copy_below, looked_up, names_in, snapshot
from anabranch.importers.importer import Importer, ImportOptions
from anabranch.importers.readers.catalogue import sources_below
from tests.support.claude_files import ClaudeFile
from tests.support.opens import opens
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path

    from anabranch.importers.outcome import Tally

_KILLED: Final = """
import os, signal, sys
from anabranch.cli.application import run
from anabranch.importers.files import databases

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


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_a_database_in_use_is_looked_into_as_it_stands(tmp_path: Path, mode: str) -> None:
    """All that was committed is there, no copy is made, and nothing is written beside it."""
    path = tmp_path / "logs.db"
    with closing(sqlite3.connect(path)) as writer:
        writer.execute(f"PRAGMA journal_mode={mode}")
        writer.execute("CREATE TABLE logs (id INTEGER)")
        writer.execute("INSERT INTO logs VALUES (1)")
        writer.commit()
        before = names(tmp_path)

        with opens() as counted_opens:
            found = looked_up(path, lambda database: names_in(database, "SELECT id FROM logs"))

        assert found == ("1",)
        assert counted_opens["database "] == 0
        assert names(tmp_path) == before


def test_a_database_that_a_killed_program_left_is_looked_into_by_a_copy(tmp_path: Path) -> None:
    """A row that only its -wal has is found, and both files are left alone."""
    left = left_in(tmp_path).parent
    before = {one.name: one.read_bytes() for one in left.iterdir()}

    found = looked_up(left / "logs.db", lambda one: names_in(one, "SELECT id FROM logs"))

    assert found == ("1",)
    assert {one.name: one.read_bytes() for one in left.iterdir()} == before


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

    copy_context().run(copy_below, home)

    assert not home.passing.exists()

    def counted_below() -> int:
        copy_below(home)
        return counted(path)

    assert copy_context().run(counted_below) == 1
    assert names(home.passing) == []


def goose_left_in(folder: Path) -> Path:
    """Return a database of Goose that a killed program left: its last session is in the -wal."""
    path, left = folder / "sessions.db", folder / "left"
    left.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("CREATE TABLE sessions (id TEXT, created_at TEXT)")
        writer.execute("CREATE TABLE messages (id INTEGER, session_id TEXT, content_json TEXT)")
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("INSERT INTO sessions VALUES ('watch', '2026-11-29T08:00:00Z')")
        writer.commit()
        for suffix in ("", "-wal"):
            name = f"sessions.db{suffix}"
            (left / name).write_bytes((folder / name).read_bytes())
    return left / "sessions.db"


def tallied(home: Home, folder: Path) -> Tally:
    """Return the counts of an import of a folder that stores nothing."""
    copy_below(home)
    importer = Importer(None, ImportOptions("default"))
    for source in sources_below([folder]):
        asyncio.run(importer.source(source))
    return importer.tally


def test_a_home_that_cannot_be_written_keeps_one_source_from_being_read(tmp_path: Path) -> None:
    """It is told with its reason; others are read, and what is no tool's is not copied at all."""
    folder = tmp_path / "work"
    path = goose_left_in(folder / "goose")
    (folder / "other").mkdir()
    left_in(folder / "other")
    ClaudeFile(folder).turns(1)
    (tmp_path / "file").write_text("no folder")
    home = Home(tmp_path / "file" / "home")

    tally = copy_context().run(tallied, home, folder)

    assert tally.sources == 3
    (broken,) = tally.broken
    assert broken.startswith(f"{path}: a copy to read cannot be made: ")
    assert str(home.folder) in broken


def test_a_database_that_is_no_tools_is_not_copied(tmp_path: Path) -> None:
    """So a dry run that meets one makes no home."""
    (tmp_path / "one").mkdir()
    path, home = left_in(tmp_path / "one"), Home(tmp_path / "home")
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint")
        database.execute("INSERT INTO logs VALUES (2)")
        database.commit()
        for suffix in ("", "-wal"):
            copy = tmp_path / f"two.db{suffix}"
            copy.write_bytes(path.with_name(path.name + suffix).read_bytes())

    assert copy_context().run(tallied, home, tmp_path / "two.db").sources == 0
    assert (tmp_path / "two.db-wal").stat().st_size > 0
    assert not home.folder.exists()


async def test_a_database_is_copied_beside_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While its lock is waited for, which may take a minute, a service answers."""
    source, home = goose_left_in(tmp_path), Home(tmp_path / "home")
    home.prepare()
    home.passing.mkdir()
    copy_below(home)
    waiting = threading.Event()

    def pause(_: float) -> None:
        waiting.set()

    monkeypatch.setattr("anabranch.home.passing.time.sleep", pause)
    importer = Importer(None, ImportOptions("default"))
    (found,) = sources_below([source])  # By a copy, too, for which the lock must be free.

    with Lock(home.passing_lock) as clearing:
        assert clearing.take()
        reading = asyncio.create_task(importer.source(found))
        assert await asyncio.to_thread(waiting.wait, PATIENCE_S)
        assert not reading.done()
    await asyncio.wait_for(reading, PATIENCE_S)

    assert (importer.tally.sources, importer.tally.broken) == (1, [])
