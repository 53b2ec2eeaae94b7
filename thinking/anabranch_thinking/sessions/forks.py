"""Forks whose ids follow from their parent: made twice they are made once.

A worker that dies after its fork leaves a task behind. The next worker runs it again, and forks the
same branches: it finds them there, and their results.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import TYPE_CHECKING, Final

from anabranch_events.errors import InputInvalid, PositionConflict
from anabranch_events.event.types import BRANCHES_MAX
from anabranch_thinking.errors import SessionNotFound
from anabranch_thinking.sessions.journal import Fact
from anabranch_thinking.sessions.opening import branch_receipts, open_and_fork
from anabranch_thinking.sessions.receipts import BranchReceipt
from anabranch_thinking.sessions.sessions import BranchTask, Sessions, fork_event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch_events.event.types import JoinTerms
    from anabranch_thinking.sessions.opening import Opening
    from anabranch_thinking.sessions.state import SessionState

BUDGET: Final = 10_000
"""The branches that a whole thought may have over workers, where nothing else is said."""
DEPTH_MAX: Final = 8
_TIMESTAMP: Final = 6
_VERSION_7: Final = 0x70
_VARIANT: Final = 0x80


def join_id_of(parent_id: str, number: int) -> str:
    """Return the id of a session's fork: the first has the number 0."""
    return _derived(parent_id, f"fork {number}")


def fork_ids(join_id: str, count: int) -> list[str]:
    """Return the session ids of a fork's branches, in their order."""
    return [_derived(join_id, f"branch {number}") for number in range(count)]


def share(budget: int, count: int, *, last: bool) -> int:
    """Return the budget of each of `count` branches forked out of `budget`.

    Branches of a session's last fork share all that is left; those of others half of it. Raises
    InputInvalid where there are more branches than the budget allows.
    """
    if count > budget:
        raise too_many(count, budget=budget)
    return (budget - count) // (count if last else 2 * count)


def too_many(count: int, *, budget: int) -> InputInvalid:
    """Return the error for more branches than a thought has left."""
    return InputInvalid(
        f"branches: {max(0, budget)} more may be forked here, not {count}: the thought would grow "
        "without end",
        field="branches",
        fix="fork fewer branches, or give the thought more of them (`branches_max`)",
    )


async def fork(
    sessions: Sessions,
    parent_id: str,
    branches: Sequence[BranchTask],
    *,
    terms: JoinTerms,
    opening: Opening | None = None,
) -> list[BranchReceipt]:
    """Fork `branches` as one batch on the join's terms; those that exist already stay.

    With `opening` the parent begins with them. Raises InputInvalid for a fork that is too deep or
    too wide, SessionNotFound, SessionEnded.
    """
    if not 1 <= len(branches) <= BRANCHES_MAX:
        raise InputInvalid(
            f"branches: there are {len(branches)}, a fork takes 1 to {BRANCHES_MAX}",
            field="branches",
            fix=f"fork at most {BRANCHES_MAX} branches at a time",
        )
    ids = fork_ids(terms.join_id, len(branches))

    def facts(of: SessionState) -> list[Fact]:
        return [
            Fact(session_id, fork_event(of, branch, join=terms))
            for session_id, branch in zip(ids, branches, strict=True)
        ]

    if opening is not None:
        root, receipts = await open_and_fork(sessions, opening, facts)
        return branch_receipts(root, ids, receipts)
    parent = await sessions.going(parent_id)
    if parent.depth + 1 > DEPTH_MAX:
        raise InputInvalid(
            f"branches: a thought branches at most {DEPTH_MAX} deep",
            field="branches",
            fix="let the branch do the work itself",
        )
    try:
        receipts = await sessions.append(
            facts(parent), root_id=parent.root_id, expected=dict.fromkeys(ids, 0)
        )
    except PositionConflict:
        return await _forked_before(sessions, terms.join_id)
    return branch_receipts(parent, ids, receipts)


async def first_of_fork(sessions: Sessions, join_id: str) -> SessionState | None:
    """Return the first branch of a fork, which has its terms; None where there is no such fork."""
    try:
        return await sessions.state(fork_ids(join_id, 1)[0])
    except SessionNotFound:
        return None


async def forks_of(sessions: Sessions, session_id: str) -> list[JoinTerms]:
    """Return the terms of a session's forks, in their order."""
    found: list[JoinTerms] = []
    while first := await first_of_fork(sessions, join_id_of(session_id, len(found))):
        if first.join is None:
            break
        found.append(first.join)
    return found


async def _forked_before(sessions: Sessions, join_id: str) -> list[BranchReceipt]:
    first = await first_of_fork(sessions, join_id)
    if first is None or first.join is None or first.parent_id is None:
        raise InputInvalid(
            f"branches: the ids of the fork {join_id} belong to other sessions",
            field="branches",
            fix="fork again from another session",
        )
    states = [await sessions.state(one) for one in fork_ids(join_id, first.join.branches)]
    return [
        BranchReceipt(
            event_id=state.newest_event,
            position=state.position,
            session_id=state.session_id,
            parent_id=first.parent_id,
            root_id=state.root_id,
            forked_at=state.forked_at,
        )
        for state in states
    ]


def _derived(base: str, what: str) -> str:
    """Return the id of something that belongs to `base`: a UUIDv7 of the same millisecond."""
    digest = hashlib.blake2b(f"{base} {what}".encode(), digest_size=16).digest()
    made = bytearray(uuid.UUID(base).bytes[:_TIMESTAMP] + digest[_TIMESTAMP:])
    made[6] = made[6] & 0x0F | _VERSION_7
    made[8] = made[8] & 0x3F | _VARIANT
    return str(uuid.UUID(bytes=bytes(made)))
