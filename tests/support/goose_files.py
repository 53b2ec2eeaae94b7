"""Databases as Goose writes them, made of turns: in WAL mode, committed turn by turn."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_SCHEMA: Final = """
CREATE TABLE sessions (id TEXT PRIMARY KEY, working_dir TEXT, created_at TIMESTAMP);
CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, message_id TEXT, session_id TEXT,
    role TEXT, content_json TEXT, created_timestamp INTEGER, metadata_json TEXT);
"""


class GooseFile:
    """A database with sessions that grow. While it is open, what is new stands in its -wal."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "sessions.db"
        self._database = sqlite3.connect(self.path)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.executescript(_SCHEMA)
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._database.close()

    def turns(self, session: str, count: int) -> None:
        """Add turns of a question and an answer to a session, in one transaction."""
        row = (session, "/srv/pier", "2026-11-01 08:00:00")
        self._database.execute("INSERT OR IGNORE INTO sessions VALUES (?, ?, ?)", row)
        for _ in range(count):
            self._count += 1
            self._say(session, "user", f"Where is buoy {self._count}?")
            self._say(session, "assistant", f"Buoy {self._count} lies at the pier.")
        self._database.commit()

    def fold(self) -> None:
        """Fold the -wal into the database's file, and cut it off."""
        self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _say(self, session: str, role: str, text: str) -> None:
        content: list[dict[str, Any]] = [{"type": "text", "text": text}]
        self._database.execute(
            "INSERT INTO messages (message_id, session_id, role, content_json, created_timestamp,"
            " metadata_json) VALUES (?, ?, ?, ?, ?, '{}')",
            (
                f"{role}-{self._count}",
                session,
                role,
                json.dumps(content),
                1_793_520_000 + self._count,
            ),
        )
