"""The audit: a stream of its own on the log's server that says which key did what, and when."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Self

import nats.errors
from nats.js.api import RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError
from pydantic import BaseModel, ConfigDict

from anabranch.http.metrics import AUDIT_LOST

if TYPE_CHECKING:
    from collections.abc import Callable

    from nats.aio.client import Client

STREAM: Final = "ANABRANCH_AUDIT"
SUBJECT: Final = "anabranch.audit."
"""Followed by the key's id."""
AGE_S: Final = 90 * 24 * 3600
BYTES_MAX: Final = 1024 * 1024 * 1024
HELD_MAX: Final = 10_000
_TIMEOUT_S: Final = 5.0
_PAUSE_S: Final = 0.5
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_log = logging.getLogger("anabranch")


class Entry(BaseModel):
    """An entry of the audit: the key that asked, for what, and the status of its answer."""

    model_config = ConfigDict(frozen=True)
    time: datetime
    key: str
    operation: str
    namespace: str
    status: int


class Audit:
    """Stores entries in their order, beside the requests that they tell of.

    While the server is away a bounded number of them waits; what is more is counted as lost.
    """

    def __init__(self, client: Callable[[], Client]) -> None:
        self._client = client
        self._held: deque[tuple[str, bytes]] = deque()
        self._some, self._none = asyncio.Event(), asyncio.Event()
        self._none.set()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._store())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Store what waits, within a bound."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_TIMEOUT_S):
                await self.stored()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def stored(self) -> None:
        """Return once nothing waits to be stored."""
        await self._none.wait()

    def note(self, key_id: str, *, operation: str, namespace: str, status: int) -> None:
        """Note what a key did."""
        if len(self._held) >= HELD_MAX:
            AUDIT_LOST.inc()
            return
        entry = Entry(
            time=datetime.now(UTC),
            key=key_id,
            operation=operation,
            namespace=namespace,
            status=status,
        )
        self._held.append((SUBJECT + _token(key_id), entry.model_dump_json().encode()))
        self._none.clear()
        self._some.set()

    async def _store(self) -> None:
        ready = False
        while True:
            await self._some.wait()
            try:
                if not ready:
                    await ensure_stream(self._client())
                    ready = True
                await self._store_held()
            except (nats.errors.Error, OSError) as error:
                _log.warning("the audit waits for the NATS server: %r", error)
                await asyncio.sleep(_PAUSE_S)

    async def _store_held(self) -> None:
        stream = self._client().jetstream(timeout=_TIMEOUT_S)
        while self._held:
            subject, entry = self._held[0]
            await stream.publish(subject, entry, stream=STREAM)
            self._held.popleft()
        self._some.clear()
        self._none.set()


def _token(key_id: str) -> str:
    """Return a key's id as a part of a subject; the subject of a token may be any text."""
    if _PLAIN.fullmatch(key_id):
        return key_id
    return "oidc-" + hashlib.sha256(key_id.encode()).hexdigest()[:16]


async def ensure_stream(client: Client) -> None:
    """Make the stream if it is not there: what is in it can be read, and not taken out."""
    manager = client.jsm(timeout=_TIMEOUT_S)
    try:
        await manager.stream_info(STREAM)
    except NotFoundError:
        await manager.add_stream(
            StreamConfig(
                name=STREAM,
                subjects=[f"{SUBJECT}*"],
                retention=RetentionPolicy.LIMITS,
                storage=StorageType.FILE,
                max_age=AGE_S,
                max_bytes=BYTES_MAX,
                allow_direct=True,
                deny_delete=True,
            )
        )


async def last_entries(client: Client, count: int) -> list[Entry]:
    """Return the last entries of the audit, the oldest first."""
    stream = client.jetstream(timeout=_TIMEOUT_S)
    try:
        state = (await client.jsm(timeout=_TIMEOUT_S).stream_info(STREAM)).state
    except NotFoundError:
        return []
    found: list[Entry] = []
    for number in range(max(state.first_seq, state.last_seq - count + 1), state.last_seq + 1):
        with suppress(NotFoundError):
            message = await stream.get_msg(STREAM, number, direct=True)
            found.append(Entry.model_validate_json(message.data or b""))
    return found
