"""A spot check of the log reads a little of it, and all of it where the count is not right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from anabranch_events import Recorded, encode, spot_check
from anabranch_events.jetstream.ledger import BLOCK, Block, Ledger, Tip, hash_of
from anabranch_events.jetstream.stream import Extent
from anabranch_events.read.verification import condition, verify
from tests.support.events import NAMESPACE, note

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

SESSION: Final = "01a20000-0000-7000-8000-000000000001"
BLOCKS: Final = 12


class KeptLedger(Ledger):
    """A ledger whose bucket is a dictionary."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    async def _get(self, key: str) -> Any:
        return self._values.get(key)

    async def _put(self, key: str, value: object) -> None:
        self._values[key] = value


class KeptLog:
    """A log in memory of twelve blocks and a bit, which counts the positions that are read."""

    def __init__(self) -> None:
        raw = bytes(encode(note(SESSION)))
        self.records = {
            position: Recorded(position, NAMESPACE, SESSION, raw, 0)
            for position in range(1, BLOCKS * BLOCK + 51)
        }
        self.last = len(self.records)
        self.ledger: Any = KeptLedger()
        self.read = 0

    async def sealed(self) -> KeptLog:
        """Note the hash of each block."""
        for number in range(BLOCKS):
            first, last = Block(number, {}).stretch
            hashes = {at: hash_of(self.records[at]) for at in range(first, last + 1)}
            await self.ledger.seal(number, Block(number, hashes).digest() or "")
        return self

    async def extent(self) -> Extent:
        """Return the first and the last position and the number of messages."""
        return Extent(1, self.last, len(self.records))

    async def at(self, position: int) -> Recorded | None:
        """Return the record at a position."""
        return self.records.get(position)

    async def holds(self, position: int) -> bool:
        """Tell whether there is a record at a position."""
        return position in self.records

    async def read_all(
        self, *, after: int = 0, to: int | None = None
    ) -> AsyncGenerator[Recorded, None]:
        """Yield all records between two positions."""
        for position in range(after + 1, (to or self.last) + 1):
            if position in self.records:
                self.read += 1
                yield self.records[position]

    def change(self, position: int) -> None:
        """Have an event read otherwise than before."""
        other = bytes(encode(note(SESSION, 2)))
        self.records[position] = Recorded(position, NAMESPACE, SESSION, other, 0)


async def test_the_first_block_the_end_and_a_few_between_are_read() -> None:
    """A sound log costs the same, however long it is."""
    log = await KeptLog().sealed()

    found = await spot_check(log, blocks=2)

    assert found.report.sound
    assert found.positions == log.read
    assert 2 * BLOCK + 50 <= log.read <= 4 * BLOCK + 50
    assert log.read // BLOCK == found.report.blocks


async def test_a_changed_event_in_what_is_read_is_found() -> None:
    """The first block, and the last whole one, are read every time."""
    for position in (7, BLOCKS * BLOCK - 7):
        log = await KeptLog().sealed()
        log.change(position)
        block = Block((position - 1) // BLOCK, {}).stretch

        found = await spot_check(log, blocks=0)

        assert found.report.changed == (block,)


async def test_a_changed_event_anywhere_is_found_at_last() -> None:
    """The blocks between are drawn anew each time: asked often enough, each is read."""
    log = await KeptLog().sealed()
    log.change(5 * BLOCK + 7)

    found = await spot_check(log, blocks=2)
    for _ in range(1000):
        if not found.report.sound:
            break
        found = await spot_check(log, blocks=2)

    assert found.report.changed == ((5 * BLOCK + 1, 6 * BLOCK),)


async def test_a_hole_is_counted_and_then_all_is_read_for_its_position() -> None:
    """It lies where a spot check alone would hardly look."""
    log = await KeptLog().sealed()
    del log.records[6 * BLOCK + 3]

    found = await spot_check(log, blocks=0)

    assert found.report.missing == ((6 * BLOCK + 3, 6 * BLOCK + 3),)
    assert found.positions == log.last


async def test_an_empty_log_is_sound() -> None:
    """There is nothing to read."""
    log = KeptLog()
    log.records, log.last = {}, 0

    found = await spot_check(log)

    assert (found.report.sound, found.positions) == (True, 0)


class BusyLog(KeptLog):
    """A log that grows by an event at each request, which the projector notes as read at once."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = GrowingLedger(self)

    async def extent(self) -> Extent:
        """Return the extent, and grow."""
        found = await super().extent()
        await self.grow()
        return found

    async def grow(self) -> None:
        """Append an event, and note it as the last that was read."""
        self.last += 1
        added = Recorded(self.last, NAMESPACE, SESSION, self.records[1].raw, 0)
        self.records[self.last] = added
        await self.ledger.note_tip(Tip(self.last, hash_of(added).hex()))


class GrowingLedger(KeptLedger):
    """The ledger of a busy log."""

    def __init__(self, log: BusyLog) -> None:
        super().__init__()
        self._log = log

    async def _get(self, key: str) -> Any:
        found = await super()._get(key)
        await self._log.grow()
        return found


async def test_a_log_that_grows_meanwhile_lacks_nothing() -> None:
    """What was appended and read after the bounds were taken is not missing."""
    log = BusyLog()
    await log.grow()

    reports = [(await spot_check(log)).report, await verify(log)]

    assert [(report.missing, report.changed) for report in reports] == [((), ())] * 2
    assert (await condition(log)).sound


async def test_growth_meanwhile_hides_no_hole() -> None:
    """The last position and the number of messages are of one moment."""
    log = BusyLog()
    await log.grow()
    del log.records[6 * BLOCK + 3]

    assert (await condition(log)).missing == 1


async def test_a_log_without_a_ledger_is_not_called_counted() -> None:
    """A tenant's log has holes where the others' events are."""
    log = KeptLog()
    log.ledger = None

    found = await spot_check(log)

    assert (found.counted, found.report.sound) == (False, True)
