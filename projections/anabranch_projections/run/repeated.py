"""Records that repeat an earlier one: they have no effect, and are passed by or put aside."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import msgspec

from anabranch_events import Recorded, fingerprint
from anabranch_events.errors import EventInvalid
from anabranch_events.event.types import BranchCreated, SessionOpened
from anabranch_projections.errors import IdTaken

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anabranch_events import Repeats


class Repetition(Recorded, frozen=True, gc=False):
    """A record whose event the log has already: it has had its effects."""


class Impostor(Recorded, frozen=True, gc=False):
    """A record of another event under an id that the log has already."""

    def decode(self) -> NoReturn:
        """Raise IdTaken: the first event of an id counts."""
        raise IdTaken(Recorded.decode(self).id)


async def told_once(records: Iterable[Recorded], repeats: Repeats) -> list[Recorded]:
    """Return the records with those marked that repeat an earlier one. Raises LogUnavailable.

    An opening is left to the rules, which ask the graph whether the earlier one was applied.
    """
    return [await _marked(record, repeats) for record in records]


async def _marked(record: Recorded, repeats: Repeats) -> Recorded:
    earlier = await repeats.earlier(record)
    if not earlier:
        return record
    try:
        event = record.decode()
    except EventInvalid:
        return record
    if isinstance(event.data, SessionOpened | BranchCreated):
        return record
    same = earlier[0].fingerprint == fingerprint(event)
    return (Repetition if same else Impostor)(**msgspec.structs.asdict(record))
