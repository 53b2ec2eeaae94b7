"""The namespaces that have ended: whoever writes asks here first, and is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anabranch_events.errors import EventInvalid, NamespaceEnded
from anabranch_events.event.identifiers import DELETIONS_SESSION, RESERVED_NAMESPACE
from anabranch_events.event.types import NamespaceDeleted
from anabranch_events.jetstream.reserved_line import ReservedLine
from anabranch_events.jetstream.stream import SUBJECT_PREFIX

if TYPE_CHECKING:
    from anabranch_events.event.recorded import Recorded
    from anabranch_events.transport.connection import Connection

DELETIONS: Final = f"{SUBJECT_PREFIX}{RESERVED_NAMESPACE}.{DELETIONS_SESSION}"
"""The one subject of the ends of namespaces."""


class EndedNamespaces(ReservedLine):
    """The ends of namespaces, by position.

    A tenant may still write to a namespace that ended; it has no effect.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, DELETIONS, ended_by)

    async def refuse(self, namespace: str) -> None:
        """Raise NamespaceEnded where this namespace has ended. Raises LogUnavailable."""
        ended = (await self.known()).get(namespace)
        if ended is not None:
            raise NamespaceEnded(namespace, position=ended)


def ended_by(record: Recorded) -> str | None:
    """Return the namespace that a record ends, None for any other record."""
    if record.namespace != RESERVED_NAMESPACE:
        return None
    try:
        data = record.decode().data
    except EventInvalid:
        return None
    return data.namespace if isinstance(data, NamespaceDeleted) else None
