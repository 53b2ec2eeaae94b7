"""Settling of a namespace by hand: what would be recorded, or what was, in one answer."""

from __future__ import annotations

from collections import Counter
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

from anabranch_events.errors import EventInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from anabranch.backend.backend import Backend
    from anabranch.memory.namespaces import OpenNamespace
    from anabranch_thinking.settling.recording import Settler, VectorsOf
    from anabranch_thinking.settling.settlement import Settlement

_AT_ONCE: Final = 256
_WAIT_S: Final = 5.0


class RestatedFact(BaseModel):
    """One fact that several insights say; `sources` in the order in which `text` cites them."""

    model_config = ConfigDict(frozen=True)
    text: str
    sources: tuple[str, ...]


class ChangedFact(BaseModel):
    """An insight whose place a newer one takes by its own words, or that stands against it."""

    model_config = ConfigDict(frozen=True)
    older: str
    newer: str
    reason: str


class SettledMemory(BaseModel):
    """The outcome of settling: how many insights were looked at, and what was found.

    `associations` has the number of new ones by kind. `recorded` is false for a dry run.
    """

    model_config = ConfigDict(frozen=True)
    insights: int
    recorded: bool
    restated: tuple[RestatedFact, ...]
    superseded: tuple[ChangedFact, ...]
    conflicts: tuple[ChangedFact, ...]
    associations: dict[str, int]


async def settle(
    namespace: OpenNamespace,
    *,
    since: int | None = None,
    dry_run: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> SettledMemory:
    """Settle a namespace as `Memory.settle` says."""
    from anabranch_thinking.settling.chain import Overtaken
    from anabranch_thinking.settling.recording import Settler  # It imports numpy.

    backend = namespace.backend
    if since is not None:
        await backend.checked_position(since, field="since")
    await namespace.ready(vectors_wait_s=_WAIT_S)
    found: list[Settlement] = []
    looked, after = 0, since
    while True:
        settler = Settler(namespace.sessions, vectors_of_graph(backend))
        await _read_into(settler, namespace)
        try:
            while (one := await settler.settle_next(since=after, record=not dry_run)) is not None:
                found.append(one)
                looked += one.insights
                after = None if since is None else one.through
                if progress is not None:
                    progress(looked, looked + settler.waiting)
        except Overtaken:
            continue  # Another one recorded something meanwhile: what is left is looked at anew.
        break
    return _report(found, recorded=not dry_run)


async def _read_into(settler: Settler, namespace: OpenNamespace) -> None:
    """Have a settler take in the namespace's events up to the log's end."""
    log = namespace.backend.log
    async with aclosing(log.read_all(to=(await log.bounds()).last)) as records:
        async for recorded in records:
            if recorded.namespace != namespace.name:
                continue
            try:
                settler.take(recorded.decode(), recorded.position)
            except EventInvalid:
                continue


def _report(found: Sequence[Settlement], *, recorded: bool) -> SettledMemory:
    kinds = Counter(link.link.kind for one in found for link in one.links)
    return SettledMemory(
        insights=sum(one.insights for one in found),
        recorded=recorded,
        restated=tuple(
            RestatedFact(text=each.text, sources=each.sources)
            for one in found
            for each in one.restated
        ),
        superseded=tuple(
            ChangedFact(older=each.older, newer=each.newer, reason=each.reason)
            for one in found
            for each in one.superseded
        ),
        conflicts=tuple(
            ChangedFact(older=each.older, newer=each.newer, reason=each.subject)
            for one in found
            for each in one.opposed
        ),
        associations=dict(kinds),
    )


def vectors_of_graph(backend: Backend) -> VectorsOf:
    """Return a reader of the vectors that the graph has by now."""

    async def read(namespace: str, insight_ids: Sequence[str]) -> dict[str, list[float]]:
        graph = await backend.graph()
        found: dict[str, list[float]] = {}
        for start in range(0, len(insight_ids), _AT_ONCE):
            some = list(insight_ids[start : start + _AT_ONCE])
            rows = await graph.read("insights/vectors", namespace=namespace, ids=some)
            found.update((row["insight_id"], row["vector"]) for row in rows)
        return found

    return read
