"""LangGraph: checkpoints in PostgreSQL, whose channels stand in a table of their own."""

from __future__ import annotations

import itertools
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from anabranch.errors import FrameworkMissing, InputInvalid
from anabranch.importers.reader import Source
from anabranch.importers.readers.langgraph_threads import (
    Checkpoint,
    Unread,
    pending_of,
    records_of,
    unpacked,
    with_writes,
)
from anabranch.importers.records.model import Broken
from anabranch.importers.records.values import list_of, object_of, text_of, time_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from psycopg import Connection

    from anabranch.importers.files.candidates import Candidate
    from anabranch.importers.records.model import Record

ADDRESSES: Final = ("postgresql://", "postgres://")
CONNECT_S: Final = 10
_AT_ONCE: Final = 16
_THERE: Final = "SELECT to_regclass('checkpoints'), to_regclass('checkpoint_blobs')"
_THREADS: Final = (
    'SELECT thread_id FROM {checkpoints} GROUP BY thread_id ORDER BY min(checkpoint_id COLLATE "C")'
)
_GRAPHS: Final = (
    'SELECT checkpoint_ns, min(checkpoint_id COLLATE "C") FROM {checkpoints} WHERE thread_id = %s '
    'GROUP BY checkpoint_ns ORDER BY min(checkpoint_id COLLATE "C")'
)
_PARENTS: Final = (
    "SELECT checkpoint_id, parent_checkpoint_id FROM {checkpoints} "
    'WHERE thread_id = %s AND checkpoint_ns = %s ORDER BY checkpoint_id COLLATE "C"'
)
_CHECKPOINTS: Final = """
SELECT c.checkpoint_id, c.parent_checkpoint_id, c.checkpoint, c.metadata,
       state.channels, state.types, state.blobs
FROM {checkpoints}
LEFT JOIN LATERAL (
    SELECT array_agg(b.channel) AS channels, array_agg(b.type) AS types, array_agg(b.blob) AS blobs
    FROM jsonb_each_text(c.checkpoint -> 'channel_versions') AS v
    JOIN checkpoint_blobs b ON b.thread_id = c.thread_id AND b.checkpoint_ns = c.checkpoint_ns
        AND b.channel = v.key {version}
) AS state ON true
WHERE c.thread_id = %s AND c.checkpoint_ns = %s
ORDER BY c.checkpoint_id COLLATE "C"
"""
_WRITTEN: Final = (
    "SELECT channel, type, blob FROM checkpoint_writes WHERE thread_id = %s AND "
    "checkpoint_ns = %s AND checkpoint_id = %s ORDER BY {order}"
)
_COLUMNS: Final = (
    "SELECT attname FROM pg_attribute "
    "WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped"
)
_ALL: Final = {"checkpoints": "checkpoints c", "version": "AND b.version = v.value"}
_NEWEST: Final = {
    "checkpoints": (
        "(SELECT *, checkpoint ->> 'id' AS checkpoint_id, NULL AS parent_checkpoint_id "
        "FROM checkpoints) AS c"
    ),
    "version": "",
}
"""The shallow saver keeps the newest checkpoint of each graph, which has no column for its id."""


class LangGraphPostgresReader:
    """Reads the threads of LangGraph's PostgreSQL checkpointer, out of one state of it."""

    tool = "langgraph-postgres"
    versions = "3.2.0"

    def places(self, home: Path, environment: Mapping[str, str]) -> list[Path]:
        """Return nothing: programs choose where their checkpoints are."""
        del home, environment
        return []

    def claims(self, candidate: Candidate) -> bool:
        """Tell that no file is one of its own."""
        del candidate
        return False

    def sources(self, files: Sequence[Path]) -> list[Source]:
        """Return nothing: a database has an address."""
        del files
        return []

    def at(self, address: str) -> Source:
        """Return the source at an address.

        Raises InputInvalid where there is none, and FrameworkMissing.
        """
        source = Source(self.tool, (), address=address)
        psycopg = _psycopg()
        try:
            with _connected(address) as database:
                found = database.execute(_THERE).fetchone()
        except psycopg.Error as error:
            raise InputInvalid(
                f"where: {source.path} cannot be read: {error}",
                field="where",
                fix="check the address, and that its user may read the tables of checkpoints",
            ) from None
        if found is None or None in found:
            raise InputInvalid(
                f"where: {source.path} has no checkpoints of LangGraph",
                field="where",
                fix="name the database, and with ?options=-csearch_path%3D the schema",
            )
        return source

    def read(self, source: Source) -> Iterator[Record]:
        """Yield the records of all threads, sub-graphs where they were invoked."""
        psycopg = _psycopg()
        try:
            with _connected(source.address or "") as database:
                yield from records_of(_Checkpoints(database))
        except psycopg.Error as error:
            yield Broken(path=source.path, number=0, reason=str(error), more=False)


def _psycopg() -> Any:
    try:
        import psycopg
    except ImportError as error:
        raise FrameworkMissing("psycopg", extra="langgraph-postgres") from error
    return psycopg


def _connected(address: str) -> Connection[tuple[Any, ...]]:
    """Return a connection that reads one state of the database and writes nothing."""
    psycopg = _psycopg()
    connection: Connection[tuple[Any, ...]] = psycopg.connect(address, connect_timeout=CONNECT_S)
    connection.read_only = True
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    return connection


class _Checkpoints:
    """The checkpoints of a database, fetched as they are wanted."""

    def __init__(self, database: Connection[tuple[Any, ...]]) -> None:
        self._database = database
        self._numbers = itertools.count()
        self._parts = _ALL if "checkpoint_id" in self._columns("checkpoints") else _NEWEST
        columns = self._columns("checkpoint_writes")
        order = [f'{one}::text COLLATE "C"' for one in ("task_path", "task_id") if one in columns]
        self._written = (
            _WRITTEN.format(order=", ".join([*order, "idx"])).encode() if columns else None
        )

    def _query(self, text: str) -> bytes:
        """Return a statement for the tables of the saver that wrote."""
        return text.format(**self._parts).encode()

    def _columns(self, table: str) -> set[str]:
        return {str(row[0]) for row in self._database.execute(_COLUMNS, (table,))}

    def threads(self) -> list[str]:
        """Return the names of the threads, the oldest first."""
        found = self._database.execute(self._query(_THREADS))
        return [str(row[0]) for row in found]

    def graphs(self, thread_id: str) -> dict[str, str]:
        """Return the first checkpoint of each graph of a thread, by its namespace."""
        found = self._database.execute(self._query(_GRAPHS), (thread_id,))
        return {str(row[0]): str(row[1]) for row in found}

    def parents(self, thread_id: str, name: str) -> Iterator[tuple[str, str | None]]:
        """Yield the ids of the checkpoints of a graph and of their parents, the oldest first."""
        query = self._query(_PARENTS)
        for checkpoint_id, parent in self._database.execute(query, (thread_id, name)):
            yield str(checkpoint_id), text_of(parent)

    def of(self, thread_id: str, name: str) -> Iterator[Checkpoint]:
        """Yield the checkpoints of a graph, the oldest first."""
        newest = None
        with self._database.cursor(f"checkpoints_{next(self._numbers)}", binary=True) as cursor:
            cursor.itersize = _AT_ONCE
            cursor.execute(self._query(_CHECKPOINTS), (thread_id, name))
            for checkpoint_id, parent, told, metadata, channels, types, blobs in cursor:
                content = object_of(told)
                stored = {
                    str(channel): unpacked(kind, blob)
                    for channel, kind, blob in zip(
                        list_of(channels), list_of(types), list_of(blobs), strict=True
                    )
                }
                newest = Checkpoint(
                    id=str(checkpoint_id),
                    parent=text_of(parent),
                    time=time_of(content.get("ts")),
                    channels={**object_of(content.get("channel_values")), **stored},
                    metadata=object_of(metadata),
                    size=sum(len(blob or b"") for blob in list_of(blobs)),
                    unread=next((v for v in stored.values() if isinstance(v, Unread)), None),
                )
                yield with_writes(newest, partial(self._beside, thread_id, name))
        if newest is not None:
            yield from pending_of(newest, self._beside(thread_id, name, newest.id))

    def _beside(
        self, thread_id: str, name: str, checkpoint_id: str
    ) -> Iterator[tuple[str, Any, Any]]:
        """Yield what the step after a checkpoint wrote, in its order."""
        if self._written:
            written = self._database.execute(self._written, (thread_id, name, checkpoint_id))
            for channel, kind, value in written:
                yield str(channel), kind, value
