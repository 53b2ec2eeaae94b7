"""The follower of the recall index: it takes in events and vectors, and writes files."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Final, Protocol, TypeVar, TypeVarTuple

import numpy as np

from anabranch_events.errors import Unavailable
from anabranch_events.event.types import NamespaceDeleted
from anabranch_projections.fold.positioned import PositionedEvent
from anabranch_projections.recall_index.damage import Damaged
from anabranch_projections.run.backoff import LOGGER, Backoff
from anabranch_projections.run.ended import EndedFold, Late
from anabranch_projections.run.wait import not_reached

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from anabranch_events import Log, Recorded
    from anabranch_projections.recall_index.cut import Cut
    from anabranch_projections.recall_index.index_folder import IndexFolder

INDEX: Final = "recall-index"
PIECE: Final = 200
"""Records that are taken in at once, on a thread: a question in between waits no longer."""
ROWS_FLUSHED: Final = 8_192
RECORDS_FLUSHED: Final = 50_000
UNFLUSHED_MAX: Final = 200
"""Records that may stand in no file when it ends: the next process reads them again."""
FLUSH_AFTER_S: Final = 5.0
EMBEDDED_AT_ONCE: Final = 256
MEMORY_MAX: Final = 2 * 1024**3
_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


class VectorSource(Protocol):
    """Gives texts their vectors: a cache in front of an embedder."""

    async def vectors(
        self, texts: Sequence[str], *, private: Collection[str] = ()
    ) -> list[list[float]]:
        """Return a unit vector for each text, in order; those of `private` texts are not kept."""
        ...


class IndexFollower:
    """Follows the log into the recall index for as long as it runs.

    It is the one writer of the index in its process; questions take cuts meanwhile. Where another
    process writes the files, it only reads them and keeps what came later in memory.
    """

    def __init__(
        self,
        log: Log,
        folder: IndexFolder,
        vectors: VectorSource | None = None,
        *,
        memory_max: int = MEMORY_MAX,
        flush_after_s: float = FLUSH_AFTER_S,
        rows_flushed: int = ROWS_FLUSHED,
    ) -> None:
        self._log = log
        self._folder = folder
        self._source = vectors
        self._memory_max = memory_max
        self._flush_after_s = flush_after_s
        self._rows_flushed = rows_flushed
        self._changing = asyncio.Lock()
        self._writing = asyncio.Lock()
        self._moved = asyncio.Event()
        self._unflushed = 0
        self._ended = EndedFold({})
        self.position = folder.position
        """The position that the words have reached."""

    async def run(self, *, to: int | None = None) -> None:
        """Follow until cancelled, or until `to` and its vectors are in the index and in its files.

        Outages of the log are waited out. An index that turns out to be damaged, or to be ahead of
        its log, begins anew.
        """
        backoff = Backoff(INDEX)
        while True:
            before = self.position
            try:
                await self._follow(to)
            except Damaged as damage:
                await self._begin_anew(str(damage))
            except Unavailable as error:
                if self.position > before:
                    backoff.over()
                await backoff.pause(error)
            else:
                return

    async def cut(self, namespace: str, as_of: int | None = None) -> Cut:
        """Return the index of a namespace as of a position, or as it is."""
        index = self._folder.known(namespace)
        if index is None:
            async with self._changing:
                index = await _finished(self._folder.index, namespace)
        return index.cut(as_of)

    async def wait_until_known(self, namespace: str, position: int) -> None:
        """Return once all up to `position` is here, the vectors of its insights too.

        Raises Damaged where the namespace's files are.
        """
        while True:
            moved = self._moved
            if await self._knows(namespace, position):
                return
            await moved.wait()

    async def _knows(self, namespace: str, position: int) -> bool:
        if self.position < position:
            return False
        if self._source is None:
            return True
        async with self._changing:
            index = await _finished(self._folder.index, namespace)
        return index.has_vectors(position)

    async def vectors_behind(self, namespace: str) -> int:
        """Return how many insights of a namespace have no vector yet."""
        async with self._changing:
            index = await _finished(self._folder.index, namespace)
            return len(index) - index.vector_rows

    async def wait_for(self, position: int, *, timeout_s: float) -> None:
        """Return once the words have reached `position`. Raises WaitTimedOut after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.position < position:
                    await self._moved.wait()
        except TimeoutError:
            raise not_reached(INDEX, self.position, position, timeout_s=timeout_s) from None

    async def _follow(self, to: int | None) -> None:
        last = (await self._log.bounds()).last
        if last < self.position:
            await self._begin_anew(f"it stands at {self.position}, the log ends at {last}")
        self._ended = EndedFold(await self._log.ended_namespaces())
        embedding = asyncio.create_task(self._embed(), name=f"{INDEX} embeds")
        flushing = asyncio.create_task(self._flush_now_and_then(), name=f"{INDEX} flushes")
        try:
            async with aclosing(self._log.batches(after=self.position, to=to)) as batches:
                async for records in batches:
                    await self._take_in(records)
                    for task in (embedding, flushing):
                        if task.done():
                            task.result()
            embedding.cancel()
            with suppress(asyncio.CancelledError):
                await embedding
            await self._embed(until_done=True)
            await self.flush()
        finally:
            for task in (embedding, flushing):
                task.cancel()
            await asyncio.gather(embedding, flushing, return_exceptions=True)
            # A process that lives for a moment only leaves the next one less to read.
            if self._unflushed >= UNFLUSHED_MAX:
                with suppress(OSError):
                    await self.flush()

    async def _take_in(self, records: Sequence[Recorded]) -> None:
        for start in range(0, len(records), PIECE):
            piece = records[start : start + PIECE]
            async with self._changing:
                await _finished(self._apply, piece)
            self._reach(piece[-1].position)
            if self._flush_is_due():
                await self.flush()

    def _apply(self, records: Sequence[Recorded]) -> None:
        for record in self._ended.marked(records):
            if isinstance(record, Late):
                continue
            try:
                event = record.decode()
            except Exception:  # noqa: BLE001, S112 - the graph keeps it as a dead letter.
                continue
            if isinstance(event.data, NamespaceDeleted):
                self._folder.drop(event.data.namespace)
            elif not event.opaque:
                self._folder.index(event.namespace).apply(PositionedEvent(record.position, event))
        self._unflushed += len(records)

    def _reach(self, position: int) -> None:
        self.position = position
        self._wake()

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    def _flush_is_due(self) -> bool:
        open_rows = sum(index.open_rows for index in self._folder.loaded)
        return open_rows >= self._rows_flushed or self._unflushed >= RECORDS_FLUSHED

    async def flush(self) -> None:
        """Write what stands in no file yet, compact, and unload what is beyond the memory."""
        if not self._folder.writable:
            return
        async with self._writing:
            async with self._changing:
                await _finished(self._folder.flush, self.position)
                self._unflushed = 0
            while (piece := await _finished(self._folder.prepare)) is not None:
                async with self._changing:
                    await _finished(self._folder.place, piece)
            async with self._changing:
                self._folder.unload(self._memory_max)

    async def _flush_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(self._flush_after_s)
            if self._unflushed or any(each.open_vector_rows for each in self._folder.loaded):
                await self.flush()

    async def _embed(self, *, until_done: bool = False) -> None:
        """Give insights their vectors, the first in the log first, for as long as it runs."""
        backoff = Backoff(f"{INDEX} vectors")
        while self._source is not None:
            try:
                some = await self._embed_some(self._source)
            except Unavailable as error:
                await backoff.pause(error)
                continue
            backoff.over()
            if not some:
                if until_done:
                    return
                await self._moved.wait()

    async def _embed_some(self, source: VectorSource) -> bool:
        for index in self._folder.loaded:
            texts = index.texts_without_vectors(EMBEDDED_AT_ONCE)
            if texts:
                wanted = [text for text in texts if text]
                private = wanted if await self._log.is_sealed(index.namespace) else ()
                made = iter(await source.vectors(wanted, private=private))
                async with self._changing:
                    nothing = [0.0] * index.dimension
                    vectors = [next(made) if text else nothing for text in texts]
                    index.add_vectors(np.asarray(vectors, np.float32))
                self._wake()
                return True
        return False

    async def _begin_anew(self, reason: str) -> None:
        async with self._writing, self._changing:
            await _finished(self._folder.begin_anew, reason)
            self._unflushed = 0
        LOGGER.warning("projection %s begins anew: %s", INDEX, reason)
        self._reach(0)


async def _finished(work: Callable[[*_Ts], _T], *arguments: *_Ts) -> _T:
    """Do `work` on a thread. A caller that is cancelled waits for it: nothing is written later."""
    running = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
