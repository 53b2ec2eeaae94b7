"""Events of a type, or of a version, that this version of Anabranch does not know."""

from __future__ import annotations

from anabranch_events.event.types import EventData


class OpaqueData(EventData):
    """The data of an event of an unknown type: its whole CloudEvents document, unchanged.

    It is handed on and written again byte for byte, and never applied.
    """

    document: bytes
