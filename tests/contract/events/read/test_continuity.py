"""The end of the log, noted beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch_events.event.identifiers import new_id
from anabranch_events.jetstream.ledger import tip_of
from tests.support.events import notes
from tests.support.logs import append_each

if TYPE_CHECKING:
    from anabranch_events import Log


async def test_the_noted_end_of_the_log_never_goes_back(log: Log) -> None:
    """A reader that is behind what was noted leaves it, so that a lost end stays known."""
    await log.note_end()
    await append_each(log, notes(new_id(), 3))
    ledger = log.ledger
    assert ledger is not None
    empty = await ledger.tip()

    await log.note_end()
    behind = log.continuity()
    await behind.begin(after=0, last=3)
    first, last = await log.at(1), await log.at(3)
    assert first is not None
    assert last is not None
    await behind.note(first)
    held = await ledger.tip()
    await append_each(log, notes(new_id(), 1))
    fourth = await log.at(4)
    assert fourth is not None
    await behind.note(fourth)
    after = await ledger.tip()

    assert (empty, held, after) == (None, tip_of(last), tip_of(fourth))
