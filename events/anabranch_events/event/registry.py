"""The registry of event types: their current classes, and the upcasters of older versions."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from pydantic import JsonValue

from anabranch_events.event import types
from anabranch_events.event.types import EventData

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

JsonObject: TypeAlias = dict[str, JsonValue]
"""The data of an event as JSON."""

Upcaster: TypeAlias = Callable[[JsonObject], JsonObject]
"""One step: the data of one version in, the data of the next version out; nothing else changes."""

_VERSIONED: Final = re.compile(r"(?P<name>.+)\.v(?P<version>[1-9][0-9]*)")


class Registry:
    """Event types by their name with version. It never changes.

    `current` has the classes by the types that are written; `known` has all types and versions that
    can be read. `upcasters` has the step to the next version, by the older version's type. Raises
    ValueError for a step that leads nowhere, or up from a version that is current.
    """

    def __init__(
        self,
        classes: Iterable[type[EventData]],
        upcasters: Mapping[str, Upcaster] = MappingProxyType({}),
    ) -> None:
        self.current: Final = MappingProxyType({found.event_type: found for found in classes})
        self._upcasters: Final = MappingProxyType(dict(upcasters))
        for older in self._upcasters:
            newer = next_version(older)
            if older in self.current or (newer not in self.current and newer not in upcasters):
                raise ValueError(f"the step from {older} leads to {newer}, which cannot be read")
        self.known: Final = frozenset(self.current) | frozenset(self._upcasters)

    def upcast(self, event_type: str, data: JsonObject) -> tuple[str, JsonObject]:
        """Return the current version of a known type, and its data taken there step by step."""
        while (step := self._upcasters.get(event_type)) is not None:
            event_type, data = next_version(event_type), step(data)
        return event_type, data


def next_version(event_type: str) -> str:
    """Return `event_type` with the next version. Raises ValueError when it does not end in one."""
    found = _VERSIONED.fullmatch(event_type)
    if found is None:
        raise ValueError(f"{event_type!r} does not end in its version, like .v1")
    return f"{found['name']}.v{int(found['version']) + 1}"


def _event_classes() -> Iterator[type[EventData]]:
    for value in vars(types).values():
        if (
            isinstance(value, type)
            and issubclass(value, EventData)
            and hasattr(value, "event_type")
        ):
            yield value


UPCASTERS: Final[Mapping[str, Upcaster]] = MappingProxyType({})
"""The step up from each superseded version, by its type; there is none so far.

A step is never removed: somebody's log holds the events it reads.
"""

REGISTRY: Final = Registry(_event_classes(), UPCASTERS)

EVENT_TYPES: Final = REGISTRY.current
"""Every current type, by its name with version: the types that are written."""
