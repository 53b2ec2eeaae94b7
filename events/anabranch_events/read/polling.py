"""Polling of a tenant's view, in order: direct gets, repeated while nothing comes."""

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

    There is no consumer: a tenant that could make one could have the server send stored messages to
    any subject. Nor do messages cross from another account as they are stored. So the view is asked
    again after a pause, which grows while nothing comes.
    """

    def __init__(self, connection: Connection, *, after: int) -> None:
        super().__init__(connection, after=after)
        self._pause_s = PAUSE_MIN_S

    async def open(self) -> None:
        """Watch the connection for a loss."""
        self._connection.on_lost(self._lost)

    async def close(self) -> None:
        """Stop watching the connection."""
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

    async def look(self) -> None:
        """Do nothing: each question says how much is still to come."""

    async def wait(self) -> None:
        """Return after a pause."""
        await asyncio.sleep(self._pause_s)
