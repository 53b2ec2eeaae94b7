"""An event with its position in the log: the input of a fold."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson

from anabranch_events.event.identifiers import composed

if TYPE_CHECKING:
    from anabranch_events.event.envelope import Event


class PositionedEvent:
    """An event at its position.

    `namespace` holds everything it touches; `session_id` is the session it belongs to.
    """

    __slots__ = ("event", "namespace", "position", "session_id")

    def __init__(self, position: int, event: Event) -> None:
        self.position = position
        self.event = event
        self.namespace = event.namespace
        self.session_id = event.subject

    @property
    def agent(self) -> str | None:
        """The agent that the event names, in one spelling."""
        return spelt(self.event.agent)

    @property
    def time(self) -> str:
        """The time of the event, as text a graph reads."""
        return timestamp(self.event.time)


def spelt(name: str | None) -> str | None:
    """Return a name that may be missing in one spelling of its characters."""
    return None if name is None else composed(name)


def timestamp(value: datetime) -> str:
    """Return `value` in UTC and whole milliseconds as ISO 8601 text, which every store can hold."""
    if value.tzinfo is not UTC:
        try:
            value = value.astimezone(UTC)
        except OverflowError:
            # The first and last hours that a datetime can name have no UTC form; their own will do.
            return value.isoformat(timespec="milliseconds")
    # A quarter of isoformat's time, and every event has a time.
    text = orjson.dumps(value).decode()
    milliseconds = text[20:24] if text[20] == "." else ".000"
    return f"{text[1:20]}{milliseconds}+00:00"


def timestamp_or_none(value: datetime | None) -> str | None:
    """Return the `timestamp` of a time that may be missing."""
    return None if value is None else timestamp(value)
