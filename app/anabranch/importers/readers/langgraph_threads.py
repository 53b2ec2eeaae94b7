"""Threads of LangGraph out of checkpoints: each has all messages of its thread, or what is new."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from anabranch.importers.files.cache import RowCache
from anabranch.importers.readers.abandoned import Course
from anabranch.importers.readers.langgraph_messages import Heard, said, written_in
from anabranch.importers.records.chains import Node
from anabranch.importers.records.model import (
    Ended,
    Opened,
    Skipped,
    Unknown,
)
from anabranch.importers.records.values import (
    json_of,
    kind_of,
    list_of,
    object_of,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from anabranch.importers.records.model import Record

_UNPACKED_NOT: Final = (ValueError, TypeError, RecursionError)
"""The errors of msgspec, and those that it leaves to Python: broken UTF-8 is one.

See `findings/msgspec_leaves_broken_texts_to_python.sh`.
"""
_COUNTED: Final = "counters_since_delta_snapshot"
"""Names the channels that keep what is written alone; LangGraph calls them `DeltaChannel`."""
_SNAPSHOT: Final = 7
"""The code of the whole value of such a channel, which stands in one checkpoint in some."""


class Unread(StrEnum):
    """A value that cannot be read."""

    ENCRYPTED = "encrypted"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint: the one that it stands on, and the state of its graph."""

    id: str
    parent: str | None
    time: datetime | None
    channels: Mapping[str, Any]
    metadata: Mapping[str, Any]
    size: int = 0
    """The bytes that its channels were made of."""
    unread: Unread | None = None
    """Why its messages, or some of them, cannot be read."""
    written: Sequence[dict[str, Any]] = ()
    """The messages that were written since its parent, in channels that it does not hold."""

    def heard(self, heard: Heard) -> Iterator[tuple[str, dict[str, Any], bool]]:
        """Yield its messages with their ids, and whether they are new."""
        return heard.of(
            self.id,
            self.channels,
            self.written,
            parent=self.parent,
            is_counted=_COUNTED in self.metadata,
        )


def with_writes(
    found: Checkpoint, written: Callable[[str], Iterable[tuple[str, Any, Any]]]
) -> Checkpoint:
    """Return a checkpoint with what its step wrote, where the checkpoint does not hold it.

    `written` gives what lies beside the checkpoint before it, as channel, type and value.
    """
    counted = object_of(found.metadata.get(_COUNTED))
    deltas = counted.keys() - found.channels.keys()
    if not deltas or found.parent is None:
        return found
    values = [
        (channel, unpacked(kind, value), len(bytes_of(value)))
        for channel, kind, value in written(found.parent)
        if channel in deltas
    ]
    return replace(
        found,
        written=written_in((channel, value) for channel, value, _ in values),
        size=found.size + sum(size for _, _, size in values),
        unread=found.unread or next((v for _, v, _ in values if isinstance(v, Unread)), None),
    )


def pending_of(newest: Checkpoint, written: Iterable[tuple[str, Any, Any]]) -> list[Checkpoint]:
    """Return the messages of a step that has not ended, as the checkpoint that would hold them.

    A node that answers beside one that fails has its answer kept beside the newest checkpoint, as
    channel, type and value. Messages without an id get one with the next checkpoint, and are left
    to it.
    """
    values = [(channel, unpacked(kind, value)) for channel, kind, value in written]
    messages = [one for one in written_in(values) if text_of(one.get("id"))]
    if not messages:
        return []
    name = f"{newest.id}/pending"
    return [replace(newest, id=name, parent=newest.id, channels={}, written=messages, unread=None)]


class Checkpoints(Protocol):
    """The checkpoints of a database, one state of it."""

    def threads(self) -> list[str]:
        """Return the names of the threads, the oldest first."""
        ...

    def graphs(self, thread_id: str) -> dict[str, str]:
        """Return the first checkpoint of each graph of a thread, by its namespace, oldest first."""
        ...

    def parents(self, thread_id: str, name: str) -> Iterator[tuple[str, str | None]]:
        """Yield the ids of the checkpoints of a graph and of their parents, the oldest first."""
        ...

    def of(self, thread_id: str, name: str) -> Iterator[Checkpoint]:
        """Yield the checkpoints of a graph, the oldest first."""
        ...


def records_of(store: Checkpoints) -> Iterator[Record]:
    """Yield the records of all threads, sub-graphs where they were invoked."""
    for thread_id in store.threads():
        if first := store.graphs(thread_id):
            yield from _Thread(store, thread_id, first).records()
        else:
            yield Unknown(line=None, what="thread whose name is no text")


class _Thread:
    """One thread; its name is any text, so that its first checkpoint is part of its key."""

    def __init__(self, store: Checkpoints, thread_id: str, first: Mapping[str, str]) -> None:
        self._store = store
        self._id = thread_id
        self._names = list(first)
        self._key = f"{thread_id}@{min(first.values())}"
        self._agents: dict[str, str | None] = {}
        self._called = {name: self._call_of(name) for name in self._names}
        self._told: set[str] = set()
        self._left_out: Counter[str] = Counter()

    def records(self) -> Iterator[Record]:
        """Yield the thread's own line and within it those of its sub-graphs."""
        yield from self._graph("", None)
        for name in self._names:
            yield from self._graph(name, self._key)
        for why, count in sorted((+self._left_out).items()):
            yield Skipped(line=self._key, why=why, count=count)

    def _graph(self, name: str, parent: str | None) -> Iterator[Record]:
        if name in self._told or name not in self._names:
            return
        self._told.add(name)
        key = f"{self._key}|{name}" if name else self._key
        heard = Heard(key)
        checkpoints = RowCache(lambda: ((one.size, one) for one in self._store.of(self._id, name)))
        is_chain = _is_chain(self._store.parents(self._id, name))
        course = Course(key, lambda: () if is_chain else _nodes(key, checkpoints))
        first = last = None
        opened = False
        for checkpoint in checkpoints:
            time = checkpoint.time
            if not opened:
                opened, first = True, time
                yield Opened(
                    key=key,
                    source_id=name or self._id,
                    kind="subagent" if name else "main",
                    parent=parent,
                    role=self._role_of(name),
                    time=time,
                )
            last = time or last
            if checkpoint.unread:
                self._left_out[checkpoint.unread] += 1
            yield from course.at(checkpoint.id, time)
            for message_id, message, is_new in checkpoint.heard(heard):
                if is_new:
                    yield from said(message, message_id, course.line, time)
                else:
                    self._left_out["message again"] += 1
            for child, call in self._called.items():
                if call == (name, checkpoint.id):
                    yield from self._graph(child, course.line)
            yield from course.left(time)
        if name and opened:
            yield Ended(line=key, started=first, time=last)

    def _role_of(self, name: str) -> str | None:
        """Return its agent's own name, or its node's: others have that of the agent over them."""
        own, over = (self._agents.get(one) for one in (name, _over(name)))
        return own if own and own != over else name.rpartition("|")[2].partition(":")[0] or None

    def _call_of(self, name: str) -> tuple[str, str] | None:
        """Return the graph and the checkpoint from which a sub-graph was invoked."""
        for checkpoint in self._store.of(self._id, name):
            self._agents[name] = text_of(checkpoint.metadata.get("lc_agent_name"))
            parents = object_of(checkpoint.metadata.get("parents"))
            found = text_of(parents.get(_over(name))) or text_of(parents.get(""))
            return (_over(name), found) if found else None
        return None


def _over(name: str) -> str:
    """Return the namespace of the graph above that of a sub-graph."""
    return name.rpartition("|")[0]


def _is_chain(parents: Iterable[tuple[str, str | None]]) -> bool:
    """Tell whether each checkpoint stands on the one before: then no line left another."""
    before: str | None = None
    for name, parent in parents:
        if before is not None and parent not in (before, None):
            return False
        before = name
    return True


def _nodes(key: str, checkpoints: Iterable[Checkpoint]) -> Iterator[Node]:
    heard = Heard(key)
    for checkpoint in checkpoints:
        speaks = [is_new for _, _, is_new in checkpoint.heard(heard)]
        yield Node(checkpoint.id, checkpoint.parent, any(speaks))


def unpacked(kind: Any, data: Any) -> Any:
    """Return the value of a checkpoint or a channel; objects are taken apart, none is made.

    An `EncryptedSerializer` names its cipher in the type, behind a plus.
    """
    if kind == "json":
        return _bare(plain_json(data))
    if "+" in str(kind):
        return Unread.ENCRYPTED
    try:
        given = bytes_of(data)
        return msgspec.msgpack.decode(given, ext_hook=_object) if given else None
    except _UNPACKED_NOT:
        return Unread.DAMAGED if kind == "msgpack" else None


def bytes_of(data: Any) -> bytes:
    """Return what a column of bytes holds; nothing where it holds something else."""
    return bytes(data) if isinstance(data, (bytes, bytearray, memoryview)) else b""


def _object(code: int, data: memoryview) -> Any:
    """Return the fields of an object, which stand after its module and its class."""
    try:
        parts = msgspec.msgpack.decode(data, ext_hook=_object)
    except _UNPACKED_NOT:
        return None
    if code == _SNAPSHOT:
        return parts
    found = list_of(parts)
    if len(found) < 3:
        return None
    return {"type": found[1], **found[2]} if isinstance(found[2], dict) else found[2]


def _bare(value: Any) -> Any:
    """Return JSON in which the objects of LangChain are their fields."""
    if isinstance(value, list):
        return [_bare(one) for one in value]
    if not isinstance(value, dict):
        return value
    if kind_of(value) == "constructor" and isinstance(value.get("kwargs"), dict):
        name = [*list_of(value.get("id")), ""][-2]
        return {"type": name, **object_of(_bare(value["kwargs"]))}
    return {name: _bare(one) for name, one in value.items()}


def plain_json(data: Any) -> Any:
    """Return the JSON value in a column, None where it holds none."""
    return json_of(bytes(data) if isinstance(data, (bytes, memoryview)) else data)
