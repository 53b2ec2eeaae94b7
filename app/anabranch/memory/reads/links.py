"""Links of a namespace to look at: associations, conflicts, consolidations; now or at a moment."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from anabranch.memory.reads.insights import get_insight
from anabranch.past.as_of import position_of

if TYPE_CHECKING:
    from anabranch.memory.namespaces import OpenNamespace
    from anabranch.past.as_of import Moment


class AssociationView(BaseModel):
    """An association of two insights: its weight when it was last cited, which decays since."""

    model_config = ConfigDict(frozen=True, defer_build=True)
    from_id: str
    to_id: str
    kind: str
    reason: str | None
    weight: float
    citations: int
    last_cited: datetime | None
    position: int
    recorded_at: datetime


class ConflictView(BaseModel):
    """Two insights that disagree; `resolved` is the position of the decision, if there is one."""

    model_config = ConfigDict(frozen=True, defer_build=True)
    one: str
    other: str
    subject: str | None
    position: int
    resolved: int | None
    decision: str | None


class ConsolidationView(BaseModel):
    """The synthesis of a thought's branches: the sessions it joins, the insights it stands on."""

    model_config = ConfigDict(frozen=True, defer_build=True)
    consolidation_id: str
    root_id: str
    text: str
    method: str
    sessions: tuple[str, ...]
    sources: tuple[str, ...]
    position: int
    recorded_at: datetime


async def list_associations(
    namespace: OpenNamespace,
    insight_id: str,
    *,
    as_of: Moment | None = None,
    beyond: int = 0,
    limit: int = 100,
) -> list[AssociationView]:
    """Return the associations of an insight that hold, those formed after `beyond`, by position.

    Raises InsightNotFound, and PositionFromFuture.
    """
    found = await get_insight(namespace, insight_id)
    rows = await _rows(
        namespace,
        "insights/associations",
        as_of=as_of,
        id=found.insight_id,
        after=beyond,
        limit=limit,
    )
    return [AssociationView.model_validate(row) for row in rows]


async def list_conflicts(
    namespace: OpenNamespace,
    *,
    only_open: bool = True,
    as_of: Moment | None = None,
    beyond: int = 0,
    limit: int = 100,
) -> list[ConflictView]:
    """Return the conflicts of a namespace, those opened after `beyond`, by position.

    Raises PositionFromFuture.
    """
    rows = await _rows(
        namespace,
        "insights/conflicts",
        as_of=as_of,
        open=only_open,
        after=beyond,
        limit=limit,
    )
    return [ConflictView.model_validate(row) for row in rows]


async def list_consolidations(
    namespace: OpenNamespace,
    *,
    root_id: str | None = None,
    as_of: Moment | None = None,
    beyond: int = 0,
    limit: int = 100,
) -> list[ConsolidationView]:
    """Return the consolidations of a namespace, those recorded after `beyond`, by position.

    Raises PositionFromFuture.
    """
    rows = await _rows(
        namespace,
        "consolidations/list",
        as_of=as_of,
        root_id=root_id,
        after=beyond,
        limit=limit,
    )
    return [ConsolidationView.model_validate(row) for row in rows]


async def _rows(
    namespace: OpenNamespace, statement: str, *, as_of: Moment | None, **parameters: Any
) -> list[dict[str, Any]]:
    """Return the rows of a statement as of a moment, once the graph has reached it."""
    until = await reached_for(namespace, as_of)
    graph = await namespace.backend.graph()
    return await graph.read(statement, namespace=namespace.name, until=until, **parameters)


async def reached_for(namespace: OpenNamespace, as_of: Moment | None) -> int:
    """Wait until the graph has reached a moment, or the end of the log; return its position.

    Raises PositionFromFuture.
    """
    backend = namespace.backend
    await namespace.caught_up()
    if as_of is None:
        return max(backend.seen, (await backend.log.bounds()).last)
    until = await position_of(backend, as_of)
    await backend.wait_for(until, projection="graph", timeout_s=backend.settings.wait_timeout_s)
    return until
