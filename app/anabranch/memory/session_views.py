"""Sessions to look at: one, a list, a whole thought; now or at an earlier moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anabranch.past.as_of import position_of, thought_then
from anabranch.views import SessionView
from anabranch_events.errors import InputInvalid
from anabranch_thinking.sessions.insights import REMEMBER_TASK
from anabranch_thinking.sessions.state import Status

if TYPE_CHECKING:
    from anabranch.memory.namespaces import OpenNamespace
    from anabranch.past.as_of import Moment
    from anabranch_thinking import SessionState

SESSIONS_MAX: Final = 10_000
PAGE: Final = 10_000


async def show_session(
    namespace: OpenNamespace, session_id: str, *, as_of: Moment | None = None
) -> SessionView:
    """Return one session as `Memory.show_session` says."""
    if as_of is None:
        return await _view(namespace, await namespace.sessions.state(session_id))
    position = await position_of(namespace.backend, as_of)
    return await _view(namespace, await namespace.sessions.state_as_of(session_id, position))


async def list_sessions(
    namespace: OpenNamespace,
    *,
    root_id: str | None = None,
    status: str | None = None,
    limit: int = 100,
    remembered: bool = False,
) -> list[SessionView]:
    """Return sessions as `Memory.list_sessions` says."""
    if not 1 <= limit <= SESSIONS_MAX:
        raise InputInvalid(
            f"limit: {limit} is not from 1 to {SESSIONS_MAX}", field="limit", fix="change it"
        )
    if status is not None and status not in set(Status):
        raise InputInvalid(
            f"status: {status!r} is none that a session can have",
            field="status",
            fix=f"use one of {', '.join(Status)}",
        )
    await namespace.caught_up()
    graph = await namespace.backend.graph()
    rows = await graph.read(
        "sessions/list",
        namespace=namespace.name,
        root_id=root_id,
        status=status,
        limit=limit,
        left_out=None if remembered or root_id is not None else REMEMBER_TASK,
    )
    return [SessionView.model_validate(row) for row in rows]


async def session_tree(
    namespace: OpenNamespace, session_id: str, *, as_of: Moment | None = None
) -> list[SessionView]:
    """Return a whole thought as `Memory.session_tree` says."""
    root_id = (await show_session(namespace, session_id, as_of=as_of)).root_id
    if as_of is None:
        return await _thought(namespace, root_id)
    backend = namespace.backend
    position = await position_of(backend, as_of)
    await backend.wait_for(position, projection="graph", timeout_s=backend.settings.wait_timeout_s)
    return await thought_then(backend, root_id, namespace=namespace.name, position=position)


async def _thought(namespace: OpenNamespace, root_id: str) -> list[SessionView]:
    """Return every session of a thought, parents before their branches, page after page."""
    await namespace.caught_up()
    graph = await namespace.backend.graph()
    asked = {"namespace": namespace.name, "root_id": root_id, "limit": PAGE}
    views: list[SessionView] = []
    after = 0
    while True:
        rows = await graph.read("sessions/thought", **asked, after=after)
        views += map(SessionView.model_validate, rows)
        if len(rows) < PAGE:
            return views
        after = rows[-1]["opened"]


async def _view(namespace: OpenNamespace, state: SessionState) -> SessionView:
    """Show a session; the graph is asked only where there are texts to leave out."""
    if not state.insights:
        return SessionView.of(state)
    await namespace.caught_up()
    graph = await namespace.backend.graph()
    ids = [one.insight_id for one in state.insights]
    rows = await graph.read("insights/forgotten", namespace=namespace.name, ids=ids)
    return SessionView.of(state, forgotten={row["id"] for row in rows})
