"""The calling off of a thought, or of a part: top down, so that nothing is forked meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch_events.event.types import BRANCHES_MAX
from anabranch_thinking.sessions.forks import fork_ids, forks_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch_thinking.sessions.sessions import Sessions
    from anabranch_thinking.sessions.state import SessionState
    from anabranch_thinking.work.fabric import Fabric


async def call_off(
    fabric: Fabric,
    namespace: str,
    session_id: str,
    reason: str,
    *,
    join_ids: Sequence[tuple[str, int]] = (),
) -> list[str]:
    """Cancel a session and all that was forked of it to workers; return those that were going.

    Where one was handed off, its receiver is cancelled with all that was forked of that.
    `join_ids` are further forks of the session, each with the number of its branches. Those who run
    one of them hear of it at once. The joiner calls off what is forked while this runs. Raises
    SessionNotFound.
    """
    sessions = fabric.sessions_of(namespace)
    top = (await sessions.state(session_id)).session_id
    more = [one for join_id, count in join_ids for one in fork_ids(join_id, count)]
    # The joiner calls off, too, once the top has ended: who was going is asked before.
    going: dict[str, None] = {}
    level = [top]
    while level:
        states = list((await sessions.present(level)).values())
        going |= dict.fromkeys(state.session_id for state in states if not state.ended)
        level = await _forked_of(sessions, states, more if top in level else ())
    level = [top]
    while level:
        for start in range(0, len(level), BRANCHES_MAX):
            # A session that an operator took out of the stream keeps no other going.
            some = level[start : start + BRANCHES_MAX]
            receipts = await sessions.cancel_all(some, reason, only_begun=True)
            going |= dict.fromkeys(receipt.session_id for receipt in receipts)
        await fabric.queue.signals.ended(namespace, level)
        states = list((await sessions.present(level)).values())
        level = await _forked_of(sessions, states, more if top in level else ())
    return list(going)


async def _forked_of(
    sessions: Sessions, states: Sequence[SessionState], more: Sequence[str]
) -> list[str]:
    """Return the sessions forked of these to workers, their receivers, and `more`.

    A hand-off is only a word, and may name anybody: a receiver is a branch of who handed off.
    """
    found = list(more)
    for state in states:
        for terms in await forks_of(sessions, state.session_id):
            found += fork_ids(terms.join_id, terms.branches)
    givers = {one.handed_to: one.session_id for one in states if one.handed_to is not None}
    named = (await sessions.present(list(givers))).values() if givers else ()
    found += [one.session_id for one in named if one.parent_id == givers[one.session_id]]
    return list(dict.fromkeys(found))
