"""The operations that look things up: a session, the life of anything, or a synthesis of a thought.

None of them needs `Nats-Msg-Id`: a thought that has not changed keeps its consolidation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch.memory.consolidation import consolidate as consolidate_in
from anabranch.memory.past import MemoryPast
from anabranch.memory.reads.sessions import show_session as show_session_in
from anabranch.past.history import History

if TYPE_CHECKING:
    from anabranch.api.context import Context
    from anabranch.api.requests import Consolidate, ShowHistory, ShowSession
    from anabranch.views import SessionView
    from anabranch_thinking import Consolidation


async def consolidate(context: Context, request: Consolidate) -> Consolidation:
    """Synthesise what the branches of a thought found; every insight used is cited."""
    return await consolidate_in(context.namespace, request.root_id, agent=request.agent)


async def show_session(context: Context, request: ShowSession) -> SessionView:
    """Look up a session with its working memory and insights, as it is or was at `as_of`."""
    await context.waited(request)
    return await show_session_in(context.namespace, request.session_id, as_of=request.as_of)


async def history(context: Context, request: ShowHistory) -> History:
    """Look up the life of a session, an insight or a consolidation: the events that name it.

    The log is read up to `as_of`, so that nothing is missed. The last `limit` events are given.
    """
    await context.waited(request)
    past = MemoryPast(context.namespace)
    events = await past.history(request.thing_id, as_of=request.as_of)
    last = events[-request.limit :]
    return History(events=tuple(last), earlier=len(events) - len(last))
