"""LangGraph: checkpoints in SQLite, each with all messages of its thread."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, Final

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
    with_writes,
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
_PARENTS: Final = (
    "SELECT checkpoint_id, parent_checkpoint_id FROM checkpoints "
    "WHERE thread_id = ? AND checkpoint_ns = ? ORDER BY checkpoint_id"
)
_CHECKPOINTS: Final = (
    "SELECT checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata FROM checkpoints "
    "WHERE thread_id = ? AND checkpoint_ns = ? ORDER BY checkpoint_id"
)
_WRITTEN: Final = (
    "SELECT channel, type, value FROM writes WHERE thread_id = ? AND checkpoint_ns = ? "
    "AND checkpoint_id = ? ORDER BY {order}"
)
_COLUMNS_OF_WRITES: Final = "SELECT name FROM pragma_table_info('writes')"


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
        columns = [row[0] for row in rows(database, _COLUMNS_OF_WRITES)]
        order = [one for one in ("task_path", "task_id", "idx") if one in columns]
        self._written = _WRITTEN.format(order=", ".join(order)) if order else None

    def threads(self) -> list[str]:
        """Return the names of the threads, the oldest first."""
        return [str(row[0]) for row in rows(self._database, _THREADS)]

    def graphs(self, thread_id: str) -> dict[str, str]:
        """Return the first checkpoint of each graph of a thread, by its namespace."""
        return {str(row[0]): str(row[1]) for row in rows(self._database, _GRAPHS, thread_id)}

    def parents(self, thread_id: str, name: str) -> Iterator[tuple[str, str | None]]:
        """Yield the ids of the checkpoints of a graph and of their parents, the oldest first."""
        for row in rows(self._database, _PARENTS, thread_id, name):
            yield str(row[0]), text_of(row[1])

    def of(self, thread_id: str, name: str) -> Iterator[Checkpoint]:
        """Yield the checkpoints of a graph, the oldest first."""
        newest = None
        for row in rows(self._database, _CHECKPOINTS, thread_id, name):
            found = unpacked(row["type"], row["checkpoint"])
            content = object_of(found)
            newest = Checkpoint(
                id=str(row["checkpoint_id"]),
                parent=text_of(row["parent_checkpoint_id"]),
                time=time_of(content.get("ts")),
                channels=object_of(content.get("channel_values")),
                metadata=object_of(plain_json(row["metadata"])),
                size=len(bytes_of(row["checkpoint"])),
                unread=found if isinstance(found, Unread) else None,
            )
            yield with_writes(newest, partial(self._beside, thread_id, name))
        if newest is not None:
            yield from pending_of(newest, self._beside(thread_id, name, newest.id))

    def _beside(
        self, thread_id: str, name: str, checkpoint_id: str
    ) -> Iterator[tuple[str, Any, Any]]:
        """Yield what the step after a checkpoint wrote, in its order."""
        if self._written:
            for row in rows(self._database, self._written, thread_id, name, checkpoint_id):
                yield str(row["channel"]), row["type"], row["value"]
