"""The follower of the log: the loop that every projection shares."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Final, Generic

from anabranch_events import PinLost
from anabranch_events.errors import LogRewound, LogUnavailable, Unavailable
from anabranch_projections.run.backoff import LOGGER, Backoff
from anabranch_projections.run.batch import Batch, C
from anabranch_projections.run.batching import Batcher
from anabranch_projections.run.checkpoint import Checkpoint, Fenced, Refused
from anabranch_projections.run.ended import EndedFold
from anabranch_projections.run.throughput import FollowerStatus, Throughput
from anabranch_projections.run.wait import not_reached

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from anabranch_events import Log, Recorded
    from anabranch_store import Graph, Plan, Step


PIECE: Final = 50
REST_S: Final = 0.001
"""The reader's pause after each piece decoded, which leaves the loop to a writer at work."""
PAUSE_S: Final = 0.05


class Follower(ABC, Generic[C]):
    """A reader of the log from its checkpoint on that writes its fold, for as long as it runs.

    Several may run at once, in any processes: the checkpoint's compare-and-set lets one at a time
    through. `shared` followers know of each other by a consumer that all on the same graph share.
    The holder of its pin is active, and the others stand by. `on_commit` is called with the
    position after each commit.
    """

    def __init__(
        self,
        log: Log,
        graph: Graph,
        *,
        name: str,
        on_commit: Callable[[int], None] | None = None,
        shared: str | None = None,
    ) -> None:
        self._log = log
        self._graph = graph
        self.on_commit = on_commit
        self.on_reach: Callable[[int], None] | None = None
        """Called with each position found in the graph, by a commit or another way."""
        self.announces = True
        """True to announce each commit; false while a graph is filled that nobody reads."""
        self._checkpoint = Checkpoint(graph, name)
        # A pin needs a consumer, and a tenant that may make consumers could write anything.
        pins = shared is not None and log.rights == "all"
        self._pinned = log.pinned(f"{name}-{shared}") if pins else None
        self._active = False
        self._ended = EndedFold({})
        self._throughput = Throughput()
        self._moved = asyncio.Event()
        self.name = name
        self.position = 0
        """The position that was reached, as far as is known here."""

    @property
    def status(self) -> FollowerStatus:
        """The follower's position and throughput."""
        return self._throughput.status(
            self.position, active=self._active, retries=self._checkpoint.retries
        )

    @property
    def dead_letters(self) -> int:
        """The number of events this follower has put aside since it was made."""
        return self._throughput.dead_letters

    async def run(self, *, to: int | None = None) -> None:
        """Follow the log until cancelled, or until `to` is in the graph.

        With `to` it reads by itself, shared or not. Outages of either server are waited out. Raises
        SetupInvalid, which no waiting mends: for a wrong password (GraphRefused) or a log that ends
        before the checkpoint (LogRewound).
        """
        backoff = Backoff(self.name)
        while True:
            self._reach(await self._checkpoint.read())
            before = self.position
            try:
                async with self._turn(to):
                    await self._follow(to)
            except PinLost as lost:
                LOGGER.info("projection %s takes its turn anew: %s", self.name, lost)
                await asyncio.sleep(PAUSE_S)
            except (Fenced, Unavailable) as error:
                if self.position > before:
                    backoff.over()
                await backoff.pause(error)
            else:
                return

    async def wait_for(self, position: int, *, timeout_s: float) -> None:
        """Return once `position` is in the graph. Raises WaitTimedOut after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.position < position:
                    await self._moved.wait()
        except TimeoutError:
            raise not_reached(self.name, self.position, position, timeout_s=timeout_s) from None

    @abstractmethod
    def _content(self) -> C:
        """Return an empty content for a batch."""

    @abstractmethod
    async def _steps(self, batch: Batch[C]) -> list[Step] | Plan:
        """Return the statements that apply a batch, or the plan that decides on them."""

    @abstractmethod
    def _give_up(self, record: Recorded, error: Exception) -> list[Step]:
        """Return the statements to run in place of a record that the store refuses, or raise."""

    @asynccontextmanager
    async def _turn(self, to: int | None) -> AsyncGenerator[None]:
        """Wait until it is this follower's turn to write; its position is the checkpoint then."""
        async with contextlib.AsyncExitStack() as stack:
            if self._pinned is not None and to is None:
                await stack.enter_async_context(self._pinned.taken(self._read_checkpoint))
                # The follower that had the turn before may be frozen in the middle of a
                # transaction.
                await self._graph.end_writes(self.name)
                await self._read_checkpoint()
            self._active = True
            try:
                yield
            finally:
                self._active = False

    async def _read_checkpoint(self) -> int:
        """Return where the checkpoint stands. Raises GraphUnavailable."""
        self._reach(await self._graph.checkpoint(self.name))
        return self.position

    async def _follow(self, to: int | None) -> None:
        last = (await self._log.bounds()).last
        if last < self.position:
            raise LogRewound(position=self.position, last=last)
        await self._begin(last, endless=to is None)
        self._ended = EndedFold(await self._log.ended_namespaces())
        lost = await self._log.lost_end(last) if self.position < last else None
        await self._pass_lost_end(lost)
        batcher = Batcher(self._content)
        reader = asyncio.create_task(self._read(batcher, to), name=f"{self.name} reads")
        try:
            while (batch := await batcher.take()) is not None:
                await self._apply(batch)
                await self._pass_lost_end(lost)
            if to is not None and self.position < to:
                await self._pass_lost_end(await self._log.lost_end(to))
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    async def _read(self, batcher: Batcher[C], to: int | None) -> None:
        try:
            async with aclosing(self._batches(to)) as batches:
                async for records in batches:
                    # In pieces: decoding holds the writer's loop, and each answer of the graph
                    # takes the driver several turns of the loop.
                    for start in range(0, len(records), PIECE):
                        piece = await self._told_once(records[start : start + PIECE])
                        await batcher.put(self._ended.marked(piece))
                        await asyncio.sleep(REST_S if batcher.writing else 0)
            if to is not None:
                await self._read_up_to(to)
        except Exception as error:  # noqa: BLE001 - the writer raises it.
            await batcher.end(error)
        else:
            await batcher.end()

    async def _begin(self, last: int, *, endless: bool) -> None:
        """Prepare to read after the checkpoint; the log ends at `last`."""

    async def _read_up_to(self, to: int) -> None:
        """Note that everything up to `to` was read."""

    async def _told_once(self, records: list[Recorded]) -> list[Recorded]:
        """Return the records with those marked that have no effect: they repeat an earlier one."""
        return records

    def _batches(self, to: int | None) -> AsyncGenerator[list[Recorded], None]:
        if self._pinned is None or to is not None:
            return self._log.batches(after=self.position, to=to)
        return self._pinned.batches(after=self.position)

    async def _apply(self, batch: Batch[C]) -> None:
        """Write a batch; one that the store refuses is halved until the culprit stands alone."""
        alone = len(batch.records) == 1
        try:
            await self._move(batch, await self._steps(batch), last=alone)
        except Refused as refused:
            if alone:
                await self._put_aside(batch, refused.cause)
                return
            middle = len(batch.records) // 2
            for half in (batch.records[:middle], batch.records[middle:]):
                await self._apply(self._batch(half))

    async def _put_aside(self, batch: Batch[C], error: Exception) -> None:
        try:
            await self._move(batch, self._give_up(batch.records[0], error), last=True)
        except Refused as refused:
            # Not even the dead letter can be written: the fault is not the event's.
            raise refused.cause from error
        self._throughput.dead_letters += 1
        LOGGER.error(
            "projection %s put the event at position %d aside: %s",
            self.name,
            batch.last,
            error,
            extra={"projection": self.name, "position": batch.last, "error": type(error).__name__},
        )

    async def _move(self, batch: Batch[C], steps: Sequence[Step] | Plan, *, last: bool) -> None:
        await self._commit(steps, batch.last, last=last)
        self._throughput.count(len(batch.records), dead_letters=len(batch.letters))
        await self._committed(batch.last)

    async def _commit(self, steps: Sequence[Step] | Plan, position: int, *, last: bool) -> None:
        await self._checkpoint.move(
            steps,
            expected=self.position,
            position=position,
            last=last,
            wait=self._pinned is None,  # In an outage of its own it lets another try.
        )

    async def _pass_lost_end(self, lost: tuple[int, int] | None) -> None:
        """Move past an accepted loss at the log's end: no record comes that would."""
        if lost is None or self.position != lost[0] - 1:
            return
        try:
            await self._commit([], lost[1], last=True)
        except Refused as refused:
            raise refused.cause from refused
        await self._committed(lost[1])

    async def _committed(self, position: int) -> None:
        """Tell everybody that a position is in the graph."""
        self._reach(position)
        if self.on_commit is not None:
            self.on_commit(position)
        if self.announces:
            with contextlib.suppress(LogUnavailable):
                await self._log.announce(self.name, position)

    def _batch(self, records: Sequence[Recorded]) -> Batch[C]:
        batch = Batch(self._content())
        for record in records:
            batch.add(record)
        return batch

    def _reach(self, position: int) -> None:
        self.position = position
        self._moved.set()
        self._moved = asyncio.Event()
        if self.on_reach is not None:
            self.on_reach(position)
