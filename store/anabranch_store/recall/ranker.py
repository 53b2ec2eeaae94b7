"""The `graph` ranker: recall over the store's own indexes, exact where little is in reach."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from anabranch_recall.candidates import Row, matched_words, rank_all, rank_chosen
from anabranch_recall.fusion import LINKED_FROM, SEEDS, Link, Scored, link
from anabranch_recall.question import Hit, Lane, Question, Recollection
from anabranch_store.errors import GraphUnavailable
from anabranch_store.recall.lanes import (
    LaneOutcome,
    Vector,
    attempt,
    read_candidates,
    read_last_moment,
    read_links,
    read_shared,
    scan,
    search_meaning,
    search_words,
)
from anabranch_store.recall.reach import LargeReaches, Reach, reach_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import TypeVar

    from anabranch_recall.embedder import Embedder
    from anabranch_store.graph.graph import Graph

    T = TypeVar("T")

SCAN_MAX: Final = 1000
WANTED_MIN: Final = 50
LINKS_MAX: Final = 200
LANE_TIMEOUT_S: Final = 10.0


def _now() -> datetime:
    return datetime.now(UTC)


class _ScopedQuestion(NamedTuple):
    """A question and its reach."""

    question: Question
    reach: Reach

    @property
    def text(self) -> str:
        return self.question.text


class _Ranking(NamedTuple):
    """All candidates, best first, and the outcome of each lane."""

    ranked: list[Scored]
    lanes: Mapping[str, LaneOutcome[object]]


class GraphRanker:
    """The ranker over the graph: full text, vectors, shared entities, associations.

    Where at most `scan_max` insights are in reach they are scanned: the ranking is exact, and
    nothing outside the reach has a part in it. Where there are more, the store's indexes choose the
    candidates, and the same recipe scores those. Every lane has `timeout_s`; one that fails is
    reported and the others answer. `clock` is the moment to which associations decay.
    """

    name: Final = "graph"

    def __init__(
        self,
        graph: Graph,
        embedder: Embedder | None = None,
        *,
        scan_max: int = SCAN_MAX,
        timeout_s: float = LANE_TIMEOUT_S,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._graph = graph
        self._embedder = embedder
        self._scan_max = scan_max
        self._timeout_s = timeout_s
        self._clock = clock
        self._large = LargeReaches()

    async def recall(self, question: Question) -> Recollection:
        """Return the `question.k` insights that answer best, with reasons, best first.

        An unknown session reaches nothing. Raises GraphUnavailable when no lane answers.
        """
        # Positions first: later reads are never older than they say.
        reached, reach = await asyncio.gather(
            self._graph.reached(), reach_of(self._graph, question)
        )
        ranking = await self._rank(_ScopedQuestion(question, reach), held=reached.model)
        _require_an_answer(ranking.lanes)
        best = [each for each in ranking.ranked if each.supported][: question.k]
        return Recollection(
            hits=await self._hits(question, best, reach),
            lanes={
                name: Lane(
                    state=outcome.state,
                    position=reached.vectors if name == "meaning" else reached.graph,
                    reason=outcome.reason,
                )
                for name, outcome in ranking.lanes.items()
            },
            position=reached.graph,
            ranker=self.name,
        )

    async def _rank(self, asked: _ScopedQuestion, *, held: str | None) -> _Ranking:
        if asked.reach.windows == {}:
            nothing: LaneOutcome[object] = LaneOutcome(
                "empty", None, "the session is not there, or was not there yet"
            )
            return _Ranking([], dict.fromkeys(_LANES, nothing))
        vector = await self._vector(asked.text, held=held)
        if self._large.has(asked.reach):
            return await self._approximate(asked, vector)
        scanned = await self._scan(asked, vector.found)
        if vector.found is not None and scanned.state == "failed":
            # A vector that the store cannot compare must not take the words along.
            vector = LaneOutcome("failed", None, scanned.reason)
            scanned = await self._scan(asked, None)
        if len(scanned.found) > self._scan_max:
            self._large.add(asked.reach)
        elif scanned.state != "failed":
            return await self._exact(asked, scanned.found, vector)
        return await self._approximate(asked, vector)

    async def _scan(
        self, asked: _ScopedQuestion, vector: Vector | None
    ) -> LaneOutcome[dict[str, tuple[Row, float | None]]]:
        scanning = scan(self._graph, asked.reach, vector, limit=self._scan_max + 1)
        return await self._attempt(scanning, nothing={})

    async def _exact(
        self,
        asked: _ScopedQuestion,
        read: Mapping[str, tuple[Row, float | None]],
        vector: LaneOutcome[Vector | None],
    ) -> _Ranking:
        rows = [row for row, _ in read.values()]
        cosines = _cosines(read)
        meaning: LaneOutcome[object] = LaneOutcome(vector.state, None, vector.reason)
        if vector.found is not None and not cosines:
            meaning = LaneOutcome("empty", None)
            if rows:
                meaning = LaneOutcome("skipped", None, f"no vectors of {vector.found.model} yet")
        # A thousand new texts are up to 0.1 s of stemming: not on the event loop.
        ranked = await asyncio.to_thread(rank_all, asked.text, rows, cosines)
        links = await self._links(asked, ranked)
        lanes: dict[str, LaneOutcome[object]] = {
            "words": _judged(ranked, "words"),
            "meaning": meaning,
            "entities": _judged(ranked, "path"),
            "associations": links,
        }
        return _Ranking(link(ranked, links.found), lanes)

    async def _approximate(
        self, asked: _ScopedQuestion, vector: LaneOutcome[Vector | None]
    ) -> _Ranking:
        wanted = max(WANTED_MIN, asked.question.k)
        words, meaning = await asyncio.gather(
            self._attempt(
                search_words(self._graph, asked.reach, asked.text, wanted=wanted), nothing=[]
            ),
            self._near(asked, vector, wanted=wanted),
        )
        chosen = list(dict.fromkeys([*words.found, *meaning.found]))
        # A vector that the index could not take would fail the exact comparison too.
        near = None if meaning.state == "failed" else vector.found
        read = await read_candidates(self._graph, asked.reach, chosen, near)
        ranked = self._weigh(asked, read, shared={})
        shared, links = await asyncio.gather(
            self._attempt(read_shared(self._graph, asked.reach, _ids(ranked[:SEEDS])), nothing={}),
            self._links(asked, ranked),
        )
        brought = {other for ids in shared.found.values() for other in ids}
        brought |= {each.other for each in links.found}
        if brought - read.keys():
            more = sorted(brought - read.keys())
            read |= await read_candidates(self._graph, asked.reach, more, near)
        ranked = self._weigh(asked, read, shared=shared.found)
        lanes: dict[str, LaneOutcome[object]] = {
            "words": words,
            "meaning": meaning,
            "entities": shared,
            "associations": links,
        }
        return _Ranking(link(ranked, links.found), lanes)

    def _weigh(
        self,
        asked: _ScopedQuestion,
        read: Mapping[str, tuple[Row, float | None]],
        *,
        shared: Mapping[str, list[str]],
    ) -> list[Scored]:
        rows = [row for row, _ in read.values()]
        cosines = _cosines(read)
        population = max(len(rows), self._scan_max)
        return rank_chosen(asked.text, rows, cosines, shared=shared, population=population)

    async def _vector(self, text: str, *, held: str | None) -> LaneOutcome[Vector | None]:
        """Embed `text`; `held` is the model of the graph's vectors, None before there are any."""
        embedder = self._embedder
        if embedder is None:
            return LaneOutcome("skipped", None, "no embedder is set")

        async def embed() -> Vector | None:
            if held not in {None, embedder.model}:
                return None
            [numbers] = await embedder.embed([text])
            return Vector(embedder.model, numbers)

        vector = await self._attempt(embed(), nothing=None)
        if vector.state == "empty":
            reason = (
                f"the graph holds vectors of {held}, not of {embedder.model}: run "
                "`anabranch rebuild --embedder ...`"
            )
            return LaneOutcome("skipped", None, reason)
        return vector

    async def _near(
        self, asked: _ScopedQuestion, vector: LaneOutcome[Vector | None], *, wanted: int
    ) -> LaneOutcome[list[str]]:
        if vector.found is None:
            return LaneOutcome(vector.state, [], vector.reason)
        return await self._attempt(
            search_meaning(self._graph, asked.reach, vector.found, wanted=wanted), nothing=[]
        )

    async def _links(self, asked: _ScopedQuestion, ranked: list[Scored]) -> LaneOutcome[list[Link]]:
        ids = _ids([each for each in ranked[:LINKED_FROM] if each.supported])

        async def read() -> list[Link]:
            at = await self._moment(asked)
            return await read_links(self._graph, asked.reach, ids, at=at, limit=LINKS_MAX)

        return await self._attempt(read(), nothing=[])

    async def _moment(self, asked: _ScopedQuestion) -> datetime:
        """Return the time to which associations decay; as of a position, that position's."""
        if asked.question.asked_at is not None:
            return asked.question.asked_at
        if asked.question.as_of is None:
            return self._clock()
        return await read_last_moment(self._graph, asked.reach) or self._clock()

    async def _hits(self, question: Question, best: list[Scored], reach: Reach) -> list[Hit]:
        if not best:
            return []
        rows = await self._graph.read(
            "recall/read_hits",
            namespace=reach.namespace,
            until=reach.until,
            ended=reach.ended,
            ids=_ids(best),
        )
        shown = {row["insight_id"]: row for row in rows}
        return [
            Hit(
                **shown[each.candidate.insight_id],
                score=each.score,
                why=each.why(matched_words(question.text, each.candidate)),
            )
            for each in best
            if each.candidate.insight_id in shown
        ]

    async def _attempt(self, work: Awaitable[T], *, nothing: T) -> LaneOutcome[T]:
        return await attempt(work, nothing=nothing, timeout_s=self._timeout_s)


_LANES: Final[tuple[str, ...]] = ("words", "meaning", "entities", "associations")


def _cosines(read: Mapping[str, tuple[Row, float | None]]) -> dict[str, float]:
    return {insight_id: cosine for insight_id, (_, cosine) in read.items() if cosine is not None}


def _ids(scored: list[Scored]) -> list[str]:
    return [each.candidate.insight_id for each in scored]


def _judged(ranked: list[Scored], part: str) -> LaneOutcome[object]:
    return LaneOutcome("ok" if any(getattr(each, part) for each in ranked) else "empty", None)


def _require_an_answer(lanes: Mapping[str, LaneOutcome[object]]) -> None:
    """Raise when neither words nor meaning could look: an empty answer would claim ignorance."""
    words, meaning = lanes["words"], lanes["meaning"]
    if words.state == "failed" and meaning.state in {"failed", "skipped"}:
        raise GraphUnavailable(
            f"no lane of recall answered: words: {words.reason}; meaning: {meaning.reason}",
            fix="see what `anabranch doctor` says about the graph, and ask again",
        )
