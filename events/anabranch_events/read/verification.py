"""The verification of the log: every position read, compared with the ledger."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Final, Protocol

from pydantic import BaseModel, ConfigDict

from anabranch_events.errors import EventInvalid, LogRefused
from anabranch_events.jetstream.ledger import BLOCK, BlockHash, hash_of, total, without

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from anabranch_events.event.recorded import Recorded
    from anabranch_events.jetstream.ledger import Ledger, Stretch, Tip
    from anabranch_events.jetstream.stream import Bounds

UNREADABLE_MAX: Final = 1000


class ReadableLog(Protocol):
    """The part of a log that verification needs."""

    @property
    def ledger(self) -> Ledger | None:
        """The ledger beside the log."""
        ...

    async def bounds(self) -> Bounds:
        """Return the first and the last position."""
        ...

    async def messages(self) -> int:
        """Return the number of messages."""
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

    `missing` counts positions without a message, but for those whose loss was accepted. `read_to`
    is the highest position ever read, where the log ends before it.
    """

    model_config = ConfigDict(frozen=True)
    first: int
    last: int
    missing: int
    accepted: tuple[tuple[int, int], ...] = ()
    read_to: int | None = None

    @property
    def sound(self) -> bool:
        """True when nothing is known to be missing."""
        return self.missing == 0 and self.read_to is None


class LogReport(BaseModel):
    """The log as it reads. Stretches of positions go from the first to the last.

    `missing` has no event where one must be, `changed` reads otherwise than before, `accepted` is
    a loss that was accepted. `unreadable` lists messages that are no events, the first 1,000.
    `blocks` of 1,000 positions were compared with their hash.
    """

    model_config = ConfigDict(frozen=True)
    first: int
    last: int
    events: int
    missing: tuple[tuple[int, int], ...]
    changed: tuple[tuple[int, int], ...]
    accepted: tuple[tuple[int, int], ...]
    unreadable: tuple[Unreadable, ...]
    blocks: int

    @property
    def sound(self) -> bool:
        """True when nothing is missing and nothing was changed."""
        return not self.missing and not self.changed


async def condition(log: ReadableLog) -> Condition:
    """Return what the server and the ledger say of the log."""
    bounds, messages = await log.bounds(), await log.messages()
    tip, losses = await _known(log.ledger)
    if log.ledger is None:
        return Condition(first=bounds.first, last=bounds.last, missing=0)
    accepted = [one for one in losses if one[0] <= bounds.last]
    return Condition(
        first=bounds.first,
        last=bounds.last,
        missing=max(0, bounds.last - messages - total(accepted)),
        accepted=tuple(losses),
        read_to=tip.position if tip is not None and tip.position > bounds.last else None,
    )


async def verify(log: ReadableLog, *, progress: Callable[[int], None] | None = None) -> LogReport:
    """Read the whole log and compare it with its ledger."""
    bounds = await log.bounds()
    tip, losses = await _known(log.ledger)
    reading = _Verification(log.ledger, tip)
    async with aclosing(log.read_all(to=bounds.last)) as records:
        async for recorded in records:
            await reading.take(recorded)
            if progress is not None and recorded.position % BLOCK == 0:
                progress(recorded.position)
    end = max(bounds.last, tip.position if tip else 0)
    if log.ledger is not None and reading.position < end:
        reading.missing.append((reading.position + 1, end))
    return LogReport(
        first=bounds.first,
        last=bounds.last,
        events=reading.events,
        missing=tuple(without(reading.missing, losses)),
        changed=tuple(reading.changed),
        accepted=tuple(losses),
        unreadable=tuple(reading.unreadable),
        blocks=reading.compared,
    )


async def _known(ledger: Ledger | None) -> tuple[Tip | None, list[Stretch]]:
    """Return what the ledger says; nothing where this user may not have one."""
    if ledger is None:
        return None, []
    try:
        return await ledger.tip(), await ledger.losses()
    except LogRefused:
        return None, []


class _Verification:
    """One reading of the whole log."""

    def __init__(self, ledger: Ledger | None, tip: Tip | None) -> None:
        self._ledger = ledger
        self._tip = tip
        self._blocks = BlockHash()
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
        whole = self._blocks.add(recorded)
        if whole is not None and self._ledger is not None:
            await self._look_up(self._ledger, *whole)

    def _read(self, recorded: Recorded) -> None:
        try:
            recorded.decode()
        except EventInvalid as error:
            if len(self.unreadable) < UNREADABLE_MAX:
                reason = error.message.encode("utf-8", "replace").decode()
                self.unreadable.append(Unreadable(position=recorded.position, reason=reason))
        else:
            self.events += 1

    async def _look_up(self, ledger: Ledger, block: int, digest: str) -> None:
        known = await ledger.sealed(block)
        if known is None:
            await ledger.seal(block, digest)
            return
        self.compared += 1
        self._compare(digest, known, (block * BLOCK + 1, (block + 1) * BLOCK))

    def _compare(self, found: str, known: str, stretch: Stretch) -> None:
        if found != known:
            self.changed.append(stretch)
