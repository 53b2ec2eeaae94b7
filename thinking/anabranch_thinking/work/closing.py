"""The closing of a join: its consolidation and its effect on the parent, as one conditional batch.

However many joiners try, and wherever they die, the parent's position lets one batch in.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from anabranch_events.event.types import BranchCompleted, BranchFailed, SessionClosed, Then
from anabranch_thinking.errors import NothingLearned
from anabranch_thinking.sessions.journal import Fact, checked
from anabranch_thinking.sessions.many import states_of
from anabranch_thinking.work.waiting import heirs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from anabranch_thinking.join import Verdict
    from anabranch_thinking.sessions.many import Known
    from anabranch_thinking.sessions.state import SessionState
    from anabranch_thinking.work.fabric import Fabric
    from anabranch_thinking.work.open_join import OpenJoin

    Effect = Callable[[SessionState, str | None], list[Fact]]


async def close_join(
    fabric: Fabric,
    join: OpenJoin,
    verdict: Verdict,
    *,
    session_ids: Sequence[str],
    known: Known | None = None,
) -> None:
    """Consolidate what the branches that count have found, and end the parent as the terms say.

    `session_ids` are those branches and all below them, `known` how they were when the joiner
    read of them. A parent that has ended is left alone.
    """
    from anabranch_thinking.consolidation.consolidate import consolidate_thought  # It takes numpy.

    sessions = fabric.sessions_of(join.namespace)
    begun_after = join.position - 1
    states: list[SessionState] = []
    if join.terms.then is Then.COMPLETE:  # The parent says what they say.
        found = await states_of(sessions, join.present, begun_after=begun_after, known=known)
        states = await heirs(sessions, found)
    counted = [one for one in states if one.session_id in set(verdict.counted) and one.result]
    errors = [one.error for one in states if one.error]

    def effect(parent: SessionState, text: str | None) -> list[Fact]:
        match join.terms.then:
            case Then.CLOSE:
                return [Fact(parent.session_id, checked(SessionClosed, reason=verdict.reason))]
            case Then.COMPLETE:
                return [_completed(parent, counted, text, verdict, errors)]
            case _:
                return []

    parent = await sessions.state(join.parent_id)
    if parent.ended or join.terms.join_id in parent.consolidation_ids:
        return
    try:
        await consolidate_thought(
            sessions,
            join.parent_id,
            session_ids=session_ids,
            embedder=fabric.embedder,
            recall=fabric.recall(join.namespace),
            consolidation_id=join.terms.join_id,
            effect=effect,
            begun_after=begun_after,
            known=known,
            root=parent,
        )
    except NothingLearned:
        await _without_consolidation(fabric, join, effect)


async def _without_consolidation(fabric: Fabric, join: OpenJoin, effect: Effect) -> None:
    """End the parent where nothing was learned that could be consolidated."""
    sessions = fabric.sessions_of(join.namespace)

    async def attempt() -> None:
        parent = await sessions.state(join.parent_id)
        facts = [] if parent.ended else effect(parent, None)
        if facts:
            await sessions.append(
                facts, root_id=parent.root_id, expected={parent.session_id: parent.position}
            )

    await sessions.settle(attempt)


def _completed(
    parent: SessionState,
    counted: Sequence[SessionState],
    text: str | None,
    verdict: Verdict,
    errors: Sequence[str],
) -> Fact:
    """Return the end of a branch whose work was passed on to forks."""
    attempt = max(1, parent.attempt)
    if not counted:
        first = errors[0] if errors else verdict.reason
        error = f"none of its forks completed; the first: {first}"
        return Fact(parent.session_id, checked(BranchFailed, error=error, attempt=attempt))
    result = text or "\n".join(state.result or "" for state in counted)
    begun = parent.started_at or datetime.now(UTC)
    duration_ms = max(0.0, (datetime.now(UTC) - begun).total_seconds() * 1000)
    completed = checked(BranchCompleted, result=result, duration_ms=duration_ms, attempt=attempt)
    return Fact(parent.session_id, completed)
