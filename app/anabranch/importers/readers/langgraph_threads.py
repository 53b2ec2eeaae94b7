"""Threads of LangGraph out of checkpoints, each of which holds all messages of its thread."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from anabranch.importers.files.cache import RowCache
from anabranch.importers.readers.abandoned import Course
from anabranch.importers.records.chains import Node
from anabranch.importers.records.model import (
    Ended,
    Opened,
    Skipped,
    ToolCall,
    ToolResult,
    Turn,
    Unknown,
)
from anabranch.importers.records.values import (
    json_of,
    kind_of,
    list_of,
    object_of,
    objects_of,
    said_in,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from anabranch.importers.records.model import Record

_START: Final = "__start__"
_UNPACKED_NOT: Final = (ValueError, TypeError, RecursionError)
"""The errors of msgspec, and those that it leaves to Python: broken UTF-8 is one.

See `findings/msgspec_leaves_broken_texts_to_python.sh`.
"""
_HUMAN: Final = frozenset({"human", "user", "HumanMessage"})
_AI: Final = frozenset({"ai", "assistant", "AIMessage", "AIMessageChunk"})


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

    def messages(self) -> Iterator[dict[str, Any]]:
        """Yield the messages in the channels of the state."""
        for name, value in self.channels.items():
            if name != _START:
                for one in list_of(value):
                    message = object_of(one)
                    if "content" in message and ("type" in message or "role" in message):
                        yield message


def pending_of(newest: Checkpoint, written: Iterable[tuple[Any, Any]]) -> list[Checkpoint]:
    """Return the messages of a step that has not ended, as the checkpoint that would hold them.

    A node that answers beside one that fails has its answer kept beside the newest checkpoint, as
    type and value. Messages without an id get one with the next checkpoint, and are left to it.
    """
    values = [unpacked(kind, value) for kind, value in written]
    messages = [
        message
        for value in values
        for one in (value if isinstance(value, list) else [value])
        if text_of((message := object_of(one)).get("id"))
    ]
    if not messages:
        return []
    channels = {"pending": messages}
    name = f"{newest.id}/pending"
    return [replace(newest, id=name, parent=newest.id, channels=channels, unread=None)]


class Checkpoints(Protocol):
    """The checkpoints of a database, one state of it."""

    def threads(self) -> list[str]:
        """Return the names of the threads, the oldest first."""
        ...

    def graphs(self, thread_id: str) -> dict[str, str]:
        """Return the first checkpoint of each graph of a thread, by its namespace, oldest first."""
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
        self._called = {name: self._call_of(name) for name in self._names if name}
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
        seen: set[str] = set()
        checkpoints = RowCache(lambda: ((one.size, one) for one in self._store.of(self._id, name)))
        course = Course(key, lambda: _nodes(name, checkpoints))
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
                    role=name.rpartition("|")[2].partition(":")[0] or None,
                    time=time,
                )
            last = time or last
            if checkpoint.unread:
                self._left_out[checkpoint.unread] += 1
            yield from course.at(checkpoint.id, time)
            for number, message in enumerate(checkpoint.messages()):
                message_id = _id_of(message, key, number)
                if message_id in seen:
                    self._left_out["message again"] += 1
                else:
                    seen.add(message_id)
                    yield from _said(message, message_id, course.line, time)
            for child, call in self._called.items():
                if call == (name, checkpoint.id):
                    yield from self._graph(child, course.line)
            yield from course.left(time)
        if name and opened:
            yield Ended(line=key, started=first, time=last)

    def _call_of(self, name: str) -> tuple[str, str] | None:
        """Return the graph and the checkpoint from which a sub-graph was invoked."""
        for checkpoint in self._store.of(self._id, name):
            parents = object_of(checkpoint.metadata.get("parents"))
            over = name.rpartition("|")[0]
            found = text_of(parents.get(over)) or text_of(parents.get(""))
            return (over, found) if found else None
        return None


def _nodes(name: str, checkpoints: Iterable[Checkpoint]) -> Iterator[Node]:
    seen: set[str] = set()
    for checkpoint in checkpoints:
        ids = {_id_of(one, name, place) for place, one in enumerate(checkpoint.messages())}
        speaks = bool(ids - seen)
        seen |= ids
        yield Node(checkpoint.id, checkpoint.parent, speaks)


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
    del code
    try:
        parts = msgspec.msgpack.decode(data, ext_hook=_object)
    except _UNPACKED_NOT:
        return None
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


def _id_of(message: dict[str, Any], key: str, place: int) -> str:
    """Return a message's own id; one without is known by its place and text."""
    return text_of(message.get("id")) or f"{key}/{place}/{said_in(message.get('content'))}"


def _said(
    message: dict[str, Any], message_id: str, line: str, time: datetime | None
) -> Iterator[Record]:
    kind = str(kind_of(message) or message.get("role"))
    text = said_in(message.get("content"))
    if kind in _HUMAN and text:
        yield Turn(line=line, id=message_id, said="user", text=text, time=time)
    elif kind in _AI:
        calls = objects_of(message.get("tool_calls"))
        if text:
            yield Turn(
                line=line,
                id=message_id,
                said="assistant",
                text=text,
                time=time,
                final=not calls,
            )
        for number, call in enumerate(calls):
            yield ToolCall(
                line=line,
                id=text_of(call.get("id")) or f"{message_id}/{number}",
                name=text_of(call.get("name")) or "tool",
                input=call.get("args"),
                time=time,
            )
    elif kind in {"tool", "ToolMessage"}:
        yield ToolResult(
            line=line,
            call_id=text_of(message.get("tool_call_id")) or "",
            given=message.get("content"),
            failed=message.get("status") == "error",
            time=time,
        )
    else:
        yield Skipped(line=line, why=f"{kind} message")
