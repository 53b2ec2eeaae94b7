"""The outcomes of a thought over workers, read from the log: each branch, and its forks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from anabranch_thinking.sessions.forks import fork_ids, forks_of
from anabranch_thinking.sessions.journal import READS_AT_ONCE
from anabranch_thinking.sessions.many import begun_since, states_with_lost
from anabranch_thinking.thought import BranchOutcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from anabranch_events.event.types import JoinTerms
    from anabranch_thinking.sessions.sessions import Sessions
    from anabranch_thinking.sessions.state import SessionState


def outcome_of(state: SessionState) -> BranchOutcome:
    """Return how a branch has ended, or where it is."""
    assert state.status is not None  # noqa: S101 - a state that was found has one.
    assert state.parent_id is not None  # noqa: S101 - and that of a branch has a parent.
    duration_ms = state.duration_ms
    if not duration_ms and state.started_at and state.ended_at:
        duration_ms = (state.ended_at - state.started_at).total_seconds() * 1000
    return BranchOutcome(
        session_id=state.session_id,
        parent_id=state.parent_id,
        depth=state.depth,
        task=state.task,
        role=state.role,
        status=state.status,
        result=state.result,
        insight_ids=tuple(insight.insight_id for insight in state.insights),
        duration_ms=max(0.0, duration_ms),
        attempts=state.attempt,
        worker=state.claim.worker if state.claim else None,
        error=state.error,
    )


async def tree_of(
    sessions: Sessions, parent_id: str, terms: JoinTerms, *, begun_after: int | None = None
) -> list[SessionState]:
    """Return the branches of a session's fork with all that was forked of them, level by level.

    One that the log holds no more has failed. `begun_after` is a position before the fork: the tree
    is read from there in one go, where little else was stored since.
    """
    level = fork_ids(terms.join_id, terms.branches)
    known = await begun_since(sessions, terms.branches, begun_after=begun_after)
    if known is not None and known.keys() >= set(level):
        return _tree_in(known, level)
    found: list[SessionState] = []
    parents = dict.fromkeys(level, parent_id)
    while parents:
        states = await states_with_lost(sessions, parents)
        states = [state for state in states if state.parent_id == parents[state.session_id]]
        found += states
        forked = zip(states, await _forked_of(sessions, states), strict=True)
        parents = {one: state.session_id for state, ids in forked for one in ids}
    return found


def _tree_in(known: Mapping[str, SessionState], level: Sequence[str]) -> list[SessionState]:
    """Return a tree out of all that began since its fork, level by level."""
    forks: dict[str, list[str]] = {}
    for state in known.values():
        parent = known.get(state.parent_id or "")
        received = parent is not None and parent.handed_to == state.session_id
        if state.parent_id is not None and (received or state.join is not None):
            forks.setdefault(state.parent_id, []).append(state.session_id)
    found: list[SessionState] = []
    while level:
        found += [known[one] for one in level]
        level = [forked for one in level for forked in forks.get(one, ())]
    return found


async def _forked_of(sessions: Sessions, states: list[SessionState]) -> list[list[str]]:
    """Return the ids of each branch's forks, and of its receiver where it was handed off.

    One that may not fork, or never ran, has no forks.
    """
    gate = asyncio.Semaphore(READS_AT_ONCE)

    async def forked(state: SessionState) -> list[str]:
        receivers = [state.handed_to] if state.handed_to is not None else []
        if not state.attempt or (state.join is not None and not state.join.budget):
            return receivers
        async with gate:
            forks = await forks_of(sessions, state.session_id)
        ids = [one for terms in forks for one in fork_ids(terms.join_id, terms.branches)]
        return ids + receivers

    return await asyncio.gather(*map(forked, states))
