"""Databases of running programs: read as of now, and left as they are."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from anabranch.importers.databases import snapshot

if TYPE_CHECKING:
    from pathlib import Path


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


def test_a_database_that_a_killed_program_left_is_read_and_left_alone(tmp_path: Path) -> None:
    """Its -wal is recovered in a copy."""
    path, left = tmp_path / "logs.db", tmp_path / "left"
    left.mkdir()
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("CREATE TABLE logs (id INTEGER)")
        writer.execute("INSERT INTO logs VALUES (1)")
        writer.commit()
        for suffix in ("", "-wal"):
            name = f"logs.db{suffix}"
            (left / name).write_bytes((tmp_path / name).read_bytes())
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
