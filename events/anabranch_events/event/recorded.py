"""An event as the log holds it: its position and its document."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import msgspec

from anabranch_events.errors import EventInvalid
from anabranch_events.event.codec import decode
from anabranch_events.event.foreign import Place
from anabranch_events.event.unsealing import unseal, unsealed_event

if TYPE_CHECKING:
    from anabranch_events.event.envelope import Event
    from anabranch_events.event.sealing import Keys
    from anabranch_events.event.unsealing import Opened


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """A stored message. Anyone with access may have written it: decoding can fail."""

    position: int
    namespace: str
    session_id: str
    raw: bytes
    """The CloudEvents document as it is stored, its data put back if they were kept apart."""
    stored_us: int
    """The server's time of the append, in whole microseconds since the epoch."""
    keys: Keys | None = None
    """The keys of its block, for a message of a sealed namespace that has the mark of a seal."""
    refused: str | None = None
    """The reason for which a message of a sealed namespace is not taken."""

    @classmethod
    def of(cls, record: Recorded, **more: Any) -> Self:
        """Return the same message as a record of this kind, with `more` that this kind adds."""
        return cls(*(getattr(record, name) for name in Recorded.__struct_fields__), **more)

    @property
    def document(self) -> bytes:
        """The CloudEvents document in plain text, for those who read it as JSON.

        A sealed one that cannot be what it says stays as it is stored.
        """
        opened = self._opened()
        return self.raw if opened is None else opened.document

    @property
    def erased(self) -> bool:
        """True where keys are gone: what the event said there cannot be read any more."""
        opened = self._opened()
        return opened is not None and opened.erased

    def _opened(self) -> Opened | None:
        try:
            return None if self.keys is None else unseal(self.raw, keys=self.keys.block)
        except EventInvalid:
            return None

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
        if self.refused is not None:
            raise EventInvalid(
                self.refused,
                field="data",
                fix="append events of a sealed namespace through Anabranch, which seals them",
            )
        if self.keys is None:
            event = decode(self.raw, place=self.place)
        else:
            event = unsealed_event(self.raw, keys=self.keys.block, place=self.place)
        if event.subject != self.session_id or event.namespace != self.namespace:
            raise EventInvalid(
                f"the event says {event.namespace}.{event.session_id} but was stored under "
                f"{self.namespace}.{self.session_id}",
                field="subject",
                fix="publish an event on the subject of its own namespace and session",
            )
        return event
