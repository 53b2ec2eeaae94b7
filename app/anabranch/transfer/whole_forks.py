"""Forks stay whole on their way into a log: their branches share one batch, as they did before.

A joiner reads a fork's branches one after another, and takes those that are missing for lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anabranch_events.event.types import BranchCreated, JoinTerms
from anabranch_events.jetstream.limits import BATCH_EVENTS_MAX

if TYPE_CHECKING:
    from anabranch_events import Event

BATCH_MAX: Final = 500
"""The events of a batch, where no fork needs more room."""


def has_room(waiting: int, last: Event | None, event: Event) -> bool:
    """Tell whether an event goes into a batch that has so many, of which `last` came last."""
    terms = _join_of(event)
    if terms is None:
        return waiting < BATCH_MAX
    before = None if last is None else _join_of(last)
    if before is not None and before.join_id == terms.join_id:
        return waiting < BATCH_EVENTS_MAX
    return waiting + terms.branches <= BATCH_EVENTS_MAX


def _join_of(event: Event) -> JoinTerms | None:
    return event.data.join if isinstance(event.data, BranchCreated) else None
