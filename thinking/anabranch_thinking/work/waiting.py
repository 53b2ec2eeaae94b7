"""The wait for a join: for its signal, and for the log where no signal comes."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Final

from anabranch_events.errors import Unavailable
from anabranch_events.event.types import Then
from anabranch_events.tasks.signals import JOINED, ids_of
from anabranch_thinking.join import BranchEnd, Join, decide
from anabranch_thinking.sessions.forks import fork_ids
from anabranch_thinking.sessions.many import states_with_lost
from anabranch_thinking.sessions.state import SessionState, Status
from anabranch_thinking.work.outcomes import tree_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from nats.aio.msg import Msg

    from anabranch_events.event.types import JoinTerms
    from anabranch_thinking.sessions.sessions import Sessions
    from anabranch_thinking.work.fabric import Fabric

LOOK_S: Final = 0.5
LOOK_MAX_S: Final = 5.0
CONFIRM_S: Final = 60.0


def join_of(terms: JoinTerms) -> Join:
    """Return the join that terms speak of."""
    return Join(terms.kind, terms.needed, terms.late_kept)


def end_of(state: SessionState) -> BranchEnd | None:
    """Return how a branch has ended; None where it has not."""
    if not state.ended:
        return None
    return BranchEnd(state.status or Status.FAILED, state.result)


async def until_joined(
    fabric: Fabric,
    namespace: str,
    parent_id: str,
    terms: JoinTerms,
    *,
    begun_after: int,
    gone: int | None = None,
) -> None:
    """Wait until the branches of a fork, which began after a position, are joined.

    The join's own effect on the parent, if it has one, is waited for, too. An outage of the log is
    waited out. `gone` is how many events were gone from the log before the parent was made, where
    that is known. Raises SessionNotFound where the parent was taken out of the log.
    """
    sessions = fabric.sessions_of(namespace)
    held = _Held(sessions, parent_id, terms, gone=gone)
    pause_s = LOOK_S
    async with _signalled(fabric, namespace, parent_id) as signal:
        while True:
            with suppress(Unavailable):
                if await _is_joined(sessions, parent_id, terms, begun_after):
                    return
            try:
                async with asyncio.timeout(pause_s):
                    await signal.wait()
            except TimeoutError:
                with suppress(Unavailable):
                    await held.look()
            signal.clear()
            pause_s = min(LOOK_MAX_S, pause_s * 1.5)


class _Held:
    """The sessions of a fork that is waited for, which the log may hold no more.

    Each is looked at alone: only where something was taken out of the log since, and now and then.
    """

    def __init__(
        self, sessions: Sessions, parent_id: str, terms: JoinTerms, *, gone: int | None
    ) -> None:
        self._sessions = sessions
        self._parent_id = parent_id
        self._terms = terms
        self._gone = gone
        self._looked_at = monotonic()

    async def look(self) -> None:
        """Forget the sessions that are gone, where there may be any. Raises LogUnavailable."""
        gone, now = await self._sessions.gone(), monotonic()
        if gone is not None and gone == self._gone and now - self._looked_at < CONFIRM_S:
            return
        branches = fork_ids(self._terms.join_id, self._terms.branches)
        await self._sessions.confirm([self._parent_id, *branches])
        self._gone, self._looked_at = gone, now


async def joined_states(
    sessions: Sessions, parent_id: str, terms: JoinTerms, *, begun_after: int
) -> list[SessionState]:
    """Return how the branches of a fork are, or those to whom they were handed off.

    One that the log holds no more has failed.
    """
    parents = dict.fromkeys(fork_ids(terms.join_id, terms.branches), parent_id)
    states = await states_with_lost(sessions, parents, begun_after=begun_after)
    return await heirs(sessions, states)


async def heirs(sessions: Sessions, states: Sequence[SessionState]) -> list[SessionState]:
    """Return the states, those of sessions that were handed off replaced by their receivers'."""
    return [await _heir(sessions, state) for state in states]


async def _heir(sessions: Sessions, state: SessionState) -> SessionState:
    """Return the last one to whom a session was handed off: anybody may name anyone, or nobody."""
    passed: set[str] = set()
    while state.handed_to is not None and state.session_id not in passed:
        passed.add(state.session_id)
        receivers = await sessions.present([state.handed_to])
        state = next(iter(receivers.values()), state)
    return state


async def _is_joined(
    sessions: Sessions, parent_id: str, terms: JoinTerms, begun_after: int
) -> bool:
    parent = await sessions.state(parent_id)
    if parent.ended or terms.then in {Then.CLOSE, Then.COMPLETE}:
        return parent.ended
    if terms.then is Then.KEEP and terms.join_id in parent.consolidation_ids:
        return True
    states = await joined_states(sessions, parent_id, terms, begun_after=begun_after)
    ends = {state.session_id: end_of(state) for state in states}
    overdue = terms.deadline is not None and datetime.now(UTC) > terms.deadline
    verdict = decide(join_of(terms), ends, overdue=overdue)
    if verdict is None or terms.then is Then.RETURN:
        return verdict is not None
    tree = await tree_of(sessions, parent_id, terms, begun_after=begun_after)
    return not any(state.insights for state in tree)  # There is nothing to consolidate.


@asynccontextmanager
async def _signalled(
    fabric: Fabric, namespace: str, parent_id: str
) -> AsyncGenerator[asyncio.Event]:
    """Give an event that is set at each signal about the joins of a session."""
    signal = asyncio.Event()

    async def hear(message: Msg) -> None:
        if parent_id in ids_of(message):
            signal.set()

    async with fabric.queue.signals.heard(JOINED, namespace, hear):
        yield signal
