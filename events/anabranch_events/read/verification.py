"""The verification of the log: every position read, or a few, compared with the ledger."""

from __future__ import annotations

import random
from contextlib import aclosing
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict

from anabranch_events.errors import EventInvalid, LogRefused
from anabranch_events.jetstream.explained import Explained
from anabranch_events.jetstream.ledger import BLOCK, Blocks, hash_of, joined, total
from anabranch_events.read.continuity import compared

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

    from anabranch_events.event.recorded import Recorded
    from anabranch_events.jetstream.ledger import Block, Ledger, Stretch, Tip
    from anabranch_events.jetstream.stream import Extent

UNREADABLE_MAX: Final = 1000
SAMPLE_BLOCKS: Final = 6
"""The blocks of a spot check beside the first one and the last two: a second's reading."""


class ReadableLog(Protocol):
    """The part of a log that verification needs."""

    @property
    def ledger(self) -> Ledger | None:
        """The ledger beside the log."""
        ...

    async def extent(self) -> Extent:
        """Return the first and the last position and the number of messages, of one moment."""
        ...

    async def at(self, position: int) -> Recorded | None:
        """Return the record at a position."""
        ...

    async def holds(self, position: int) -> bool:
        """Tell whether the log has a message at a position, by its leader."""
        ...

    def read_all(self, *, after: int = 0, to: int | None = None) -> AsyncGenerator[Recorded, None]:
        """Yield all records between two positions."""
        ...


class Unreadable(BaseModel):
    """A message that is no event of ours, and the reason."""

    model_config = ConfigDict(frozen=True)
    position: int
    reason: str


class Condition(BaseModel):
    """The log as its server tells of it: positions without an event, and an end that was lost.

    `missing` counts positions without a message, but for accepted losses, and for those `deleted`
    with their namespace. `read_to` is the highest position ever read, where the log ends before it.
    """

    model_config = ConfigDict(frozen=True)
    first: int
    last: int
    missing: int
    accepted: tuple[tuple[int, int], ...] = ()
    deleted: int = 0
    read_to: int | None = None

    @property
    def sound(self) -> bool:
        """True when nothing is known to be missing."""
        return self.missing == 0 and self.read_to is None


class LogReport(BaseModel):
    """The log as it reads. Stretches of positions go from the first to the last.

    `missing` has no event where one must be, `changed` reads otherwise than before. `accepted` is
    a loss that was accepted, `deleted` went with its namespace. `unreadable` lists messages that
    are no events, the first 1,000. `blocks` of 1,000 positions were compared with their hash.
    """

    model_config = ConfigDict(frozen=True)
    first: int
    last: int
    events: int
    missing: tuple[tuple[int, int], ...]
    changed: tuple[tuple[int, int], ...]
    accepted: tuple[tuple[int, int], ...]
    deleted: tuple[tuple[int, int], ...] = ()
    unreadable: tuple[Unreadable, ...]
    blocks: int

    @property
    def sound(self) -> bool:
        """True when nothing is missing and nothing was changed."""
        return not self.missing and not self.changed


async def condition(log: ReadableLog) -> Condition:
    """Return what the server and the ledger say of the log."""
    _, _, known = await _survey(log)
    return known


async def _survey(log: ReadableLog) -> tuple[Extent, Tip | None, Condition]:
    """Return the extent of the log, its tip, and what they say.

    The tip is read first: the log grows meanwhile, and a tip read later may lie after its end.
    """
    tip = await _tip(log.ledger)
    extent = await log.extent()
    first, last, messages = extent
    if log.ledger is None:
        return extent, tip, Condition(first=first, last=last, missing=0)
    losses, deleted = await _losses(log.ledger)
    accepted = [one for one in losses if one[0] <= last]
    missing = max(0, last - messages - total(accepted) - deleted)
    known = Condition(
        first=first,
        last=last,
        missing=missing or await _end_missing(log, last),
        accepted=tuple(losses),
        deleted=deleted,
        read_to=tip.position if tip is not None and tip.position > last else None,
    )
    return extent, tip, known


async def _end_missing(log: ReadableLog, last: int) -> int:
    """Return 1 where the last position has no event, though its message is counted."""
    if log.ledger is None or last == 0 or await log.holds(last):
        return 0
    try:
        return total(await Explained(log.ledger).unexplained([(last, last)]))
    except LogRefused:
        return 0


class SpotCheck(NamedTuple):
    """A report on some of the log, and how many positions of it that are.

    `counted` says whether the messages were counted too: without a ledger they cannot be.
    """

    report: LogReport
    positions: int
    counted: bool


async def verify(log: ReadableLog, *, progress: Callable[[int], None] | None = None) -> LogReport:
    """Read the whole log and compare it with its ledger."""
    tip = await _tip(log.ledger)
    extent = await log.extent()
    return await _read(log, extent, tip, [(1, extent.last)], progress=progress)


async def spot_check(log: ReadableLog, *, blocks: int = SAMPLE_BLOCKS) -> SpotCheck:
    """Count the log, read the first block, the last two and `blocks` others, and compare them.

    The others are drawn anew each time. Where the count is not right, or the log ends too early,
    all of it is read, so that the report has the positions.
    """
    extent, tip, known = await _survey(log)
    number = -(-extent.last // BLOCK)
    drawn = random.sample(range(number), min(blocks, number))
    chosen = {0, number - 2, number - 1, *drawn} & set(range(number))
    places = joined((one * BLOCK + 1, min((one + 1) * BLOCK, extent.last)) for one in chosen)
    if not known.sound:
        places = [(1, extent.last)]
    report = await _read(log, extent, tip, places)
    return SpotCheck(report, total(places), counted=log.ledger is not None)


async def _read(
    log: ReadableLog,
    extent: Extent,
    tip: Tip | None,
    places: Sequence[Stretch],
    *,
    progress: Callable[[int], None] | None = None,
) -> LogReport:
    """Read stretches of the log, the last of which ends with it; return what is found there."""
    losses, _ = await _losses(log.ledger)
    reading = _Verification(log.ledger, tip, log.at)
    for first, last in places:
        reading.position = first - 1
        async with aclosing(log.read_all(after=first - 1, to=last)) as records:
            async for recorded in records:
                await reading.take(recorded)
                if progress is not None and recorded.position % BLOCK == 0:
                    progress(recorded.position)
        reading.end(last)
    reading.end(max(extent.last, tip.position if tip else 0))
    missing, deleted = await reading.judged()
    return LogReport(
        first=extent.first,
        last=extent.last,
        events=reading.events,
        missing=tuple(missing),
        changed=tuple(reading.changed),
        accepted=tuple(losses),
        deleted=tuple(deleted),
        unreadable=tuple(reading.unreadable),
        blocks=reading.compared,
    )


async def _tip(ledger: Ledger | None) -> Tip | None:
    """Return the last event that was read; None where this user may not have a ledger."""
    if ledger is None:
        return None
    try:
        return await ledger.tip()
    except LogRefused:
        return None


async def _losses(ledger: Ledger | None) -> tuple[list[Stretch], int]:
    """Return the accepted losses and the number deleted; none where this user may not ask."""
    if ledger is None:
        return [], 0
    try:
        return await ledger.losses(), await ledger.deleted_count()
    except LogRefused:
        return [], 0


class _Verification:
    """One reading of the whole log."""

    def __init__(
        self,
        ledger: Ledger | None,
        tip: Tip | None,
        at: Callable[[int], Awaitable[Recorded | None]],
    ) -> None:
        self._ledger = ledger
        self._explained = None if ledger is None else Explained(ledger)
        self._at = at
        self._tip = tip
        self._blocks = Blocks()
        self.position = 0
        self.events = 0
        self.compared = 0
        self.missing: list[Stretch] = []
        self.changed: list[Stretch] = []
        self.unreadable: list[Unreadable] = []

    async def take(self, recorded: Recorded) -> None:
        """Take in the next record."""
        if self._ledger is not None and recorded.position != self.position + 1:
            self.missing.append((self.position + 1, recorded.position - 1))
        self.position = recorded.position
        self._read(recorded)
        tip = self._tip
        if tip is not None and tip.digest and recorded.position == tip.position:
            self._compare(hash_of(recorded).hex(), tip.digest, (tip.position, tip.position))
        for block in self._blocks.add(recorded):
            await self._look_up(block)

    def end(self, position: int) -> None:
        """Take in that no record up to a position is left."""
        if self._ledger is not None and self.position < position:
            self.missing.append((self.position + 1, position))
            self.position = position

    async def judged(self) -> tuple[list[Stretch], list[Stretch]]:
        """Return the positions that are missing without a reason, and those that were deleted."""
        for block in self._blocks.end():
            await self._look_up(block)
        if self._explained is None or not self.missing:
            return joined(self.missing), []
        try:
            missing = await self._explained.unexplained(self.missing)
            return missing, await self._explained.deletions(self.missing)
        except LogRefused:
            return joined(self.missing), []

    def _read(self, recorded: Recorded) -> None:
        try:
            recorded.decode()
        except EventInvalid as error:
            if len(self.unreadable) < UNREADABLE_MAX:
                reason = error.message.encode("utf-8", "replace").decode()
                self.unreadable.append(Unreadable(position=recorded.position, reason=reason))
        else:
            self.events += 1

    async def _look_up(self, block: Block) -> None:
        if self._ledger is None or self._explained is None:
            return
        found = await compared(self._ledger, self._explained, block, self._at)
        self.compared += found is not None
        if found is False:
            self.changed.append(block.stretch)

    def _compare(self, found: str, known: str, stretch: Stretch) -> None:
        if found != known:
            self.changed.append(stretch)
