"""Lanes: the sessions of a namespace and the marks on them, as columns, to draw many at once."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch.memory.namespaces import OpenNamespace
    from anabranch_store import Graph

SPAN_MAX: Final = 50_000
"""Positions of a page: as many sessions at most."""
MARKS_MAX: Final = 50_000
TASK_SHOWN: Final = 120


class _Columns(BaseModel):
    model_config = ConfigDict(frozen=True, defer_build=True)


class LaneColumns(_Columns):
    """Sessions, the newest first: one value of each column a session.

    `opened`, `ended` and `updated` are positions; with them a page shows any moment by itself.
    `task` is cut to its first 120 characters.
    """

    session_id: list[str]
    parent_id: list[str | None]
    task: list[str]
    role: list[str | None]
    agent: list[str | None]
    status: list[str]
    forked_at: list[int | None]
    opened: list[int]
    opened_at: list[datetime | None]
    ended: list[int | None]
    updated: list[int]


class MarkColumns(_Columns):
    """Insights, the newest first: one value of each column an insight. `retired` is a position."""

    insight_id: list[str]
    session_id: list[str]
    kind: list[str]
    position: list[int]
    retired: list[int | None]


class Lanes(_Columns):
    """The sessions that were opened, and the insights that were recorded, in a span of positions.

    `position` is the one that the graph had reached at least: events after it bring the page up to
    date. `marks_left_out` says that the span has more insights than a page holds.
    """

    namespace: str
    position: int
    lanes: LaneColumns
    marks: MarkColumns
    marks_left_out: bool
    next: int | None = Field(description="The `cursor` of the next page; null at the end.")


async def lanes(
    namespace: OpenNamespace, *, before: int | None = None, span: int = SPAN_MAX
) -> Lanes:
    """Return the sessions and insights of the `span` positions before one, the newest first.

    The spans of the pages together are the whole log: each session, and each insight, stands in one
    of them. Raises InputInvalid and PositionFromFuture.
    """
    backend, name = namespace.backend, namespace.name
    await namespace.caught_up()
    graph = await backend.graph()
    position = (await graph.reached()).graph
    if before is None:
        before = (await backend.log.bounds()).last + 1
    since = max(before - span, 0)
    # Unordered: to sort them costs the store twice what it costs to find them.
    asked = {"namespace": name, "since": since, "before": before}
    [[sessions], [insights]] = await asyncio.gather(
        graph.read("sessions/lanes", **asked, characters=TASK_SHOWN),
        graph.read("insights/marks", **asked, limit=MARKS_MAX + 1),
    )
    marks = insights["insights"]
    return Lanes(
        namespace=name,
        position=position,
        lanes=LaneColumns.model_validate(_columns(LaneColumns, sessions["sessions"], by="opened")),
        marks=MarkColumns.model_validate(_columns(MarkColumns, marks[:MARKS_MAX], by="position")),
        marks_left_out=len(marks) > MARKS_MAX,
        next=await _next(graph, name, before=since) if since > 1 else None,
    )


async def _next(graph: Graph, namespace: str, *, before: int) -> int | None:
    """Return the position before which a next page has something; None where nothing is left."""
    [[session], [insight]] = await asyncio.gather(
        graph.read("sessions/last_opened", namespace=namespace, before=before),
        graph.read("insights/last_recorded", namespace=namespace, before=before),
    )
    found = max(session["opened"] or 0, insight["recorded"] or 0)
    return found + 1 if found else None


def _columns(
    model: type[BaseModel], rows: Sequence[Sequence[Any]], *, by: str
) -> dict[str, list[Any]]:
    """Return rows, whose values stand in the order of a model's fields, as its columns.

    The row with the highest value in column `by` comes first.
    """
    names = list(model.model_fields)
    key = names.index(by)
    ordered = sorted(rows, key=lambda row: row[key], reverse=True)
    columns = zip(*ordered, strict=True) if ordered else ([] for _ in names)
    return {name: list(column) for name, column in zip(names, columns, strict=True)}
