"""Choice by time: what was written long before is not even read."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from anabranch.importers.choice import Choice
from anabranch.importers.reader import Source

if TYPE_CHECKING:
    from pathlib import Path

SINCE = datetime(2026, 11, 20, tzinfo=UTC)


def written(path: Path, time: datetime) -> None:
    """Write a file that was last written at a time."""
    path.touch()
    os.utime(path, (time.timestamp(), time.timestamp()))


def test_a_source_that_was_written_before_is_not_wanted(tmp_path: Path) -> None:
    """A day is left for clocks; a database has what is new in its -wal."""
    old, near, database = tmp_path / "old.jsonl", tmp_path / "near.jsonl", tmp_path / "a.db"
    written(old, SINCE - timedelta(days=2))
    written(near, SINCE - timedelta(hours=2))
    written(database, SINCE - timedelta(days=9))
    written(tmp_path / "a.db-wal", SINCE + timedelta(hours=1))
    choice = Choice(since=SINCE)

    def wants(path: Path) -> bool:
        return choice.wants(Source("claude-code", (path,)))

    assert [wants(path) for path in (old, near, database)] == [False, True, True]
    (tmp_path / "a.db-wal").unlink()
    assert not wants(database)
    assert choice.wants(Source("langgraph-postgres", (), address="postgresql://pier/db"))
