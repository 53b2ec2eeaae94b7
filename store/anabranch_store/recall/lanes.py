"""The lanes into the graph: exact scans of a small reach, indexes for a large one."""

from __future__ import annotations

import asyncio
import math
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, NamedTuple, TypeVar

from anabranch_recall.candidates import CHARACTERS_MAX, RESTATED, Row
from anabranch_recall.fusion import SHARED_BY_MAX, Link
from anabranch_recall.plasticity import decayed
from anabranch_recall.text.language import search_terms
from anabranch_recall.text.subject import with_subject
from anabranch_recall.text.words import glued_words
from anabranch_recall.timing import Durations
from anabranch_store.errors import EmbedderRefused, Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from anabranch_recall.embedder import Embedder
    from anabranch_store.graph.graph import Graph
    from anabranch_store.recall.reach import Reach

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

FETCH_FIRST: Final = 100
FETCH_MAX: Final = 6400
INDEX_TIMEOUT_S: Final = 2.0
FETCH_GROWTH: Final = 4


class Vector(NamedTuple):
    """A question as a vector of a model."""

    model: str
    numbers: list[float]


async def vector_of(embedder: Embedder, text: str) -> Vector:
    """Return a question as a vector. Raises EmbedderRefused for one that cannot be compared."""
    [numbers] = await embedder.embed([text])
    if not any(numbers):
        raise EmbedderRefused(
            f"the embedder gives no vector for this question of {len(text)} characters",
            fix="ask it otherwise",
        )
    if len(numbers) != embedder.dimension or not all(map(math.isfinite, numbers)):
        raise EmbedderRefused(
            "the embedder gave no vector of its dimension",
            fix=f"see that {embedder.model} gives {embedder.dimension} numbers a text",
        )
    return Vector(embedder.model, numbers)


class LaneOutcome(NamedTuple, Generic[T_co]):
    """The outcome of a lane: its findings, or the reason why there are none."""

    state: Literal["ok", "empty", "failed", "skipped"]
    found: T_co
    reason: str | None = None
    duration_ms: float = 0.0


async def attempt(work: Awaitable[T], *, nothing: T, timeout_s: float) -> LaneOutcome[T]:
    """Wait for a lane, at most `timeout_s`; its failure is its outcome and stops no other lane."""
    took = Durations()
    found, reason = nothing, None
    try:
        with took.timed("lane"):
            async with asyncio.timeout(timeout_s):
                found = await work
    except TimeoutError:
        reason = f"no answer within {timeout_s:g} s"
    except Exception as error:  # noqa: BLE001 - an embedder of somebody else's may raise anything.
        reason = f"{type(error).__name__}: {error}"
    duration_ms = took.of("lane")
    if reason is not None:
        return LaneOutcome("failed", nothing, reason, duration_ms)
    return LaneOutcome("ok" if found else "empty", found, None, duration_ms)


async def scan(
    graph: Graph, reach: Reach, vector: Vector | None, *, limit: int
) -> dict[str, tuple[Row, float | None]]:
    """Return eligible insights, at most `limit`, each with its exact cosine to `vector`."""
    rows = await _of_reach(
        graph,
        "recall/scan",
        reach,
        limit=limit,
        characters=CHARACTERS_MAX,
        model=vector.model if vector else None,
        vector=vector.numbers if vector else None,
    )
    return _candidates(graph, rows)


async def search_words(graph: Graph, reach: Reach, question: str, *, wanted: int) -> list[str]:
    """Return the ids of eligible insights that the full-text index gives, best first."""
    terms = search_terms(question)
    if not terms:
        return []
    return await _search(graph, "recall/search_words", reach, wanted=wanted, words=" ".join(terms))


async def search_within(graph: Graph, reach: Reach, question: str, *, wanted: int) -> list[str]:
    """Return the ids of eligible insights that hold a word of the question within a longer one.

    Hangul, katakana, Thai and the like are one word of the index as far as no space stands in them.
    Questions without such words are not looked for.
    """
    parts = glued_words(question)
    if not parts:
        return []
    return await _of_reach(graph, "recall/holding", reach, limit=wanted, parts=parts)


async def search_meaning(graph: Graph, reach: Reach, vector: Vector, *, wanted: int) -> list[str]:
    """Return the ids of eligible insights near `vector`, nearest first.

    The vector index is asked first. The embedded graph's builds itself at its first query, which
    takes a second a thousand vectors or so. Any index misses the few among many that a filter
    leaves: where it gives fewer than `wanted`, all eligible ones are compared.
    """
    near = {"model": vector.model, "vector": vector.numbers}
    try:
        async with asyncio.timeout(INDEX_TIMEOUT_S):
            ids = await _search(graph, "recall/search_meaning", reach, wanted=wanted, **near)
    except (TimeoutError, Unavailable):
        ids = []
    if len(ids) < wanted:
        ids = await _of_reach(graph, "recall/nearest", reach, limit=wanted, **near)
    return ids


async def read_candidates(
    graph: Graph, reach: Reach, ids: list[str], vector: Vector | None
) -> dict[str, tuple[Row, float | None]]:
    """Return the ranking's rows of the insights in `ids`, and their exact cosine to `vector`."""
    rows = await graph.read(
        "recall/read_candidates",
        namespace=reach.namespace,
        until=reach.until,
        ids=ids,
        characters=CHARACTERS_MAX,
        model=vector.model if vector else None,
        vector=vector.numbers if vector else None,
    )
    return _candidates(graph, rows[0]["insights"])


async def read_links(
    graph: Graph, reach: Reach, ids: list[str], *, at: datetime, limit: int
) -> list[Link]:
    """Return the associations of the insights in `ids` with eligible ones, decayed to `at`."""
    rows = await graph.read(
        "recall/read_associations",
        **reach.parameters(),
        windows=reach.windows,
        ids=ids,
        limit=limit,
    )
    links = [
        Link(
            row["one"],
            row["other"],
            row["kind"],
            decayed(row["weight"], since=datetime.fromisoformat(row["since"]), at=at),
            row["position"],
        )
        for row in rows
    ]
    # Two insights in `ids` find the association between them from both ends.
    return list(
        {
            (*sorted((each.one, each.other)), each.kind, each.position): each for each in links
        }.values()
    )


async def read_evidence(graph: Graph, reach: Reach, ids: list[str]) -> list[str]:
    """Return which of the insights in `ids` a standing consolidation cites."""
    rows = await graph.read(
        "recall/read_evidence",
        **reach.parameters(),
        windows=reach.windows,
        ids=ids,
        restated=RESTATED,
    )
    found: list[str] = rows[0]["insights"]
    return found


async def read_shared(graph: Graph, reach: Reach, ids: list[str]) -> dict[str, list[str]]:
    """Return the rare entities that the insights in `ids` mention, with all that mention them."""
    rows = await graph.read(
        "recall/read_shared_entities",
        **reach.parameters(),
        windows=reach.windows,
        ids=ids,
        shared_by_max=SHARED_BY_MAX,
    )
    return {row["name"]: sorted(row["sharing"]) for row in rows}


async def _of_reach(graph: Graph, statement: str, reach: Reach, **parameters: Any) -> list[Any]:
    if reach.windows is None:
        rows = await graph.read(f"{statement}_namespace", **reach.parameters(), **parameters)
    else:
        windows = reach.window_rows()
        rows = await graph.read(
            f"{statement}_sessions", **reach.parameters(), windows=windows, **parameters
        )
    insights: list[Any] = rows[0]["insights"]
    return insights


async def _search(
    graph: Graph, statement: str, reach: Reach, *, wanted: int, **parameters: Any
) -> list[str]:
    """Ask an index for more until `wanted` are eligible, or it has no more, or the bound.

    An index knows neither namespace nor scope nor position. Its results are filtered before they
    count: a filter costs fetches, not hits.
    """
    limit = max(FETCH_FIRST, wanted)
    while True:
        [row] = await graph.read(
            statement, **reach.parameters(), windows=reach.windows, limit=limit, **parameters
        )
        ids: list[str] = [insight_id for insight_id, _ in row["insights"]]
        if len(ids) >= wanted or row["found"] < limit or limit >= FETCH_MAX:
            return ids[:wanted]
        limit = min(limit * FETCH_GROWTH, FETCH_MAX)


def _candidates(graph: Graph, rows: list[Any]) -> dict[str, tuple[Row, float | None]]:
    return {
        each[0]: (_row(each[:7]), None if each[7] is None else _cosine(graph, each[7]))
        for each in rows
    }


def _row(values: list[Any]) -> Row:
    insight_id, session_id, text, subject, position, day, entities = values
    told = with_subject(text or "", subject)[:CHARACTERS_MAX]
    return Row(insight_id, session_id, told, position, day or "", tuple(entities or ()))


def _cosine(graph: Graph, similarity: float) -> float:
    """Return a similarity as a cosine: Neo4j scales it to 0..1, the embedded graph does not."""
    return similarity if graph.product.name == "arcadedb" else 2 * similarity - 1
