"""An event and where it stands in the log: what a fold works on."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from anabranch_events.event import Event


class PositionedEvent(NamedTuple):
    """An event at its position."""

    position: int
    event: Event

    @property
    def namespace(self) -> str:
        """The namespace everything this event touches lies in."""
        return self.event.namespace

    @property
    def session_id(self) -> str:
        """The session the event belongs to."""
        return self.event.subject

    @property
    def time(self) -> str:
        """When it happened, as text a graph reads."""
        return timestamp(self.event.time)


def timestamp(value: datetime) -> str:
    """Return `value` in UTC and whole milliseconds as ISO 8601 text, which every store can hold."""
    if value.tzinfo is not UTC:
        # The first and last hours that a datetime can name have no UTC form; their own will do.
        with contextlib.suppress(OverflowError):
            value = value.astimezone(UTC)
    return value.isoformat(timespec="milliseconds")


def timestamp_or_none(value: datetime | None) -> str | None:
    """Return the `timestamp` of a time that may be missing."""
    return None if value is None else timestamp(value)
