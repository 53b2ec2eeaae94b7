"""Lanes: the sessions of a namespace and the marks on them, as columns, to draw many at once."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from anabranch.memory.namespaces import OpenNamespace

LANES_MAX: Final = 10_000
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
    """A page of sessions, and the insights that were recorded in its span of positions.

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
    namespace: OpenNamespace, *, before: int | None = None, limit: int = LANES_MAX
) -> Lanes:
    """Return the sessions that were opened before a position, the newest first, with their marks.

    The spans of the pages together are the whole log: each insight stands in one of them.
    """
    backend = namespace.backend
    await namespace.caught_up()
    graph = await backend.graph()
    position = (await graph.reached()).graph
    rows = await graph.read(
        "sessions/list",
        namespace=namespace.name,
        root_id=None,
        status=None,
        before=before,
        limit=limit,
        left_out=None,
    )
    following = int(rows[-1]["opened"]) if len(rows) == limit else None
    marks = await graph.read(
        "insights/marks",
        namespace=namespace.name,
        since=following or 0,
        before=before,
        limit=MARKS_MAX + 1,
    )
    return Lanes(
        namespace=namespace.name,
        position=position,
        lanes=_lane_columns(rows),
        marks=MarkColumns.model_validate(_columns(MarkColumns, marks[:MARKS_MAX])),
        marks_left_out=len(marks) > MARKS_MAX,
        next=following,
    )


def _lane_columns(rows: Sequence[Mapping[str, Any]]) -> LaneColumns:
    shown = [{**row, "task": row["task"][:TASK_SHOWN], "updated": row["position"]} for row in rows]
    return LaneColumns.model_validate(_columns(LaneColumns, shown))


def _columns(model: type[BaseModel], rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in model.model_fields}
