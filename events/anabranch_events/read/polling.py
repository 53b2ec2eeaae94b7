"""Reading a tenant's view in order: by direct gets, again and again while nothing comes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from anabranch_events.errors import LogUnavailable
from anabranch_events.jetstream import direct_get
from anabranch_events.read.consumer import REQUEST_RECORDS, Consumer

if TYPE_CHECKING:
    from anabranch_events.transport.connection import Connection

PAUSE_MIN_S: Final = 0.002
PAUSE_MAX_S: Final = 0.05


class PollingConsumer(Consumer):
    """Records of a view after a position, as they arrive.

    There is no consumer: who may make one can have the server send what it stores to any subject.
    Nor is what is stored heard from another account, so that the view is asked again after a
    pause, which grows while nothing comes.
    """

    def __init__(self, connection: Connection, *, after: int) -> None:
        super().__init__(connection, after=after)
        self._pause_s = PAUSE_MIN_S

    async def open(self) -> None:
        """Begin to notice when the connection is lost."""
        self._connection.on_lost(self._lost)

    async def close(self) -> None:
        """Let go of the connection."""
        self._connection.forget_lost(self._lost)

    async def ask_for_more(self) -> None:
        """Fill the buffer when it is empty. Raises LogRefused."""
        if self.broken is not None or self.buffer:
            return
        try:
            found, pending = await direct_get.batch(
                self._connection, ">", after=self.position, records_max=REQUEST_RECORDS
            )
        except LogUnavailable as error:
            self.broken = error.message
            return
        for message in found:
            record = direct_get.recorded(message)
            self.buffer.append(record)
            self._buffered_bytes += len(record.raw)
            self.position = record.position
        self.caught_up = not pending
        self._pause_s = PAUSE_MIN_S if found else min(2 * self._pause_s, PAUSE_MAX_S)

    async def wait(self) -> None:
        """Return after a pause."""
        await asyncio.sleep(self._pause_s)
