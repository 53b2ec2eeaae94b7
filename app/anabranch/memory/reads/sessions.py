"""Sessions to look at: one, a list, a whole thought; now or at an earlier moment."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from anabranch.memory.reads.session_windows import newest
from anabranch.past.as_of import erased_sessions, position_of, sessions_then, thought_then
from anabranch.views import SessionView
from anabranch_events.errors import InputInvalid, SessionNotFound
from anabranch_thinking.sessions.insights import REMEMBER_TASK
from anabranch_thinking.sessions.state import Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    state = await namespace.sessions.state_as_of(session_id, position)
    return await _view(namespace, state, past=True)


async def list_sessions(
    namespace: OpenNamespace,
    *,
    root_id: str | None = None,
    status: str | None = None,
    limit: int = 100,
    remembered: bool = False,
) -> list[SessionView]:
    """Return sessions as `Memory.list_sessions` says."""
    page = await page_of_sessions(
        namespace, root_id=root_id, status=status, limit=limit, remembered=remembered
    )
    return page.sessions


class SessionsPage(NamedTuple):
    """A page of sessions, and the position before which the next one begins; None at the end."""

    sessions: list[SessionView]
    before: int | None


async def page_of_sessions(
    namespace: OpenNamespace,
    *,
    root_id: str | None = None,
    status: str | None = None,
    limit: int = 100,
    before: int | None = None,
    as_of: Moment | None = None,
    remembered: bool = True,
) -> SessionsPage:
    """Return the sessions that were opened before a position, the newest first.

    Without `remembered` the open ones that a lone `remember` opened are left out.
    With `as_of` they are as of that moment. Then `status` leaves out sessions of the page, which is
    shorter for it; the cost is that of the events of its sessions. Raises InputInvalid and
    PositionFromFuture.
    """
    if not 1 <= limit <= SESSIONS_MAX:
        raise InputInvalid(
            f"limit: {limit} is not from 1 to {SESSIONS_MAX}",
            field="limit",
            fix=f"ask for 1 to {SESSIONS_MAX}",
        )
    if status is not None and status not in set(Status):
        raise InputInvalid(
            f"status: {status!r} is none that a session can have",
            field="status",
            fix=f"use one of {', '.join(Status)}",
        )
    if as_of is not None:
        return await _page_then(
            namespace, root_id=root_id, status=status, limit=limit, before=before, as_of=as_of
        )
    await namespace.caught_up()
    graph = await namespace.backend.graph()
    first = await graph.checkpoint("graph") + 1 if before is None else before
    rows: Sequence[Mapping[str, Any]]
    asked = {"namespace": namespace.name, "status": status}
    if root_id is None:
        left_out = None if remembered else REMEMBER_TASK
        read = partial(graph.read, "sessions/list", left_out=left_out, **asked)
        rows = await newest(read, before=first, limit=limit)
    else:
        rows = await graph.read(
            "sessions/list_thought", root_id=root_id, before=first, limit=limit, **asked
        )
    return SessionsPage(list(map(SessionView.model_validate, rows)), _beyond(rows, limit))


async def _page_then(
    namespace: OpenNamespace,
    *,
    root_id: str | None,
    status: str | None,
    limit: int,
    before: int | None,
    as_of: Moment,
) -> SessionsPage:
    """Return a page of sessions as of a moment, folded from their events."""
    backend = namespace.backend
    position = await position_of(backend, as_of)
    await backend.wait_for(position, projection="graph", timeout_s=backend.settings.wait_timeout_s)
    graph = await backend.graph()
    first = position + 1 if before is None else min(before, position + 1)
    rows: Sequence[Mapping[str, Any]]
    asked = {"namespace": namespace.name, "until": position}
    if root_id is None:
        read = partial(graph.read, "past/session_page", **asked)
        rows = await newest(read, before=first, limit=limit)
    else:
        rows = await graph.read(
            "past/thought_page", root_id=root_id, before=first, limit=limit, **asked
        )
    found = await sessions_then(backend, rows, namespace=namespace.name, position=position)
    by_id = {view.session_id: view for view in found}
    views = [by_id[row["session_id"]] for row in rows if row["session_id"] in by_id]
    kept = [view for view in views if status is None or view.status == status]
    return SessionsPage(kept, _beyond(rows, limit))


def _beyond(rows: Sequence[Mapping[str, Any]], limit: int) -> int | None:
    return int(rows[-1]["opened"]) if len(rows) == limit else None


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
    """Return every session of a thought, parents before their branches.

    Raises WaitTimedOut where the graph has not come to its root, which is in the log.
    """
    await namespace.caught_up()
    found = await _sessions_of(namespace, root_id)
    if not found:
        backend = namespace.backend
        last = (await backend.log.bounds()).last
        await backend.wait_for(last, projection="graph", timeout_s=0.0)
        found = await _sessions_of(namespace, root_id)
    if not found:  # The graph has put it aside.
        raise SessionNotFound(root_id, namespace=namespace.name)
    return found


async def _sessions_of(namespace: OpenNamespace, root_id: str) -> list[SessionView]:
    """Return every session of a thought that the graph has, page after page."""
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


async def _view(
    namespace: OpenNamespace, state: SessionState, *, past: bool = False
) -> SessionView:
    """Show a session; the graph is asked only where there may be texts to leave out."""
    if not past and not state.insights and state.result is None:
        return SessionView.of(state)
    await namespace.caught_up()
    graph = await namespace.backend.graph()
    ids = [one.insight_id for one in state.insights]
    rows = await graph.read("insights/forgotten", namespace=namespace.name, ids=ids)
    erased = await erased_sessions(graph, [state.session_id], namespace=namespace.name)
    if erased.get(state.session_id):
        state = state.without_content()
    return SessionView.of(state, forgotten={row["id"] for row in rows}, erased=bool(erased))
