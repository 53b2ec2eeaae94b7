"""LangGraph: checkpoints in SQLite, each with all messages of its thread."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

from anabranch.importers.files.databases import rows, snapshot
from anabranch.importers.reader import Source
from anabranch.importers.readers.langgraph_threads import (
    Checkpoint,
    Unread,
    bytes_of,
    pending_of,
    plain_json,
    records_of,
    unpacked,
)
from anabranch.importers.records.model import Broken
from anabranch.importers.records.values import object_of, text_of, time_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from anabranch.importers.files.candidates import Candidate
    from anabranch.importers.records.model import Record

_THREADS: Final = "SELECT thread_id FROM checkpoints GROUP BY thread_id ORDER BY min(checkpoint_id)"
_GRAPHS: Final = (
    "SELECT checkpoint_ns, min(checkpoint_id) FROM checkpoints WHERE thread_id = ? "
    "GROUP BY checkpoint_ns ORDER BY min(checkpoint_id)"
)
_CHECKPOINTS: Final = (
    "SELECT checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata FROM checkpoints "
    "WHERE thread_id = ? AND checkpoint_ns = ? ORDER BY checkpoint_id"
)
_WRITTEN: Final = (
    "SELECT type, value FROM writes WHERE thread_id = ? AND checkpoint_ns = ? "
    "AND checkpoint_id = ? ORDER BY task_id, idx"
)
_HAS_WRITES: Final = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'writes'"


class LangGraphReader:
    """Reads the threads of LangGraph's SQLite checkpointer."""

    tool = "langgraph-sqlite"
    versions = "2.0 to 3.1.2"

    def places(self, home: Path, environment: Mapping[str, str]) -> list[Path]:
        """Return nothing: programs choose where their checkpoints are."""
        del home, environment
        return []

    def claims(self, candidate: Candidate) -> bool:
        """Tell by the tables."""
        return "checkpoint_ns" in candidate.tables.get("checkpoints", ())

    def sources(self, files: Sequence[Path]) -> list[Source]:
        """Return a source a database."""
        return [Source(self.tool, (path,)) for path in files]

    def read(self, source: Source) -> Iterator[Record]:
        """Yield the records of all threads, sub-graphs where they were invoked."""
        try:
            with closing(snapshot(source.path)) as database:
                yield from records_of(_Checkpoints(database))
        except sqlite3.Error as error:
            yield Broken(path=source.path, number=0, reason=str(error), more=False)


class _Checkpoints:
    """The checkpoints of a database."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._has_writes = any(rows(database, _HAS_WRITES))

    def threads(self) -> list[str]:
        """Return the names of the threads, the oldest first."""
        return [str(row[0]) for row in rows(self._database, _THREADS)]

    def graphs(self, thread_id: str) -> dict[str, str]:
        """Return the first checkpoint of each graph of a thread, by its namespace."""
        return {str(row[0]): str(row[1]) for row in rows(self._database, _GRAPHS, thread_id)}

    def of(self, thread_id: str, name: str) -> Iterator[Checkpoint]:
        """Yield the checkpoints of a graph, the oldest first."""
        newest = None
        for row in rows(self._database, _CHECKPOINTS, thread_id, name):
            found = unpacked(row["type"], row["checkpoint"])
            content = object_of(found)
            yield (
                newest := Checkpoint(
                    id=str(row["checkpoint_id"]),
                    parent=text_of(row["parent_checkpoint_id"]),
                    time=time_of(content.get("ts")),
                    channels=object_of(content.get("channel_values")),
                    metadata=object_of(plain_json(row["metadata"])),
                    size=len(bytes_of(row["checkpoint"])),
                    unread=found if isinstance(found, Unread) else None,
                )
            )
        if newest is not None and self._has_writes:
            written = rows(self._database, _WRITTEN, thread_id, name, newest.id)
            yield from pending_of(newest, ((row["type"], row["value"]) for row in written))
