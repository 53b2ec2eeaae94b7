"""The states of many sessions, out of one reading of a stretch of the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch_events.errors import EventInvalid
from anabranch_events.event.types import BranchCreated, SessionOpened
from anabranch_thinking.sessions.state import SessionState, StateFold

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anabranch_events import Recorded
    from anabranch_thinking.sessions.state_cache import StateCache


class StatesTogether:
    """The sessions of a namespace that begin in a stretch of the log, and those `known` before it.

    Of a session that the process `holds` as of later, no record up to there is read again.
    """

    def __init__(
        self, namespace: str, holds: StateCache, known: Mapping[str, SessionState]
    ) -> None:
        self._namespace = namespace
        self._holds = holds
        self._folds = {session_id: StateFold(state) for session_id, state in known.items()}
        self._passed: set[str] = set()

    def take(self, recorded: Recorded) -> bool:
        """Take in the next record; tell whether it could be, without a closer look."""
        session_id = recorded.session_id
        if recorded.namespace != self._namespace or session_id in self._passed:
            return True
        held = self._holds.get(session_id, namespace=self._namespace)
        if held is not None and held.position >= recorded.position:
            self._folds[session_id] = StateFold(held)
            return True
        try:
            event = recorded.decode()
        except EventInvalid:
            return False
        fold = self._folds.get(session_id)
        if fold is None:
            if not isinstance(event.data, SessionOpened | BranchCreated):
                self._passed.add(session_id)  # It began before.
                return True
            fold = self._folds[session_id] = StateFold(SessionState(session_id, self._namespace))
        elif event.id <= fold.newest_event:
            return False  # It may repeat an earlier one.
        fold.take(event, position=recorded.position)
        return True

    def states(self) -> dict[str, SessionState]:
        """Return the sessions as they are after all that was taken in."""
        return {session_id: fold.state() for session_id, fold in self._folds.items()}
