"""Goose: `sessions.db`, sessions of messages whose content is JSON."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.files.databases import rows, snapshot
from anabranch.importers.reader import Source, data_folder
from anabranch.importers.records.model import Broken, Opened, Skipped, ToolCall, ToolResult, Turn
from anabranch.importers.records.values import (
    json_of,
    kind_of,
    object_of,
    objects_of,
    said_in,
    text_of,
    time_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from anabranch.importers.files.candidates import Candidate
    from anabranch.importers.records.model import Record

_MESSAGES: Final = "SELECT * FROM messages WHERE session_id = ? ORDER BY id"


class GooseReader:
    """Reads the sessions of Goose. A compaction replaces rows: what it took is gone."""

    tool = "goose"
    versions = "as described in 2026; no release was run"

    def places(self, home: Path, environment: Mapping[str, str]) -> list[Path]:
        """Return the folder of the database."""
        return [data_folder(home, environment) / "goose" / "sessions"]

    def claims(self, candidate: Candidate) -> bool:
        """Tell by the tables."""
        tables = candidate.tables
        return "sessions" in tables and "content_json" in tables.get("messages", ())

    def sources(self, files: Sequence[Path]) -> list[Source]:
        """Return a source a database."""
        return [Source(self.tool, (path,)) for path in files]

    def read(self, source: Source) -> Iterator[Record]:
        """Yield the records of all sessions."""
        try:
            with closing(snapshot(source.path)) as database:
                for row in list(rows(database, "SELECT * FROM sessions ORDER BY created_at")):
                    told = dict(zip(row.keys(), row, strict=True))
                    yield from _session(database, told)
        except sqlite3.Error as error:
            yield Broken(path=source.path, number=0, reason=str(error), more=False)


def _session(database: sqlite3.Connection, told: dict[str, Any]) -> Iterator[Record]:
    source_id = str(told.get("id"))
    key = f"{source_id}@{told.get('created_at')}"
    project = text_of(told.get("working_dir"))
    yield Opened(
        key=key,
        source_id=source_id,
        time=time_of(told.get("created_at")),
        attributes={"project": project} if project else {},
    )
    left_out: Counter[str] = Counter()
    for row in rows(database, _MESSAGES, source_id):
        message = dict(zip(row.keys(), row, strict=True))
        record_id = f"{key}/{message.get('message_id') or message.get('id')}"
        time = time_of(message.get("created_timestamp"))
        parts = objects_of(json_of(message.get("content_json")))
        text = said_in(parts)
        calls = [part for part in parts if kind_of(part) == "toolRequest"]
        hidden = object_of(json_of(message.get("metadata_json"))).get("userVisible") is False
        if hidden:
            left_out["message that is not shown"] += 1
        elif text and message.get("role") == "user":
            yield Turn(line=key, id=record_id, said="user", text=text, time=time)
        elif text:
            yield Turn(
                line=key, id=record_id, said="assistant", text=text, time=time, final=not calls
            )
        for part in calls:
            value = object_of(object_of(part.get("toolCall")).get("value"))
            yield ToolCall(
                line=key,
                id=text_of(part.get("id")) or record_id,
                name=text_of(value.get("name")) or "tool",
                input=value.get("arguments"),
                time=time,
            )
        for part in parts:
            if kind_of(part) == "toolResponse":
                result = object_of(part.get("toolResult"))
                yield ToolResult(
                    line=key,
                    call_id=text_of(part.get("id")) or "",
                    given=result.get("value", result.get("error")),
                    failed=result.get("status") == "error",
                    time=time,
                )
            left_out["hidden reasoning"] += kind_of(part) in {"thinking", "reasoning"}
    for why, count in sorted((+left_out).items()):
        yield Skipped(line=key, why=why, count=count)
