"""Snapshots of the log's streams, by JetStream's own backup: positions, times and ids stay."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import nats.errors

from anabranch_events.errors import LogNotEmpty
from anabranch_events.jetstream.api import (
    STREAM,
    STREAM_NOT_FOUND,
    Refused,
    ask,
    parsed,
    translated,
)
from anabranch_events.jetstream.claim_check import BUCKET
from anabranch_events.jetstream.ledger import BUCKET as LEDGER
from anabranch_events.transport.connection import Connection
from anabranch_events.transport.inbox import STATUS, Unanswered

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable
    from types import TracebackType

    from anabranch_events.errors import Explain

OBJECTS_STREAM: Final = f"OBJ_{BUCKET}"
LEDGER_STREAM: Final = f"KV_{LEDGER}"
CHUNK_BYTES: Final = 256 * 1024
WINDOW_BYTES: Final = 8 * 1024 * 1024
SILENCE_MAX_S: Final = 60.0
"""The time a server may take for one step: it checks every message of the stream."""

_ASIDE: Final = "anabranch.restoring"


class StreamInfo(NamedTuple):
    """A stream's configuration and state."""

    config: dict[str, Any]
    state: dict[str, Any]


class Snapshots:
    """Snapshot client: takes the streams of a log off one server and restores them on another.

    It makes no stream by itself. Every method raises LogUnavailable and LogRefused.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        timeout_s: float = 5.0,
        explain: Explain | None = None,
    ) -> None:
        self._connection = Connection(url, token=token, timeout_s=timeout_s, explain=explain)

    async def __aenter__(self) -> Self:
        await self._connection.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._connection.__aexit__(kind, error, trace)

    async def info(self, stream: str) -> StreamInfo | None:
        """Return a stream's configuration and state, or None when it is not there."""
        try:
            info = await ask(self._connection, f"STREAM.INFO.{stream}")
        except Refused as refused:
            if refused.code == STREAM_NOT_FOUND:
                return None
            raise translated(refused) from refused
        return StreamInfo(info["config"], info["state"])

    @contextlib.asynccontextmanager
    async def take(self, stream: str) -> AsyncGenerator[SnapshotDownload]:
        """Begin a snapshot; the download yields its bytes, and `info` is the stream's at the begin.

        The server checks each message first. Messages appended meanwhile may be in it too.
        """
        download = SnapshotDownload(self._connection, stream)
        try:
            await download.begin()
            yield download
        finally:
            await download.end()

    async def make_room(self) -> None:
        """Take away an empty log, so that one can be restored. Raises LogNotEmpty.

        Its subjects are taken from it first: nothing is appended between the look and the end.
        """
        found = await self.info(STREAM)
        if found is None:
            return
        _check_empty(found)
        await self._ask(f"STREAM.UPDATE.{STREAM}", {**found.config, "subjects": [_ASIDE]})
        emptied = await self.info(STREAM)
        try:
            if emptied is not None:
                _check_empty(emptied)
        except LogNotEmpty:
            await self._ask(f"STREAM.UPDATE.{STREAM}", found.config)
            raise
        await self.remove(STREAM)

    async def remove(self, stream: str) -> None:
        """Delete a stream, if it is there."""
        if await self.info(stream) is not None:
            await self._ask(f"STREAM.DELETE.{stream}")

    async def restore(self, stream: str, held: StreamInfo, chunks: Iterable[bytes]) -> StreamInfo:
        """Make a stream that is not there from its snapshot; return its state then.

        The stream appears with the last chunk. When anything goes wrong before, or this process
        ends, there is none.
        """
        request = {"config": held.config, "state": held.state}
        answer = await self._ask(f"STREAM.RESTORE.{stream}", request)
        target = str(answer["deliver_subject"])
        try:
            for chunk in chunks:
                await self._send(target, chunk)
            done = await self._send(target, b"")
        except Unanswered as error:
            self._connection.fail(error)
        except Refused as refused:
            raise translated(refused) from refused
        return StreamInfo(done["config"], done["state"])

    async def _send(self, target: str, chunk: bytes) -> dict[str, Any]:
        answer = await self._connection.request(target, chunk, timeout_s=SILENCE_MAX_S)
        return parsed(answer.data) if answer.data else {}

    async def _ask(self, subject: str, request: object = None) -> dict[str, Any]:
        try:
            return await ask(self._connection, subject, request)
        except Refused as refused:
            raise translated(refused) from refused


class SnapshotDownload:
    """A snapshot in transfer: iterate over it once. The server sends on as chunks are taken."""

    def __init__(self, connection: Connection, stream: str) -> None:
        self.info = StreamInfo({}, {})
        self._connection = connection
        self._stream = stream
        self._inbox = connection.client.new_inbox()
        self._subscription: Any = None
        self._arrived: deque[tuple[str, bytes, dict[str, str]]] = deque()
        self._changed = asyncio.Event()
        self._lost = False

    async def begin(self) -> None:
        """Ask for the snapshot."""
        self._connection.on_lost(self._on_lost)
        self._subscription = await self._connection.client.listen(self._inbox, self._receive)
        request = {
            "deliver_subject": self._inbox,
            "no_consumers": True,
            "chunk_size": CHUNK_BYTES,
            "window_size": WINDOW_BYTES,
            "jsck": True,
        }
        try:
            info = await ask(self._connection, f"STREAM.SNAPSHOT.{self._stream}", request)
        except Refused as refused:
            raise translated(refused) from refused
        self.info = StreamInfo(info["config"], info["state"])

    async def end(self) -> None:
        """Unsubscribe."""
        self._connection.forget_lost(self._on_lost)
        if self._subscription is not None:
            with contextlib.suppress(nats.errors.Error, OSError):
                await self._subscription.unsubscribe()

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        """Yield chunk after chunk. Raises LogUnavailable when the server stops in the middle."""
        while True:
            reply, data, headers = await self._next()
            if not data:
                if headers.get(STATUS, "204") != "204":
                    said = headers.get("Description", headers[STATUS])
                    raise self._connection.unavailable(Unanswered(f"the snapshot ended: {said}"))
                return
            yield data
            if not reply:
                continue
            try:
                await self._connection.publish(reply, b"")
            except Unanswered as error:
                self._connection.fail(error)

    async def _next(self) -> tuple[str, bytes, dict[str, str]]:
        while not self._arrived:
            self._changed.clear()
            if self._lost:
                raise self._connection.unavailable(Unanswered("the connection was lost"))
            try:
                async with asyncio.timeout(SILENCE_MAX_S):
                    await self._changed.wait()
            except TimeoutError:
                silence = Unanswered(f"the snapshot stood still for {SILENCE_MAX_S:.0f} s")
                raise self._connection.unavailable(silence) from None
        return self._arrived.popleft()

    def _on_lost(self) -> None:
        self._lost = True
        self._changed.set()

    def _receive(
        self, subject: str, reply: str, data: bytes, headers: dict[str, str] | None
    ) -> None:
        del subject
        self._arrived.append((reply, data, headers or {}))
        self._changed.set()


def _check_empty(found: StreamInfo) -> None:
    last = int(found.state["last_seq"])
    if last:
        raise LogNotEmpty(last=last)
