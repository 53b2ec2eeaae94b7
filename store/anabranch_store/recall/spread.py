"""Spreading: the insights that associations lead to, over several links."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from anabranch_recall.plasticity import decayed
from anabranch_recall.question import Associated, Association
from anabranch_store.recall.reach import asked_at, reach_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from anabranch_recall.question import Question
    from anabranch_store.graph.graph import Graph
    from anabranch_store.recall.reach import Reach

FAN_OUT: Final = 8
"""The links of one insight that are followed, its strongest at the time."""
FRONTIER_MAX: Final = 50
"""The insights from which a further step is taken, those reached most strongly."""
LINKS_READ: Final = 64


class _Path(NamedTuple):
    """The strongest way found to an insight; `strength` is the product of its links' weights."""

    start: str
    strength: float
    links: tuple[Association, ...]


def _now() -> datetime:
    return datetime.now(UTC)


async def spread(
    graph: Graph,
    question: Question,
    starts: Sequence[str],
    *,
    steps: int,
    limit: int,
    clock: Callable[[], datetime] = _now,
) -> list[Associated]:
    """Return the insights that associations lead to from `starts`, the strongest first.

    They are in the question's reach, at most `limit`, over at most `steps` links each. Each step is
    one read, from at most 50 insights over the 8 strongest links of each. Weights are those at the
    time of the question.
    """
    at = (await asked_at(graph, question, clock=clock)).at
    reach = await reach_of(graph, question, at=at)
    if reach.windows == {}:
        return []
    begun = {start: _Path(start, 1.0, ()) for start in starts}
    found: dict[str, _Path] = {}
    frontier = dict(list(begun.items())[:FRONTIER_MAX])
    for _ in range(steps):
        if not frontier:
            break
        better = {}
        for insight_id, path in (await _step(graph, reach, frontier, at=at)).items():
            known = found.get(insight_id)
            if insight_id not in begun and (known is None or path.strength > known.strength):
                better[insight_id] = path
        found |= better
        frontier = dict(_strongest(better, FRONTIER_MAX))
    return await _read(graph, reach, dict(_strongest(found, limit)))


async def _step(
    graph: Graph, reach: Reach, frontier: Mapping[str, _Path], *, at: datetime
) -> dict[str, _Path]:
    """Return the strongest way to each insight that is one link beyond `frontier`."""
    rows = await graph.read(
        "recall/read_spread",
        **reach.parameters(),
        windows=reach.windows,
        ids=list(frontier),
        limit=LINKS_READ,
    )
    reached: dict[str, _Path] = {}
    links_of = {row["one"]: row["links"] for row in rows}
    for insight_id, path in frontier.items():
        links = [
            Association(
                insight_id=other,
                kind=kind,
                weight=decayed(weight, since=datetime.fromisoformat(since), at=at),
                position=position,
            )
            for other, kind, position, weight, since in links_of.get(insight_id, [])
        ]
        links.sort(key=lambda each: (-each.weight, each.position, each.insight_id, each.kind))
        for link in links[:FAN_OUT]:
            way = _Path(path.start, path.strength * link.weight, (*path.links, link))
            known = reached.get(link.insight_id)
            if way.strength > 0 and (known is None or way.strength > known.strength):
                reached[link.insight_id] = way
    return reached


def _strongest(paths: Mapping[str, _Path], count: int) -> list[tuple[str, _Path]]:
    def order(item: tuple[str, _Path]) -> tuple[float, int, str]:
        insight_id, path = item
        return -path.strength, len(path.links), insight_id

    return sorted(paths.items(), key=order)[:count]


async def _read(graph: Graph, reach: Reach, paths: Mapping[str, _Path]) -> list[Associated]:
    if not paths:
        return []
    rows = await graph.read(
        "recall/read_hits",
        namespace=reach.namespace,
        until=reach.until,
        ended=reach.ended,
        ids=list(paths),
    )
    read = {row["insight_id"]: row for row in rows}
    return [
        Associated(**read[insight_id], strength=path.strength, start=path.start, path=path.links)
        for insight_id, path in paths.items()
        if insight_id in read
    ]
