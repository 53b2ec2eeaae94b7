"""The states of sessions that a process has read or made lately, bounded by what they hold."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from anabranch_events.event.types import BranchCreated, SessionOpened
from anabranch_thinking.sessions.state import SessionState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from anabranch_events import Event, Receipt

WEIGHT_MAX: Final = 8192
FOLLOWED_MAX: Final = 256
_TEXT_WEIGHT: Final = 4096


class StateCache:
    """States by namespace and session. Each was right at its position; the log may have moved on.

    One is kept as long as those used later weigh no more than `weight_max` together.
    """

    def __init__(self, weight_max: int = WEIGHT_MAX) -> None:
        self._weight_max = weight_max
        self._weight = 0
        self._states: OrderedDict[tuple[str, str], tuple[SessionState, int]] = OrderedDict()

    def get(self, session_id: str, *, namespace: str) -> SessionState | None:
        """Return what is known of a session of a namespace."""
        key = namespace, session_id
        found = self._states.get(key)
        if found is None:
            return None
        self._states.move_to_end(key)
        return found[0]

    def keep(self, state: SessionState) -> None:
        """Keep a state, in the place of the one before; those used least lately may go."""
        key = state.namespace, state.session_id
        _, before = self._states.pop(key, (None, 0))
        weight = _weight_of(state)
        self._weight += weight - before
        self._states[key] = state, weight
        while self._weight > self._weight_max and len(self._states) > 1:
            _, (_, dropped) = self._states.popitem(last=False)
            self._weight -= dropped

    def drop(self, session_id: str, *, namespace: str) -> None:
        """Forget what is known of a session of a namespace."""
        _, weight = self._states.pop((namespace, session_id), (None, 0))
        self._weight -= weight

    def take(
        self,
        events: Sequence[Event],
        receipts: Sequence[Receipt],
        *,
        expected: Mapping[str, int],
        namespace: str,
    ) -> None:
        """Take in what was appended on the condition that some sessions were at `expected`.

        Where a session is known as of that position, nothing can stand between.
        """
        at = dict(expected)
        for event, receipt in zip(events, receipts, strict=True):
            session_id = event.session_id
            position = at.get(session_id)
            if position is None:
                continue
            state = (
                self.get(session_id, namespace=namespace) if position else _begun(event, namespace)
            )
            if state is None or state.position != position or event.id <= state.newest_event:
                del at[session_id]  # It is read from the log when it is asked for.
                continue
            self.keep(state.after(event, position=receipt.position))
            at[session_id] = receipt.position

    def follow(self, event: Event, position: int) -> None:
        """Take in the next event of the log, for one who reads all of it in order.

        Sessions that begin are kept from then on, unless an event may repeat an earlier one, or
        much has gathered: each event copies that.
        """
        state = self.get(event.session_id, namespace=event.namespace)
        state = state or _begun(event, event.namespace)
        if state is None:
            return
        if event.id > state.newest_event and _weight_of(state) <= FOLLOWED_MAX:
            self.keep(state.after(event, position=position))
        else:
            self.drop(event.session_id, namespace=event.namespace)


def _begun(event: Event, namespace: str) -> SessionState | None:
    begins = isinstance(event.data, SessionOpened | BranchCreated)
    return SessionState(event.session_id, namespace) if begins else None


def _weight_of(state: SessionState) -> int:
    gathered = (state.insights, state.ends, state.links, state.working_memory)
    text = len(state.result or "") + len(state.task)
    return 1 + sum(map(len, gathered)) + text // _TEXT_WEIGHT
