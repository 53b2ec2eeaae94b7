"""Thoughts over workers that nobody waits for: begun, looked at, listed, called off."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from anabranch.memory.namespaces import Namespaces
from anabranch.memory.reads.links import ConsolidationView, list_consolidations
from anabranch.memory.reads.sessions import session_tree
from anabranch.memory.thinking.joining import fabric_of
from anabranch.past.as_of import position_of, sessions_then
from anabranch.views import SessionView
from anabranch_thinking.sessions.forks import first_of_fork, fork_ids, join_id_of
from anabranch_thinking.work.calling_off import call_off
from anabranch_thinking.work.dispatch import ThoughtOverWorkers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch.memory.namespaces import OpenNamespace
    from anabranch.past.as_of import Moment
    from anabranch_thinking import BranchTask, Sessions
    from anabranch_thinking.work.dispatch import WorkTerms
    from anabranch_thinking.work.fabric import Fabric

_CONSOLIDATIONS_MAX: Final = 1000


class ThoughtReceipt(BaseModel):
    """A thought that was begun: its root session, and its branches in their order."""

    model_config = ConfigDict(frozen=True)
    thought_id: str = Field(description="The thought's root session.")
    branch_ids: tuple[str, ...]
    position: int


class ThoughtSummary(BaseModel):
    """A thought in a list; `status` is that of its root session, `open` while it goes on."""

    model_config = ConfigDict(frozen=True)
    thought_id: str
    task: str
    agent: str | None
    status: str
    branches: int = Field(description="How many branches its root session has.")
    opened_at: datetime | None
    ended_at: datetime | None
    position: int


class ThoughtView(BaseModel):
    """A thought with all its branches, level by level, and what they were joined to."""

    model_config = ConfigDict(frozen=True)
    thought_id: str
    root: SessionView
    branches: tuple[SessionView, ...]
    going: int = Field(description="How many of its branches have not ended.")
    consolidations: tuple[ConsolidationView, ...]


class ThoughtsPage(NamedTuple):
    """A page of thoughts, and the position before which the next one begins; None at the end."""

    thoughts: list[ThoughtSummary]
    before: int | None


async def begin_thought(
    namespace: OpenNamespace,
    task: str,
    branches: Sequence[BranchTask],
    *,
    terms: WorkTerms,
    sessions: Sessions,
    earlier_id: str | None = None,
) -> ThoughtReceipt:
    """Store a thought whole, and queue its branches: it goes on without this process.

    `earlier_id` is the root session that the same request has made, if it came before.
    """
    branch_ids = None if earlier_id is None else await _begun(sessions, earlier_id)
    if branch_ids is None or earlier_id is None:
        thought = ThoughtOverWorkers(_fabric(namespace), sessions, terms)
        branch_ids = await thought.begin(task, branches, session_id=None)
        earlier_id = thought.root_id
    # A worker may have gone on with it already: the answer is that of the fork, sent again too.
    position, _ = (await sessions.events(branch_ids[-1]))[0]
    namespace.backend.saw(None, position)
    return ThoughtReceipt(thought_id=earlier_id, branch_ids=tuple(branch_ids), position=position)


async def show_thought(
    namespace: OpenNamespace, session_id: str, *, as_of: Moment | None = None
) -> ThoughtView:
    """Return the thought of a session. Raises SessionNotFound."""
    root, *branches = await session_tree(namespace, session_id, as_of=as_of)
    joined = await list_consolidations(
        namespace, root_id=root.session_id, as_of=as_of, limit=_CONSOLIDATIONS_MAX
    )
    return ThoughtView(
        thought_id=root.session_id,
        root=root,
        branches=tuple(branches),
        going=sum(one.ended_at is None for one in branches),
        consolidations=tuple(joined),
    )


async def page_of_thoughts(
    namespace: OpenNamespace,
    *,
    limit: int,
    before: int | None = None,
    as_of: Moment | None = None,
) -> ThoughtsPage:
    """Return the thoughts that were begun before a position, the newest first.

    With `as_of` they are as of that moment; the cost is that of the events of their roots.
    """
    backend = namespace.backend
    until = None
    if as_of is None:
        await namespace.caught_up()
    else:
        until = await position_of(backend, as_of)
        await backend.wait_for(until, projection="graph", timeout_s=backend.settings.wait_timeout_s)
    graph = await backend.graph()
    rows = await graph.read(
        "sessions/thoughts", namespace=namespace.name, before=before, until=until, limit=limit
    )
    found = [ThoughtSummary(thought_id=row["session_id"], **row) for row in rows]
    if until is not None:
        then = await sessions_then(backend, rows, namespace=namespace.name, position=until)
        states = {one.session_id: one for one in then}
        found = [_as_then(one, states[one.thought_id]) for one in found]
    return ThoughtsPage(found, int(rows[-1]["opened"]) if len(rows) == limit else None)


async def call_off_thought(namespace: OpenNamespace, session_id: str, reason: str) -> list[str]:
    """Cancel a session with all that was forked of it; return those that were going.

    Executors that run for one of them are stopped at once. Raises SessionNotFound.
    """
    return await call_off(_fabric(namespace), namespace.name, session_id, reason)


def _as_then(now: ThoughtSummary, then: SessionView) -> ThoughtSummary:
    changes = {"status": then.status, "ended_at": then.ended_at, "position": then.position}
    return now.model_copy(update=changes)


async def _begun(sessions: Sessions, root_id: str) -> list[str] | None:
    """Return the branches of a thought that was begun whole before; None where it was not."""
    first = await first_of_fork(sessions, join_id_of(root_id, 0))
    if first is None or first.join is None:
        return None
    return fork_ids(first.join.join_id, first.join.branches)


def _fabric(namespace: OpenNamespace) -> Fabric:
    backend = namespace.backend
    return fabric_of(Namespaces(backend), backend, traces=True)
