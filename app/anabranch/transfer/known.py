"""The events that a log has already, by their sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch.errors import EventInvalid
from anabranch_events import Occurrence, fingerprint

if TYPE_CHECKING:
    from anabranch_events import Event, Log


class Known:
    """The events of one namespace that the log has, read session by session as they are needed."""

    def __init__(self, log: Log, namespace: str) -> None:
        self._log = log
        self._namespace = namespace
        self._sessions: dict[str, dict[str, list[Occurrence]]] = {}

    async def events(self, session_id: str) -> dict[str, list[Occurrence]]:
        """Return the occurrences of each event of a session, in their order."""
        if session_id not in self._sessions:
            found: dict[str, list[Occurrence]] = {}
            async for recorded in self._log.read(session_id, namespace=self._namespace):
                try:
                    event = recorded.decode()
                except EventInvalid:
                    continue
                occurrence = Occurrence(recorded.position, fingerprint(event))
                found.setdefault(event.id, []).append(occurrence)
            self._sessions[session_id] = found
        return self._sessions[session_id]

    async def add(self, event: Event, position: int) -> None:
        """Note an event that was just stored."""
        known = await self.events(event.session_id)
        known.setdefault(event.id, []).append(Occurrence(position, fingerprint(event)))


def refuse_another(event: Event, known: Occurrence) -> None:
    """Raise EventInvalid where the log has another event under this event's id."""
    if known.fingerprint != fingerprint(event):
        raise EventInvalid(
            f"the log has another event of the id {event.id}, at position {known.position}",
            field="id",
            fix="give each event an id of its own; import into the log that the lines come from, "
            "or into an empty one",
        )
