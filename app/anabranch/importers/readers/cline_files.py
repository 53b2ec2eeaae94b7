"""Cline's files of a session: its manifest, its compaction, and the database beside them all."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from anabranch.importers.files.candidates import is_there
from anabranch.importers.files.databases import looked_up, rows
from anabranch.importers.files.lines import document, plain_name, why_unread
from anabranch.importers.records.families import Head
from anabranch.importers.records.model import Broken, Summary, Unknown
from anabranch.importers.records.values import (
    kind_of,
    object_of,
    objects_of,
    text_of,
    time_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SUFFIX: Final = ".messages.json"


def head_of(path: Path, session_id: str, manifest: dict[str, Any] | Broken) -> Head:
    """Return a session's head; going back to a checkpoint makes a fork, too."""
    manifest = object_of(manifest)
    metadata = object_of(manifest.get("metadata"))
    origin = text_of(object_of(metadata.get("fork")).get("forkedFromSessionId"))
    return Head(
        path,
        session_id,
        origin=origin or text_of(metadata.get("restoredFromSessionId")),
        project=text_of(manifest.get("workspace_root")),
        time=time_of(manifest.get("started_at")),
    )


class Compaction(NamedTuple):
    """A summary, and the message after which it took the place of all before.

    `made` is what a fork's copy has in common with it.
    """

    after: str
    summary: Summary
    made: tuple[str, str]


def files_of(path: Path) -> tuple[Path, ...]:
    """Return a session's own file, and that of its last compaction, if there is one."""
    beside = _compaction_beside(path)
    return (path, beside) if is_there(beside) else (path,)


def compaction_of(path: Path, session_id: str) -> Compaction | Broken | Unknown | None:
    """Return the last compaction of a session; a file beside its own holds no other."""
    beside = _compaction_beside(path)
    if not is_there(beside):
        return None
    found = document(beside)
    if isinstance(found, Broken):
        return found
    after = text_of(found.get("source_last_message_key")) or ""
    for message in objects_of(found.get("messages")):
        told = object_of(message.get("metadata"))
        text = text_of(told.get("summary"))
        if text and kind_of(told, "kind") == "compaction_summary":
            made = told.get("generatedAt")
            record_id = f"{session_id}/compaction/{made}"
            summary = Summary(line=session_id, id=record_id, text=text, time=time_of(made))
            return Compaction(after.removeprefix("id:"), summary, (str(made), text))
    return Unknown(line=session_id, what="compaction")


def _compaction_beside(path: Path) -> Path:
    return path.with_name(plain_name(path).removesuffix(SUFFIX) + ".compaction.json")


def manifest_of(folder: Path) -> Path:
    """Return the file of a session's folder that says what the session is."""
    return folder / f"{folder.name}.json"


def database_of(folder: Path) -> Path:
    """Return the database of all sessions."""
    return folder.parent.parent / "db" / "sessions.db"


def manifest_in(folder: Path) -> dict[str, Any] | Broken:
    """Return the manifest of a session's folder, if it is there, or why it cannot be read."""
    path = manifest_of(folder)
    return document(path) if is_there(path) else {}


def rows_in(folder: Path, session_ids: Iterable[str]) -> dict[str, dict[str, Any]] | Broken:
    """Return what the database beside the sessions says of these, or why it cannot be read."""
    path = database_of(folder)
    if not is_there(path):
        return {}
    query = "SELECT * FROM sessions WHERE session_id = ?"
    try:
        return looked_up(
            path,
            lambda database: {
                session_id: dict(zip(row.keys(), row, strict=True))
                for session_id in session_ids
                for row in rows(database, query, session_id)
            },
        )
    except sqlite3.Error as error:
        return Broken(path=path, number=0, reason=why_unread(error), more=False)
