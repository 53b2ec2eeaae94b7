"""The states of many sessions at once: of a fork, or of a whole tree of forks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from anabranch_thinking.errors import SessionNotFound
from anabranch_thinking.sessions.journal import READS_AT_ONCE
from anabranch_thinking.sessions.state import SessionState, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from anabranch_thinking.sessions.sessions import Sessions

LOST: Final = "its events are no longer in the log: they were taken out of the stream"
TOGETHER_MIN: Final = 8
_RECORDS_EACH: Final = 8


class Known(NamedTuple):
    """Sessions as one who follows the log knows them: as they were at a position."""

    position: int
    states: Mapping[str, SessionState]


async def states_of(
    sessions: Sessions,
    session_ids: Iterable[str],
    *,
    begun_after: int | None = None,
    known: Known | None = None,
) -> list[SessionState]:
    """Return the states of sessions, in the order of their ids given.

    Many that began after the position `begun_after` are read together, where little else was stored
    since. Of those that are `known` only what came later is read. Raises SessionNotFound.
    """
    ids = list(session_ids)
    found = await _going_on(sessions, known) if known else None
    if found is None:
        found = await begun_since(sessions, len(ids), begun_after=begun_after) or {}
    gate = asyncio.Semaphore(READS_AT_ONCE)

    async def read(session_id: str) -> SessionState:
        async with gate:
            return await sessions.state(session_id)

    missing = [one for one in dict.fromkeys(ids) if one not in found]
    found |= zip(missing, await asyncio.gather(*map(read, missing)), strict=True)
    return [found[one] for one in ids]


async def states_with_lost(
    sessions: Sessions, parents: Mapping[str, str], *, begun_after: int | None = None
) -> list[SessionState]:
    """Return the states of branches in their order; one that the log holds no more has failed.

    `parents` has, for each branch, the session that it was forked from.
    """
    try:
        return await states_of(sessions, parents, begun_after=begun_after)
    except SessionNotFound:
        found = await sessions.present(parents)
    return [
        found.get(one)
        or SessionState(
            one, sessions.namespace, status=Status.FAILED, error=LOST, parent_id=parent_id
        )
        for one, parent_id in parents.items()
    ]


async def _going_on(sessions: Sessions, known: Known) -> dict[str, SessionState] | None:
    """Return what is known, and what became of it; None where much was stored since."""
    count = max(TOGETHER_MIN, len(known.states))
    return await sessions.begun_after(
        known.position, records_max=_RECORDS_EACH * count, known=known.states
    )


async def begun_since(
    sessions: Sessions, count: int, *, begun_after: int | None
) -> dict[str, SessionState] | None:
    """Return all sessions begun after a position; None where `count` are better read alone."""
    if begun_after is None or count < TOGETHER_MIN:
        return None
    return await sessions.begun_after(begun_after, records_max=_RECORDS_EACH * count)
