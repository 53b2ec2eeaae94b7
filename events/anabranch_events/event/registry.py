"""The event types of this version of Anabranch, and of every version before it."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from anabranch_events.event import types
from anabranch_events.event.catalogue import Catalogue
from anabranch_events.event.types import EventData

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from anabranch_events.event.catalogue import Upcaster


def _event_classes() -> Iterator[type[EventData]]:
    for value in vars(types).values():
        if (
            isinstance(value, type)
            and issubclass(value, EventData)
            and hasattr(value, "event_type")
        ):
            yield value


UPCASTERS: Final[Mapping[str, Upcaster]] = MappingProxyType({})
"""The step up from each version that was superseded, by its type; none was so far.

A step is never removed: what it reads is in somebody's log.
"""

CATALOGUE: Final = Catalogue(_event_classes(), UPCASTERS)

EVENT_TYPES: Final = CATALOGUE.current
"""Every current type, by its name with version: what is written."""
