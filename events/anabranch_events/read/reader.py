"""The reader of the whole log in order: bounded replays and endless subscriptions, no gaps."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from anabranch_events.errors import InputInvalid, LogRewound, LogUnavailable
from anabranch_events.jetstream.api import Refused, translated
from anabranch_events.jetstream.stream import checked_position, read_bounds
from anabranch_events.read.consumer import Consumer
from anabranch_events.read.polling import PollingConsumer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from anabranch_events.event.recorded import Recorded
    from anabranch_events.jetstream.documents import Documents, StoredDocuments
    from anabranch_events.transport.connection import Connection

RECORDS_MAX: Final = 1000
BYTES_MAX: Final = 8 * 1024 * 1024
_PAUSE_S: Final = 0.1
_REWOUND_S: Final = 1.0
_LOG = logging.getLogger(__name__)


async def batches(
    connection: Connection,
    documents: Documents | StoredDocuments | None,
    *,
    after: int,
    to: int | None,
    records_max: int = RECORDS_MAX,
    bytes_max: int = BYTES_MAX,
) -> AsyncGenerator[list[Recorded], None]:
    """Yield the records after a position, in order, in batches that are never empty.

    Without `documents` references and sealed events stay as they are stored.

    With `to` it ends there; without, it never ends and waits for more. Endless, it outlives lost
    connections and restarts of the server; with `to` it raises LogUnavailable.

    Raises InputInvalid when the log ends before `after`, LogRewound when it later does.
    """
    checked_position(after, field="after")
    last = (await read_bounds(connection)).last
    if after > last:
        raise InputInvalid(
            f"after: position {after} is in the future, the log ends at {last}",
            field="after",
            fix=f"use at most {last}",
        )
    if to is not None and to <= after:
        return
    reader = _Reader(connection, documents, after=after, to=to, end=last)
    try:
        while batch := await reader.next(records_max, bytes_max):
            yield batch
    finally:
        await reader.close()


async def read_all(
    connection: Connection, documents: Documents | StoredDocuments, *, after: int, to: int | None
) -> AsyncGenerator[Recorded, None]:
    """Yield every record after `after` up to `to`, or up to the end as of the call."""
    checked_position(after, field="after")
    last = (await read_bounds(connection)).last
    for field, value in (("after", after), ("to", to or 0)):
        if checked_position(value, field=field) > last:
            raise InputInvalid(
                f"{field}: position {value} is in the future, the log ends at {last}",
                field=field,
                fix=f"use at most {last}",
            )
    end = last if to is None else to
    async with aclosing(batches(connection, documents, after=after, to=end)) as found:
        async for batch in found:
            for record in batch:
                yield record


class _Reader:
    """A chain of consumers: a new one at the last position whenever one breaks."""

    def __init__(
        self,
        connection: Connection,
        documents: Documents | StoredDocuments | None,
        *,
        after: int,
        to: int | None,
        end: int,
    ) -> None:
        self._connection = connection
        self._documents = documents
        self._position = after
        self._to = to
        self._end = end
        self._consumer: Consumer | None = None
        self._waiting = False

    async def next(self, records_max: int, bytes_max: int) -> list[Recorded]:
        """Return the next batch as soon as there is anything; empty at the end."""
        while True:
            consumer = await self._working_consumer()
            await consumer.ask_for_more()
            if consumer.buffer:
                batch = await self._take(consumer, records_max, bytes_max)
                if batch:
                    return batch
            if self._finished(consumer):
                return []
            if not consumer.broken and not consumer.buffer:
                await consumer.wait()
                if self._to is not None and not consumer.broken and not consumer.buffer:
                    await consumer.look()

    async def close(self) -> None:
        """Close the consumer."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.close()

    def _finished(self, consumer: Consumer) -> bool:
        """Tell whether everything up to `to` was handed on, though `to` itself may be erased."""
        if self._to is None:
            return False
        return self._position >= self._to or (
            consumer.caught_up and not consumer.buffer and self._to <= self._end
        )

    async def _take(self, consumer: Consumer, records_max: int, bytes_max: int) -> list[Recorded]:
        """Take one batch, at least one record, with large data put back."""
        batch: list[Recorded] = []
        size = 0
        buffer, last = consumer.buffer, self._to or sys.maxsize
        while buffer and len(batch) < records_max:
            record = buffer[0]
            if record.position > last:
                self._position = last
                break
            if batch and size + len(record.raw) > bytes_max:
                break
            opened = await self._opened(record)
            if opened is None:
                break  # The records before it are handed on; this one is tried again.
            consumer.take()
            batch.append(opened)
            size += len(opened.raw)
            self._position = record.position
        return batch

    async def _opened(self, record: Recorded) -> Recorded | None:
        """Return a record as it is handed on; None where its data or keys are away for a moment."""
        if self._documents is None:
            return record
        here = self._documents.opened_here(record)
        if here is not None:
            return here
        try:
            opened = await self._documents.opened(record)
        except LogUnavailable as error:
            await self._pause(error)
            return None
        self._waiting = False
        return opened

    async def _pause(self, error: LogUnavailable) -> None:
        """Wait a moment for what is away. Raises the error where the reading has an end."""
        if self._to is not None:
            raise error
        if not self._waiting:
            _LOG.warning("waiting to read on after %d: %s", self._position, error)
        self._waiting = True
        await asyncio.sleep(_PAUSE_S)

    async def _working_consumer(self) -> Consumer:
        """Return a consumer that works; the buffer of a broken one is used first."""
        while True:
            consumer = self._consumer
            if consumer is not None:
                if consumer.broken is None or consumer.buffer:
                    return consumer
                if consumer.refused is not None:
                    raise translated(Refused(0, 400, consumer.refused))
                _LOG.info("reading again after position %d: %s", self._position, consumer.broken)
                await self.close()
            try:
                found = await self._open()
            except LogUnavailable as error:
                await self._pause(error)
            else:
                self._waiting = False
                return found

    async def _open(self) -> Consumer:
        await self._check_end()
        make = Consumer if self._connection.view is None else PollingConsumer
        self._consumer = make(self._connection, after=self._position)
        try:
            await self._consumer.open()
        except Refused as refused:
            await self.close()
            raise translated(refused) from refused
        except BaseException:
            await self.close()
            raise
        return self._consumer

    async def _check_end(self) -> None:
        """Raise LogRewound when the log ends before a position that was read.

        A server that has just become the stream's leader may need a moment to know its end.
        """
        deadline = time.monotonic() + _REWOUND_S
        while (last := (await read_bounds(self._connection)).last) < self._position:
            if time.monotonic() >= deadline:
                raise LogRewound(position=self._position, last=last)
            await asyncio.sleep(_PAUSE_S)
