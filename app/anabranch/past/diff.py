"""The difference between two moments: the things one namespace learned in between.

The events between the two say what was touched; the graph, which keeps the position of every
beginning and end, says what became of it. So the cost is that of the events in between.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from pydantic import BaseModel

from anabranch.past.diff_model import (
    ChangedAssociation,
    ChangedConflict,
    ChangedConsolidation,
    ChangedInsight,
    ChangedSession,
    Diff,
)
from anabranch.past.diff_scan import Touched
from anabranch.past.stretch import check_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from anabranch.backend.backend import Backend
    from anabranch_store import Graph

ITEMS_MAX: Final = 1000
_IDS_MAX: Final = 500
_TEXT_MAX: Final = 200
_TOLD_EACH: Final = 1000

M = TypeVar("M", bound=BaseModel)


class Span(NamedTuple):
    """The events of a namespace after one position and up to another."""

    namespace: str
    after: int
    to: int

    def holds(self, position: int | None) -> bool:
        """Tell whether a position lies in it."""
        return position is not None and self.after < position <= self.to


async def diff_of(
    backend: Backend,
    span: Span,
    *,
    items_max: int,
    progress: Callable[[int], None] | None = None,
) -> Diff:
    """Return what was learned within `span`; the graph must have reached its end.

    `progress` gets each position that was read. Raises InputInvalid for a span that runs back.
    """
    check_order(span.after, span.to, fields=("after", "to"))
    graph = await backend.graph()
    touched = await _touched(backend, graph, span, progress)
    found: dict[str, list[Any]] = {
        **await _insights(graph, span, touched),
        **await _associations(graph, span, touched),
        **await _sessions(graph, span, touched),
        **await _joined(graph, span, touched),
    }
    sums = {name: len(items) for name, items in found.items()}
    sums |= {f"insights_{outcome}": count for outcome, count in sorted(touched.outcomes.items())}
    return Diff(
        namespace=span.namespace,
        after=span.after,
        to=span.to,
        events=touched.events,
        sums=sums,
        **{name: items[:items_max] for name, items in found.items()},
    )


async def _touched(
    backend: Backend, graph: Graph, span: Span, progress: Callable[[int], None] | None
) -> Touched:
    rows = await graph.read("dead_letters/positions", after=span.after)
    aside = {row["position"] for row in rows}
    touched = Touched(span.namespace)
    repeats = backend.log.repeats(after=span.after)
    async with aclosing(backend.log.read_all(after=span.after, to=span.to)) as records:
        async for recorded in records:
            if progress is not None and recorded.position % _TOLD_EACH == 0:
                progress(recorded.position - span.after)
            counted = b"insight.cited" in recorded.raw and recorded.namespace == span.namespace
            if counted and await repeats.earlier(recorded):
                continue
            if recorded.position not in aside:
                touched.add(recorded)
    return touched


async def _insights(graph: Graph, span: Span, touched: Touched) -> dict[str, list[Any]]:
    rows = await _read(graph, "past/read_insights", span, touched.insights, characters=_TEXT_MAX)
    recorded, retired, forgotten = list[Any](), list[Any](), list[Any]()
    for row in rows:
        begun, ended, erased = row["recorded"], row["retired"], row["forgotten"]
        if span.holds(begun):
            recorded.append(_made(ChangedInsight, row, position=begun))
        if ended is not None and span.holds(max(begun, ended)):
            ending = touched.endings.get((row["insight_id"], ended))
            how = {"reason": ending.reason, "by": ending.by} if ending else {}
            retired.append(_made(ChangedInsight, row, position=max(begun, ended), **how))
        if erased is not None and span.holds(max(begun, erased)):
            forgotten.append(
                _made(ChangedInsight, row, position=max(begun, erased), reason="forgotten")
            )
    return {
        "insights_recorded": recorded,
        "insights_retired": _ordered(retired),
        "insights_forgotten": _ordered(forgotten),
    }


async def _associations(graph: Graph, span: Span, touched: Touched) -> dict[str, list[Any]]:
    rows = await _read(graph, "past/read_associations", span, touched.linked)
    formed = [
        _made(ChangedAssociation, row, position=row["recorded"])
        for row in rows
        if span.holds(row["recorded"])
    ]
    ended = [
        _made(ChangedAssociation, row, position=row["retired"])
        for row in rows
        if span.holds(row["retired"])
    ]
    moved = _moved([row for row in rows if row["recorded"] <= span.after], touched)
    return {
        "associations_formed": formed,
        "associations_ended": _ordered(ended),
        "associations_strengthened": [each for each in moved if each.useful],
        "associations_weakened": [each for each in moved if each.rejected],
    }


def _moved(rows: Sequence[dict[str, Any]], touched: Touched) -> list[ChangedAssociation]:
    """Count, for each association, the citations of both its ends while it held."""
    leaving: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        leaving.setdefault(row["from_id"], []).append(place)
    counts = [[0, 0] for _ in rows]
    for citation in touched.citations:
        for insight_id in citation.ids:
            for place in leaving.get(insight_id, ()):
                row = rows[place]
                held = row["retired"] is None or citation.position < row["retired"]
                if held and row["to_id"] in citation.ids:
                    counts[place][0 if citation.useful else 1] += 1
    return [
        _made(ChangedAssociation, row, position=row["recorded"], useful=useful, rejected=rejected)
        for row, (useful, rejected) in zip(rows, counts, strict=True)
        if useful or rejected
    ]


async def _sessions(graph: Graph, span: Span, touched: Touched) -> dict[str, list[Any]]:
    rows = await _read(graph, "past/read_sessions", span, touched.sessions, characters=_TEXT_MAX)
    opened, ended = list[Any](), list[Any]()
    for row in rows:
        begun, over = row["opened"], row["ended"]
        status = row.pop("status")
        if span.holds(begun):
            opened.append(_made(ChangedSession, row, position=begun))
        if over is not None and span.holds(max(begun, over)):
            ended.append(_made(ChangedSession, row, position=max(begun, over), status=status))
    return {"sessions_opened": opened, "sessions_ended": _ordered(ended)}


async def _joined(graph: Graph, span: Span, touched: Touched) -> dict[str, list[Any]]:
    consolidations = await _read(
        graph, "past/read_consolidations", span, touched.consolidations, characters=_TEXT_MAX
    )
    conflicts = await _read(graph, "past/read_conflicts", span, touched.opposed)
    for row in conflicts:
        row["insights"] = (row["one"], row["other"])
    return {
        "consolidations_recorded": [
            _made(ChangedConsolidation, row, position=row["recorded"])
            for row in consolidations
            if span.holds(row["recorded"])
        ],
        "conflicts_opened": [
            _made(ChangedConflict, row, position=row["recorded"])
            for row in conflicts
            if span.holds(row["recorded"])
        ],
        "conflicts_resolved": _ordered(
            _made(ChangedConflict, row, position=row["retired"])
            for row in conflicts
            if span.holds(row["retired"])
        ),
    }


async def _read(
    graph: Graph, statement: str, span: Span, ids: Iterable[str], **more: object
) -> list[dict[str, Any]]:
    """Return the rows of `statement` for any number of ids, by position."""
    found: list[dict[str, Any]] = []
    wanted = list(ids)
    for start in range(0, len(wanted), _IDS_MAX):
        some = wanted[start : start + _IDS_MAX]
        found += await graph.read(
            statement, namespace=span.namespace, until=span.to, ids=some, **more
        )
    clock = "opened" if statement == "past/read_sessions" else "recorded"
    return sorted(found, key=lambda row: int(row[clock]))


def _made(model: type[M], row: dict[str, Any], **more: object) -> M:
    values = {name: row[name] for name in model.model_fields if name in row}
    return model.model_validate({**values, **more})


def _ordered(items: Iterable[Any]) -> list[Any]:
    return sorted(items, key=lambda each: each.position)
