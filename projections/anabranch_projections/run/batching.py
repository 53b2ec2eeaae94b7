"""Batching between reader and writer: a batch grows while the one before it is written."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic

from anabranch_projections.run.batch import Batch, C

if TYPE_CHECKING:
    from collections.abc import Callable

    from anabranch_events import Recorded


class Batcher(Generic[C]):
    """One open batch between one reader and one writer.

    Records are decoded and folded when they are put, while the writer waits for the store. The
    writer takes all that has gathered. So a lone event is written at once, and batches grow as
    large as a commit is slow. The reader waits while the open batch is full.
    """

    def __init__(self, content: Callable[[], C]) -> None:
        self._content = content
        self._open = Batch(content())
        self._ended = False
        self._error: BaseException | None = None
        self._changed = asyncio.Condition()
        self.writing = False
        """True while the writer is at work on a batch."""

    async def put(self, records: list[Recorded]) -> None:
        """Add records, as soon as there is room."""
        async with self._changed:
            for record in records:
                while self._open.full:
                    self._changed.notify_all()
                    await self._changed.wait()
                self._open.add(record)
            self._changed.notify_all()

    async def end(self, error: BaseException | None = None) -> None:
        """End the input, with `error` when it is a failure."""
        async with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    async def take(self) -> Batch[C] | None:
        """Return the open batch, at least one record; None at the end.

        Raises the failure that ended the input, once everything read before is taken.
        """
        self.writing = False
        async with self._changed:
            while not self._open.records:
                if self._error is not None:
                    raise self._error
                if self._ended:
                    return None
                await self._changed.wait()
            batch, self._open = self._open, Batch(self._content())
            self._changed.notify_all()
            self.writing = True
            return batch
