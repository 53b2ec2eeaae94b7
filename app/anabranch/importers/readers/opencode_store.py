"""Where OpenCode keeps sessions: in a database since 1.2, before that in JSON files.

1.2 took over what it found, and left the files where they are. Later releases take over nothing.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, Final

import orjson

from anabranch.importers.files.cache import FileCache
from anabranch.importers.files.databases import looked_up, names_in, rows
from anabranch.importers.records.model import Broken
from anabranch.importers.records.values import json_of, object_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

_NO_PROJECTS: Final = frozenset({"diff", "message", "part", "share"})


def is_session_file(path: Path) -> bool:
    """Tell by its place whether a JSON file says what a session is."""
    if not (path.name.startswith("ses_") and path.suffix == ".json") or len(path.parents) < 3:
        return False
    kind, session, storage = path.parent.name, path.parents[1].name, path.parents[2].name
    return storage == "storage" and session == "session" and kind not in _NO_PROJECTS


def is_of_project(path: Path) -> bool:
    """Tell whether a session's file is in the storage of one project, as before 0.6.

    1.x took over what it found there: what it wrote later is only in its own.
    """
    return path.parent.name == "info"


def folder_of(path: Path) -> Path:
    """Return the folder of all that OpenCode keeps, by a database or a session's file in it.

    Before 0.6 each project had a storage of its own.
    """
    if not is_session_file(path):
        return path.parent
    above = path.parents[3]
    return above.parents[1] if above.parent.name == "project" else above


def sessions_in(database: Path) -> tuple[str, ...]:
    """Return the ids of a database's sessions; none where it cannot be read."""
    try:
        return looked_up(database, lambda opened: names_in(opened, "SELECT id FROM session"))
    except sqlite3.Error:
        return ()


class Store:
    """Sessions by their ids, oldest first, with their messages and parts."""

    def __init__(self, database: sqlite3.Connection | None, files: Iterable[Path]) -> None:
        self._database = database
        self._files: dict[str, Path] = {}
        self._parts: dict[str, Path] = {}
        self._cache = FileCache()
        self._last: tuple[str, list[tuple[str, dict[str, Any]]]] | None = None
        self.broken: list[Broken] = []
        """Files that could not be read, so far."""
        found = dict(self._of_files(files)) | dict(self._of_database())
        self.rows = dict(sorted(found.items(), key=_age))
        self._children: dict[str, list[str]] = {}
        for session_id, row in self.rows.items():
            if parent := text_of(row.get("parent_id")):
                self._children.setdefault(parent, []).append(session_id)

    def children(self, session_id: str) -> Sequence[str]:
        """Return the sessions that were begun within a session, the oldest first."""
        return self._children.get(session_id, ())

    def messages(self, session_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield a session's messages in their order, with their ids."""
        if session_id in self._files:
            yield from self._messages_in_files(session_id)
        elif self._database is not None:
            query = "SELECT id, data FROM message WHERE session_id = ? ORDER BY time_created, id"
            for message_id, data in rows(self._database, query, session_id):
                yield str(message_id), object_of(json_of(data))

    def parts(self, message_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the parts of a message that was given before, with their ids."""
        if message_id in self._parts:
            for path in sorted((self._parts[message_id] / message_id).glob("prt_*.json")):
                yield path.stem, self._object(path)
        elif self._database is not None:
            query = "SELECT id, data FROM part WHERE message_id = ? ORDER BY time_created, id"
            for part_id, data in rows(self._database, query, message_id):
                yield str(part_id), object_of(json_of(data))

    def _of_database(self) -> Iterator[tuple[str, dict[str, Any]]]:
        if self._database is not None:
            for row in rows(self._database, "SELECT * FROM session"):
                self._files.pop(str(row["id"]), None)
                yield str(row["id"]), dict(zip(row.keys(), row, strict=True))

    def _of_files(self, files: Iterable[Path]) -> Iterator[tuple[str, dict[str, Any]]]:
        for path in files:
            session_id, told = path.stem, self._object(path)
            if not told:
                continue
            self._files[session_id] = path
            yield (
                session_id,
                {
                    "id": session_id,
                    "parent_id": told.get("parentID"),
                    "directory": told.get("directory"),
                    "version": told.get("version"),
                    "time_created": object_of(told.get("time")).get("created"),
                    "revert": orjson.dumps(told.get("revert")).decode(),
                },
            )

    def _messages_in_files(self, session_id: str) -> Sequence[tuple[str, dict[str, Any]]]:
        """Return the messages of a session in their order; it is asked for them several times."""
        if self._last is None or self._last[0] != session_id:
            self._last = session_id, self._read_messages(session_id)
        return self._last[1]

    def _read_messages(self, session_id: str) -> list[tuple[str, dict[str, Any]]]:
        path = self._files[session_id]
        storage = path.parents[2]
        within = is_of_project(path)
        base = storage / "session" if within else storage
        found: list[tuple[float, str, dict[str, Any]]] = []
        for file in (base / "message" / session_id).glob("msg_*.json"):
            told = self._object(file)
            if told:
                created = object_of(told.get("time")).get("created")
                found.append((_number(created), file.stem, told))
        found.sort(key=lambda one: one[:2])
        parts = base / "part" / session_id if within else base / "part"
        self._parts |= dict.fromkeys((message_id for _, message_id, _ in found), parts)
        return [(message_id, told) for _, message_id, told in found]

    def _object(self, path: Path) -> dict[str, Any]:
        found = self._cache.document(path)
        if not isinstance(found, Broken):
            return found
        if found not in self.broken:
            self.broken.append(found)
        return {}


def _age(row: tuple[str, dict[str, Any]]) -> tuple[float, str]:
    return _number(row[1].get("time_created")), row[0]


def _number(value: Any) -> float:
    return value if isinstance(value, (int, float)) else 0
