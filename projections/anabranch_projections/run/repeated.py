"""Records that repeat an earlier one: they have no effect, and are passed by or put aside."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from anabranch_events import Recorded, fingerprint
from anabranch_events.errors import EventInvalid
from anabranch_events.event.types import BranchCreated, SessionOpened
from anabranch_projections.errors import IdTaken, SessionOpenedBefore

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anabranch_events import Repeats
    from anabranch_projections.errors import RuleBroken


class Repetition(Recorded, frozen=True, gc=False):
    """A record whose event the log has already: it has had its effects."""


class Impostor(Recorded, frozen=True, gc=False):
    """A record of another event under an id that the log has already."""

    def decode(self) -> NoReturn:
        """Raise IdTaken: the first event of an id counts."""
        raise IdTaken(Recorded.decode(self).id)


class RepeatedOpening(Recorded, frozen=True, gc=False):
    """A record whose opening the log has already, at `copies`.

    The rules judge it: it counts where no earlier one was applied, as before its parent came.
    """

    copies: frozenset[int] = frozenset()


def passed_by(record: Recorded, error: RuleBroken) -> Repetition | None:
    """Return a record as a repetition where one of its copies opened the session."""
    if not isinstance(record, RepeatedOpening) or not isinstance(error, SessionOpenedBefore):
        return None
    return Repetition.of(record) if error.position in record.copies else None


async def told_once(records: Iterable[Recorded], repeats: Repeats) -> list[Recorded]:
    """Return the records with those marked that repeat an earlier one. Raises LogUnavailable."""
    return [await _marked(record, repeats) for record in records]


async def _marked(record: Recorded, repeats: Repeats) -> Recorded:
    earlier = await repeats.earlier(record)
    if not earlier:
        return record
    try:
        event = record.decode()
    except EventInvalid:
        return record
    told = fingerprint(event)
    if isinstance(event.data, SessionOpened | BranchCreated):
        copies = frozenset(one.position for one in earlier if one.fingerprint == told)
        return RepeatedOpening.of(record, copies=copies)
    return (Repetition if earlier[0].fingerprint == told else Impostor).of(record)
