"""The namespaces that have ended: whoever writes asks here first, and is refused."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from anabranch_events.errors import EventInvalid, NamespaceEnded
from anabranch_events.event.identifiers import DELETIONS_SESSION, RESERVED_NAMESPACE
from anabranch_events.event.types import NamespaceDeleted
from anabranch_events.jetstream.direct_get import read_subject, recorded
from anabranch_events.jetstream.stream import SUBJECT_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anabranch_events.event.recorded import Recorded
    from anabranch_events.transport.connection import Connection

DELETIONS: Final = f"{SUBJECT_PREFIX}{RESERVED_NAMESPACE}.{DELETIONS_SESSION}"
"""The one subject of the ends of namespaces."""


class EndedNamespaces:
    """The ends of namespaces, by position. They are read once, and again when one is added.

    A tenant cannot read them; what it writes to a namespace that ended has no effect.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._ended: dict[str, int] = {}
        self._read_to = 0
        self._current = self._changed = False
        self._listening = False
        self._reading: asyncio.Future[None] | None = None

    async def refuse(self, namespace: str) -> None:
        """Raise NamespaceEnded where this namespace has ended. Raises LogUnavailable."""
        if self._connection.view is None:
            ended = (await self.known()).get(namespace)
            if ended is not None:
                raise NamespaceEnded(namespace, position=ended)

    async def known(self) -> Mapping[str, int]:
        """Return the namespaces that have ended, each with the position of its end.

        All who ask at once share one reading, and its failure. Raises LogUnavailable.
        """
        while self._connection.view is None and not self._current:
            if self._reading is None:
                self._reading = asyncio.ensure_future(self._read())
                self._reading.add_done_callback(_retrieved)
            await asyncio.shield(self._reading)
        return self._ended

    def add(self, namespace: str, position: int) -> None:
        """Note an end that this process has just stored."""
        self._ended.setdefault(namespace, position)

    async def _read(self) -> None:
        try:
            await self._listen()
            self._current = self._changed = False
            found = read_subject(self._connection, DELETIONS, after=self._read_to)
            async with aclosing(found):
                async for messages in found:
                    for message in messages:
                        self._take(recorded(message))
            self._current = not self._changed  # One that came meanwhile is read next.
        finally:
            self._reading = None

    def _take(self, record: Recorded) -> None:
        self._read_to = record.position
        namespace = ended_by(record)
        if namespace is not None:
            self._ended.setdefault(namespace, record.position)

    async def _listen(self) -> None:
        if not self._listening:
            self._connection.on_lost(self._forget)
            await self._connection.client.listen(DELETIONS, self._heard)
            self._listening = True

    def _heard(self, subject: str, reply: str, data: bytes, headers: dict[str, str] | None) -> None:
        del subject, reply, data, headers
        self._forget()

    def _forget(self) -> None:
        self._current, self._changed = False, True


def _retrieved(reading: asyncio.Future[None]) -> None:
    """Note that a failure was seen, also where nobody waits for it any more."""
    if not reading.cancelled():
        reading.exception()


def ended_by(record: Recorded) -> str | None:
    """Return the namespace that a record ends, None for any other record."""
    if record.namespace != RESERVED_NAMESPACE:
        return None
    try:
        data = record.decode().data
    except EventInvalid:
        return None
    return data.namespace if isinstance(data, NamespaceDeleted) else None
