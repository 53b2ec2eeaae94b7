"""Cline's files of a session: its manifest, its compaction, and the database beside them all."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from anabranch.importers.files.databases import rows, snapshot
from anabranch.importers.records.model import Summary
from anabranch.importers.records.values import (
    json_of,
    kind_of,
    object_of,
    objects_of,
    text_of,
    time_of,
)

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

SUFFIX: Final = ".messages.json"


@dataclass(slots=True)
class Head:
    """The beginning of a session, as its manifest has it."""

    path: Path
    session_id: str
    origin: str | None
    project: str | None
    time: datetime | None
    first_id: str | None = None


def head_of(path: Path, session_id: str) -> Head:
    """Return a session's head; going back to a checkpoint makes a fork, too."""
    manifest = manifest_in(path if path.name == session_id else path.parent)
    metadata = object_of(manifest.get("metadata"))
    origin = text_of(object_of(metadata.get("fork")).get("forkedFromSessionId"))
    return Head(
        path,
        session_id,
        origin or text_of(metadata.get("restoredFromSessionId")),
        text_of(manifest.get("workspace_root")),
        time_of(manifest.get("started_at")),
    )


class Compaction(NamedTuple):
    """A summary, and the message after which it took the place of all before."""

    after: str
    summary: Summary


def compaction_of(path: Path, session_id: str) -> Compaction | None:
    """Return the last compaction of a session; a file beside its own holds no other."""
    beside = path.with_name(path.name.removesuffix(SUFFIX) + ".compaction.json")
    try:
        document = object_of(json_of(beside.read_bytes()))
    except OSError:
        return None
    after = text_of(document.get("source_last_message_key")) or ""
    for message in objects_of(document.get("messages")):
        told = object_of(message.get("metadata"))
        text = text_of(told.get("summary"))
        if text and kind_of(told, "kind") == "compaction_summary":
            made = told.get("generatedAt")
            record_id = f"{session_id}/compaction/{made}"
            summary = Summary(line=session_id, id=record_id, text=text, time=time_of(made))
            return Compaction(after.removeprefix("id:"), summary)
    return None


def manifest_in(folder: Path) -> dict[str, Any]:
    """Return the manifest of a session's folder."""
    try:
        return object_of(json_of((folder / f"{folder.name}.json").read_bytes()))
    except OSError:
        return {}


def rows_in(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what the database beside the sessions says of each."""
    path = folder.parent.parent / "db" / "sessions.db"
    if not path.is_file():
        return {}
    try:
        with closing(snapshot(path)) as database:
            return {
                str(row["session_id"]): dict(zip(row.keys(), row, strict=True))
                for row in rows(database, "SELECT * FROM sessions")
            }
    except sqlite3.Error:
        return {}
