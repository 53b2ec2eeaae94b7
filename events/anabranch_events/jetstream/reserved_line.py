"""Facts about namespaces, read from one session of the reserved namespace and kept up to date."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

from anabranch_events.jetstream.direct_get import read_subject, recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from anabranch_events.event.recorded import Recorded
    from anabranch_events.transport.connection import Connection


class ReservedLine:
    """The namespaces that the events on `subject` name, each with the position of the first.

    They are read once, and again when one is added. `named` returns the namespace that a record
    names. A tenant cannot read them: for it there are none.
    """

    def __init__(
        self, connection: Connection, subject: str, named: Callable[[Recorded], str | None]
    ) -> None:
        self._connection = connection
        self._subject = subject
        self._named = named
        self._found: dict[str, int] = {}
        self._read_to = 0
        self._current = self._changed = False
        self._listening = False
        self._reading: asyncio.Future[None] | None = None

    @property
    def current(self) -> Mapping[str, int] | None:
        """The namespaces, where no reading is due: None otherwise."""
        return self._found if self._current or self._connection.view is not None else None

    async def known(self) -> Mapping[str, int]:
        """Return the namespaces, each with its position.

        All who ask at once share one reading, and its failure. Raises LogUnavailable.
        """
        while self._connection.view is None and not self._current:
            if self._reading is None:
                self._reading = asyncio.ensure_future(self._read())
                self._reading.add_done_callback(_retrieved)
            await asyncio.shield(self._reading)
        return self._found

    def add(self, namespace: str, position: int) -> None:
        """Note a namespace that this process has just stored."""
        self._found.setdefault(namespace, position)

    def forget(self) -> None:
        """Have them read again before they are next known."""
        self._current, self._changed = False, True

    async def _read(self) -> None:
        try:
            await self._listen()
            self._current = self._changed = False
            found = read_subject(self._connection, self._subject, after=self._read_to)
            async with aclosing(found):
                async for messages in found:
                    for message in messages:
                        self._take(recorded(message))
            self._current = not self._changed  # One that came meanwhile is read next.
        finally:
            self._reading = None

    def _take(self, record: Recorded) -> None:
        self._read_to = record.position
        namespace = self._named(record)
        if namespace is not None:
            self._found.setdefault(namespace, record.position)

    async def _listen(self) -> None:
        if not self._listening:
            self._connection.on_lost(self.forget)
            await self._connection.client.listen(self._subject, self._heard)
            self._listening = True

    def _heard(self, subject: str, reply: str, data: bytes, headers: dict[str, str] | None) -> None:
        del subject, reply, data, headers
        self.forget()


def _retrieved(reading: asyncio.Future[None]) -> None:
    """Note that a failure was seen, also where nobody waits for it any more."""
    if not reading.cancelled():
        reading.exception()
