"""A session as it leaves: itself, the branches below it, and what each of them found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from anabranch.memory.memory import namespace_of
from anabranch.memory.reads.links import list_consolidations
from anabranch.memory.reads.sessions import session_tree
from anabranch.views import InsightDetails

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import datetime

    from anabranch.memory.memory import Memory
    from anabranch.memory.namespaces import OpenNamespace
    from anabranch.views import SessionView

PAGE: Final = 2000
SESSIONS_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class ExportedSession:
    """One session with its insights, in the order in which they were recorded.

    Insights that were forgotten are not there; those that were retired are.
    """

    view: SessionView
    insights: tuple[InsightDetails, ...]

    @property
    def began(self) -> datetime | None:
        """When it began: what was found first may be older than its opening in the log."""
        times = [self.view.opened_at, *(time_of(one) for one in self.insights)]
        return min((time for time in times if time is not None), default=None)

    @property
    def last(self) -> datetime | None:
        """When it ended, or the last thing in it happened."""
        times = [self.view.ended_at, *(time_of(one) for one in self.insights), self.view.opened_at]
        return max((time for time in times if time is not None), default=None)

    def of_kinds(self, *kinds: str) -> tuple[InsightDetails, ...]:
        """Return the insights of these kinds that hold."""
        return tuple(one for one in self.insights if one.kind in kinds and one.retired is None)


@dataclass(frozen=True, slots=True)
class ExportedTree:
    """A session and all branches below it, parents before their branches.

    `conclusion` is the last consolidation of the thought that the session is the root of.
    """

    sessions: tuple[ExportedSession, ...]
    conclusion: str | None = None

    @property
    def root(self) -> ExportedSession:
        """The session that was asked for."""
        return self.sessions[0]


def time_of(insight: InsightDetails) -> datetime:
    """Return when an insight was said: its time in the world, else in the log."""
    return insight.valid_from or insight.recorded_at


async def exported(memory: Memory, session_id: str) -> ExportedTree:
    """Gather a session and what is below it. Raises SessionNotFound."""
    namespace = namespace_of(memory)
    asked = await memory.show_session(session_id)
    views = _below(await session_tree(namespace, asked.session_id), asked)
    found: dict[str, list[InsightDetails]] = {view.session_id: [] for view in views}
    ids = list(found)
    for start in range(0, len(ids), SESSIONS_AT_ONCE):
        async for insight in _insights(namespace, ids[start : start + SESSIONS_AT_ONCE]):
            found[insight.session_id].append(insight)
    sessions = tuple(ExportedSession(view, tuple(found[view.session_id])) for view in views)
    return ExportedTree(sessions, await _conclusion(namespace, asked))


async def _conclusion(namespace: OpenNamespace, root: SessionView) -> str | None:
    """Return the text of a thought's last consolidation; None of a session that is no root."""
    after, text = 0, None
    while root.parent_id is None:
        page = await list_consolidations(namespace, root_id=root.session_id, beyond=after)
        if not page:
            break
        after, text = page[-1].position, page[-1].text
    return text


def _below(thought: Sequence[SessionView], asked: SessionView) -> list[SessionView]:
    """Return the session that was asked for, and of its thought what descends from it."""
    kept = {asked.session_id}
    views = [asked]
    for view in thought:
        if view.parent_id in kept:
            kept.add(view.session_id)
            views.append(view)
    return views


async def _insights(
    namespace: OpenNamespace, session_ids: Sequence[str]
) -> AsyncIterator[InsightDetails]:
    """Yield the insights of sessions by position, page after page."""
    graph = await namespace.backend.graph()
    after, after_id = 0, ""
    while True:
        rows = await graph.read(
            "insights/of_sessions",
            namespace=namespace.name,
            session_ids=list(session_ids),
            after=after,
            after_id=after_id,
            limit=PAGE,
        )
        for row in rows:
            yield InsightDetails.model_validate(row)
        if len(rows) < PAGE:
            return
        after, after_id = rows[-1]["position"], rows[-1]["insight_id"]
