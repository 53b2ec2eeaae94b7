"""An event as the log holds it: its position and its document."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from anabranch_events.errors import EventInvalid
from anabranch_events.event.codec import decode
from anabranch_events.event.foreign import Place

if TYPE_CHECKING:
    from anabranch_events.event.envelope import Event


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """A stored message. Anyone with access may have written it: decoding can fail."""

    position: int
    namespace: str
    session_id: str
    raw: bytes
    """The CloudEvents document, with its data put back if that was in the object store."""
    stored_us: int
    """The server's time of the append, in whole microseconds since the epoch."""

    @property
    def stored_at(self) -> datetime:
        """The server's time of the append."""
        return datetime.fromtimestamp(self.stored_us / 1e6, UTC)

    def place(self) -> Place:
        """Return what the message says of its event beside the document."""
        return Place(self.namespace, self.session_id, self.stored_at)

    def decode(self) -> Event:
        """Return the event: an older version as the current one, an unknown type as opaque.

        Attributes that a producer left out are those of the message: of its subject, and the time
        of the append.
        Raises EventInvalid when it cannot be read, or when it belongs to another subject than the
        one it was stored on.
        """
        event = decode(self.raw, place=self.place)
        if event.subject != self.session_id or event.namespace != self.namespace:
            raise EventInvalid(
                f"the event says {event.namespace}.{event.session_id} but was stored under "
                f"{self.namespace}.{self.session_id}",
                field="subject",
                fix="publish an event on the subject of its own namespace and session",
            )
        return event
