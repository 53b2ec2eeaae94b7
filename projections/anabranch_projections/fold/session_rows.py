"""The rows of a batch about sessions: their opening, their status, their agents.

A session's first opening counts. Everything else about it is overwritten by later events. So the
facts of a batch can be laid over one another in position order and written once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch_events.event.identifiers import composed
from anabranch_projections.fold.rows import Row, json_text, steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from anabranch_projections.fold.positioned import PositionedEvent
    from anabranch_store import Step


class SessionRows:
    """The session rows of one batch, in position order."""

    def __init__(self) -> None:
        self._sessions: dict[tuple[str, str], Row] = {}
        self._notes: dict[tuple[str, str, str], Row] = {}
        self._runs: dict[tuple[str, str, str], Row] = {}
        self._hand_offs: dict[tuple[str, str, str], Row] = {}
        self._forgotten: dict[tuple[str, str], Row] = {}

    def open(
        self,
        at: PositionedEvent,
        *,
        status: str,
        parent_id: str | None = None,
        deadline: str | None = None,
        **properties: object,
    ) -> None:
        """Begin the event's session, unless it has begun before."""
        row = self._row(at, at.session_id)
        if not row["openings"]:
            row["openings"].append(
                {
                    "opened_at": at.time,
                    "deadline": deadline,
                    "parents": [parent_id] if parent_id not in {None, at.session_id} else [],
                    "properties": {**properties, "parent_id": parent_id, "opened": at.position},
                }
            )
        row["properties"]["status"] = status
        self.run(at)

    def end(self, at: PositionedEvent, *, status: str, **properties: object) -> None:
        """End the event's session, as far as is known at this position; None clears a property."""
        row = self._row(at, at.session_id)
        row["properties"].update(status=status, ended=at.position, **properties)
        row["ended_at"] = at.time

    def resume(self, at: PositionedEvent, *, status: str, **properties: object) -> None:
        """Take back an end: the event's session goes on."""
        row = self._row(at, at.session_id)
        row["properties"].update(
            status=status, ended=None, ended_at=None, ended_reason=None, **properties
        )
        row["ended_at"] = None

    def run(self, at: PositionedEvent) -> None:
        """Record that the event's agent, where it names one, runs the event's session."""
        agent = at.agent
        if agent is None:
            return
        self._row(at, at.session_id)["properties"]["agent"] = agent
        self._runs.setdefault(
            (at.namespace, agent, at.session_id),
            {
                "namespace": at.namespace,
                "agent": agent,
                "session_id": at.session_id,
                "recorded": at.position,
            },
        )

    def remember(
        self, at: PositionedEvent, notes: Mapping[str, object], *, session_id: str | None = None
    ) -> None:
        """Set notes in the working memory of a session, by default the event's own."""
        for key, value in notes.items():
            self._note(at, session_id or at.session_id, key, value=json_text(value))

    def drop(self, at: PositionedEvent, key: str) -> None:
        """Clear a note in the working memory of the event's session."""
        self._note(at, at.session_id, key, value=None)

    def hand_off(self, at: PositionedEvent, *, to: str, summary: str) -> None:
        """Link the event's session to the one that takes over its task."""
        if to == at.session_id:
            return
        self._hand_offs.setdefault(
            (at.namespace, at.session_id, to),
            {
                "namespace": at.namespace,
                "session_id": at.session_id,
                "to": to,
                "summary": summary,
                "recorded": at.position,
            },
        )

    def forget(self, at: PositionedEvent, *, receipt: str) -> None:
        """Erase what the event's session said, for good."""
        self._forgotten.setdefault(
            (at.namespace, at.session_id),
            {
                "namespace": at.namespace,
                "id": at.session_id,
                "position": at.position,
                "receipt": receipt,
            },
        )

    def first_steps(self) -> Iterator[Step]:
        """Return the statements that update the sessions and return their standing before."""
        yield from steps("projection/apply_sessions", self._sessions.values())

    def steps(self) -> Iterator[Step]:
        """Return the statements for the sessions' notes, agents and successors."""
        yield from steps("projection/keep_notes", self._noted(kept=True))
        yield from steps("projection/drop_notes", self._noted(kept=False))
        yield from steps("projection/run_sessions", self._runs.values())
        yield from steps("projection/hand_off_sessions", self._hand_offs.values())

    def last_steps(self) -> Iterator[Step]:
        """Return the statements that come after all others: nothing erased comes back."""
        yield from steps("projection/forget_sessions", self._forgotten.values())

    def _note(self, at: PositionedEvent, session_id: str, key: str, *, value: str | None) -> None:
        """Let a note stand as it is at this position; None takes it away."""
        self._row(at, session_id)
        name = composed(key)
        self._notes[at.namespace, session_id, name] = {
            "namespace": at.namespace,
            "session_id": session_id,
            "key": name,
            "value": value,
            "recorded": at.position,
        }

    def _noted(self, *, kept: bool) -> Iterator[Row]:
        """Return the notes that stand, or those that were taken away, after the batch."""
        for (namespace, session_id, _), row in self._notes.items():
            if (row["value"] is not None) is kept:
                yield {**row, "position": self._sessions[namespace, session_id]["position"]}

    def _row(self, at: PositionedEvent, session_id: str) -> Row:
        """Return the row of a session that the event changes."""
        key = (at.namespace, session_id)
        row = self._sessions.get(key)
        if row is None:
            row = {
                "namespace": at.namespace,
                "id": session_id,
                "position": at.position,
                "openings": [],
                "properties": {},
                "ended_at": None,
            }
            self._sessions[key] = row
        row["position"] = at.position
        return row
