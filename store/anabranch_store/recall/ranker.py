"""The `graph` ranker: recall over the store's own indexes, exact where little is in reach."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from anabranch_recall.answer import (
    answer,
    distinct,
    listed,
    near_enough,
    other_sessions,
    ranked_plainly,
    shown,
)
from anabranch_recall.candidates import (
    CHARACTERS_MAX,
    Row,
    matched_words,
    rank_all,
    rank_chosen,
)
from anabranch_recall.fusion import LINKED_FROM, SEEDS, Link, Scored, link
from anabranch_recall.question import TIMEOUT_S, Hit, Lane, Question, Recollection, Restatement
from anabranch_recall.text.language import asked_words
from anabranch_recall.timing import Durations
from anabranch_store.errors import GraphUnavailable
from anabranch_store.recall.lanes import (
    FETCH_GROWTH,
    FETCH_MAX,
    LaneOutcome,
    Vector,
    attempt,
    read_candidates,
    read_evidence,
    read_links,
    read_shared,
    scan,
    search_meaning,
    search_within,
    search_words,
    vector_of,
)
from anabranch_store.recall.reach import LargeReaches, Reach, asked_at, reach_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import TypeVar

    from anabranch_recall.embedder import Embedder
    from anabranch_store.graph.graph import Graph

    T = TypeVar("T")

SCAN_MAX: Final = 1000
WANTED_MIN: Final = 50
LINKS_MAX: Final = 200


def _now() -> datetime:
    return datetime.now(UTC)


_Read: TypeAlias = "dict[str, tuple[Row, float | None]]"
_Evidence: TypeAlias = "dict[str, float]"


class _ScopedQuestion(NamedTuple):
    """A question, its reach, and the time at which it is asked."""

    question: Question
    reach: Reach
    at: datetime

    @property
    def text(self) -> str:
        return self.question.text


class _Ranking(NamedTuple):
    """All candidates, best first, and the outcome of each lane."""

    ranked: list[Scored]
    lanes: Mapping[str, LaneOutcome[object]]


class _Chosen(NamedTuple):
    """The candidates of the indexes, and the vector to which they can be compared."""

    words: LaneOutcome[list[str]]
    within: LaneOutcome[list[str]]
    meaning: LaneOutcome[list[str]]
    near: Vector | None
    read: _Read


class GraphRanker:
    """The ranker over the graph: full text, vectors, shared entities, associations.

    Where at most `scan_max` insights are in reach they are scanned: the ranking is exact, and
    nothing outside the reach has a part in it. Where there are more, the store's indexes choose the
    candidates, and the same recipe scores those. Every lane has `timeout_s`, or the question's own;
    one that fails is reported and the others answer. Reads of the graph have `grace_s` more.
    `clock` is the moment to which associations decay.
    """

    name: Final = "graph"

    def __init__(
        self,
        graph: Graph,
        embedder: Embedder | None = None,
        *,
        scan_max: int = SCAN_MAX,
        timeout_s: float = TIMEOUT_S,
        grace_s: float = 0.0,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._graph = graph
        self._embedder = embedder
        self._scan_max = scan_max
        self._timeout_s = timeout_s
        self._grace_s = grace_s
        self._clock = clock
        self._large = LargeReaches()

    async def recall(self, question: Question) -> Recollection:
        """Return the `question.k` insights that answer best, with reasons, best first.

        An unknown session reaches nothing. Raises GraphUnavailable when no lane answers.
        """
        at, forgotten_since = await asked_at(self._graph, question, clock=self._clock)
        # Positions first: later reads are never older than they say.
        reached, reach = await asyncio.gather(
            self._graph.reached(), reach_of(self._graph, question, at=at)
        )
        ranking = await self._rank(_ScopedQuestion(question, reach, at), held=reached.model)
        _require_an_answer(ranking.lanes)
        best = _best(question, ranking.ranked)[: shown(question)]
        hits, nothing_close = answer(
            question,
            await self._hits(question, best, reach),
            words=len(asked_words(question.text)),
        )
        if nothing_close and question.evidence_prior:
            return await self.recall(ranked_plainly(question))
        return Recollection(
            hits=hits,
            lanes={
                name: Lane(
                    state=outcome.state,
                    position=reached.vectors if name == "meaning" else reached.graph,
                    reason=outcome.reason,
                    duration_ms=outcome.duration_ms,
                )
                for name, outcome in ranking.lanes.items()
            },
            position=reached.graph,
            ranker=self.name,
            nothing_close=nothing_close,
            forgotten_since=forgotten_since,
        )

    async def _rank(self, asked: _ScopedQuestion, *, held: str | None) -> _Ranking:
        if asked.reach.windows == {}:
            nothing: LaneOutcome[object] = LaneOutcome(
                "empty", None, "the session is not there, or was not there yet"
            )
            return _Ranking([], dict.fromkeys(_LANES, nothing))
        vector = await self._vector(asked, held=held)
        if self._large.has(asked.reach):
            return await self._approximate(asked, vector)
        scanned = await self._scan(asked, vector.found)
        if vector.found is not None and scanned.state == "failed":
            # A vector that the store cannot compare must not take the words along.
            vector = LaneOutcome("failed", None, scanned.reason, vector.duration_ms)
            scanned = await self._scan(asked, None)
        if len(scanned.found) > self._scan_max:
            self._large.add(asked.reach)
        elif scanned.state != "failed":
            return await self._exact(asked, scanned, vector)
        return await self._approximate(asked, vector)

    async def _scan(
        self, asked: _ScopedQuestion, vector: Vector | None
    ) -> LaneOutcome[dict[str, tuple[Row, float | None]]]:
        scanning = scan(self._graph, asked.reach, vector, limit=self._scan_max + 1)
        return await self._attempt(asked, scanning, nothing={})

    async def _exact(
        self,
        asked: _ScopedQuestion,
        scanned: LaneOutcome[_Read],
        vector: LaneOutcome[Vector | None],
    ) -> _Ranking:
        read, took = scanned.found, Durations()
        rows = [row for row, _ in read.values()]
        cosines = _cosines(read)
        meaning: LaneOutcome[object] = LaneOutcome(
            vector.state, None, vector.reason, vector.duration_ms
        )
        if vector.found is not None and not cosines:
            meaning = meaning._replace(state="empty")
            if rows:
                reason = f"no vectors of {vector.found.model} yet"
                meaning = meaning._replace(state="skipped", reason=reason)
        evidence = await self._evidence(asked, read)
        # A thousand new texts are up to 0.1 s of stemming: not on the event loop.
        with took.timed("words"):
            ranked = await asyncio.to_thread(
                rank_all, asked.text, rows, cosines, evidence=evidence.found
            )
        links = await self._links(asked, ranked)
        lanes: dict[str, LaneOutcome[object]] = {
            "words": _judged(ranked, "words", scanned.duration_ms + took.of("words")),
            "meaning": meaning,
            "entities": _judged(ranked, "path"),
            "associations": links,
            **_failed("evidence", evidence),
        }
        return _Ranking(link(ranked, links.found), lanes)

    async def _approximate(
        self, asked: _ScopedQuestion, vector: LaneOutcome[Vector | None]
    ) -> _Ranking:
        words, within, meaning, near, read = await self._chosen(asked, vector)
        evidence = await self._evidence(asked, read)
        ranked = self._weigh(asked, read, shared={}, evidence=evidence.found)
        shared, links = await asyncio.gather(
            self._attempt(
                asked, read_shared(self._graph, asked.reach, _ids(ranked[:SEEDS])), nothing={}
            ),
            self._links(asked, ranked),
        )
        brought = {other for ids in shared.found.values() for other in ids}
        brought |= {each.other for each in links.found}
        if brought - read.keys():
            more = sorted(brought - read.keys())
            brought_rows = await read_candidates(self._graph, asked.reach, more, near)
            read |= brought_rows
            evidence = _together(evidence, await self._evidence(asked, brought_rows))
        ranked = self._weigh(asked, read, shared=shared.found, evidence=evidence.found)
        lanes: dict[str, LaneOutcome[object]] = {
            "words": words,
            "meaning": meaning,
            "entities": shared,
            "associations": links,
            **_failed("words_within", within),
            **_failed("evidence", evidence),
        }
        return _Ranking(link(ranked, links.found), lanes)

    async def _chosen(self, asked: _ScopedQuestion, vector: LaneOutcome[Vector | None]) -> _Chosen:
        """Return what the indexes choose; where copies of a text fill it, they choose more."""
        wanted = max(WANTED_MIN, asked.question.k)
        of = self._graph, asked.reach, asked.text
        while True:
            words, within, meaning = await asyncio.gather(
                self._attempt(asked, search_words(*of, wanted=wanted), nothing=[]),
                self._attempt(asked, search_within(*of, wanted=wanted), nothing=[]),
                self._near(asked, vector, wanted=wanted),
            )
            words = _first(within, words)
            chosen = list(dict.fromkeys([*words.found, *meaning.found]))
            # A vector that the index could not take would fail the exact comparison too.
            near = None if meaning.state == "failed" else vector.found
            read = await read_candidates(self._graph, asked.reach, chosen, near)
            texts = {row.text for row, _ in read.values()}
            full = max(len(words.found), len(meaning.found)) >= wanted
            if len(texts) >= shown(asked.question) or not full or wanted >= FETCH_MAX:
                return _Chosen(words, within, meaning, near, read)
            wanted = min(wanted * FETCH_GROWTH, FETCH_MAX)

    def _weigh(
        self,
        asked: _ScopedQuestion,
        read: Mapping[str, tuple[Row, float | None]],
        *,
        shared: Mapping[str, list[str]],
        evidence: Mapping[str, float],
    ) -> list[Scored]:
        rows = [row for row, _ in read.values()]
        cosines = _cosines(read)
        population = max(len(rows), self._scan_max)
        return rank_chosen(
            asked.text, rows, cosines, shared=shared, population=population, evidence=evidence
        )

    async def _evidence(self, asked: _ScopedQuestion, read: _Read) -> LaneOutcome[_Evidence]:
        """Return the part of each insight that a standing consolidation cites."""
        part = asked.question.evidence_prior
        if not part or not read:
            return LaneOutcome("skipped", {})
        found = await self._attempt(
            asked, read_evidence(self._graph, asked.reach, [*read]), nothing=[]
        )
        return LaneOutcome(
            found.state, dict.fromkeys(found.found, part), found.reason, found.duration_ms
        )

    async def _vector(
        self, asked: _ScopedQuestion, *, held: str | None
    ) -> LaneOutcome[Vector | None]:
        """Embed the question; `held` is the model of the graph's vectors, None before there are."""
        embedder = self._embedder
        if embedder is None:
            return LaneOutcome("skipped", None, "no embedder is set")

        async def embed() -> Vector | None:
            if held not in {None, embedder.model}:
                return None
            return await vector_of(embedder, asked.text)

        vector = await attempt(embed(), nothing=None, timeout_s=self._bound_s(asked))
        if vector.state == "empty":
            reason = (
                f"the graph holds vectors of {held}, not of {embedder.model}, "
                "until it is rebuilt with that embedder"
            )
            return LaneOutcome("skipped", None, reason)
        return vector

    async def _near(
        self, asked: _ScopedQuestion, vector: LaneOutcome[Vector | None], *, wanted: int
    ) -> LaneOutcome[list[str]]:
        if vector.found is None:
            return LaneOutcome(vector.state, [], vector.reason, vector.duration_ms)
        near = await self._attempt(
            asked, search_meaning(self._graph, asked.reach, vector.found, wanted=wanted), nothing=[]
        )
        return near._replace(duration_ms=near.duration_ms + vector.duration_ms)

    async def _links(self, asked: _ScopedQuestion, ranked: list[Scored]) -> LaneOutcome[list[Link]]:
        ids = _ids([each for each in ranked[:LINKED_FROM] if each.supported])
        links = read_links(self._graph, asked.reach, ids, at=asked.at, limit=LINKS_MAX)
        return await self._attempt(asked, links, nothing=[])

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
        read = {row["insight_id"]: row for row in rows}
        return [
            _hit(question, each, read[each.candidate.insight_id])
            for each in best
            if each.candidate.insight_id in read
        ]

    async def _attempt(
        self, asked: _ScopedQuestion, work: Awaitable[T], *, nothing: T
    ) -> LaneOutcome[T]:
        timeout_s = self._bound_s(asked) + self._grace_s
        return await attempt(work, nothing=nothing, timeout_s=timeout_s)

    def _bound_s(self, asked: _ScopedQuestion) -> float:
        return asked.question.timeout_s or self._timeout_s


_LANES: Final[tuple[str, ...]] = ("words", "meaning", "entities", "associations")


def _best(question: Question, ranked: list[Scored]) -> list[Scored]:
    """Return the best of each text among those that answer, best first.

    Of a text that is longer than its ranked part only that part is known: it stands for itself.
    """
    answering = [
        each for each in ranked if each.supported and near_enough(question, each.candidate.cosine)
    ]
    return distinct(answering, _identity)


def _identity(scored: Scored) -> str:
    candidate = scored.candidate
    whole = len(candidate.text) < CHARACTERS_MAX
    return candidate.text if whole else candidate.insight_id


def _hit(question: Question, scored: Scored, row: Mapping[str, Any]) -> Hit:
    candidate = scored.candidate
    others = [
        Restatement(
            insight_id=each.candidate.insight_id,
            session_id=each.candidate.session_id,
            position=each.candidate.position,
        )
        for each in scored.same
    ]
    return Hit(
        **row,
        score=scored.score,
        why=scored.why(matched_words(question.text, candidate)),
        similarity=candidate.cosine,
        also_in=other_sessions(candidate.session_id, others),
        also=listed(others),
    )


def _cosines(read: Mapping[str, tuple[Row, float | None]]) -> dict[str, float]:
    return {insight_id: cosine for insight_id, (_, cosine) in read.items() if cosine is not None}


def _ids(scored: list[Scored]) -> list[str]:
    return [each.candidate.insight_id for each in scored]


def _judged(ranked: list[Scored], part: str, duration_ms: float = 0.0) -> LaneOutcome[object]:
    """Return the outcome of a lane that came with the scan."""
    found = any(getattr(each, part) for each in ranked)
    return LaneOutcome("ok" if found else "empty", None, None, duration_ms)


def _together(one: LaneOutcome[_Evidence], other: LaneOutcome[_Evidence]) -> LaneOutcome[_Evidence]:
    """Return two readings as one; it has failed where either has."""
    told = other if other.state == "failed" else one
    return told._replace(
        found={**one.found, **other.found}, duration_ms=one.duration_ms + other.duration_ms
    )


def _first(within: LaneOutcome[list[str]], words: LaneOutcome[list[str]]) -> LaneOutcome[list[str]]:
    """Return the lane of words: texts that hold one within a longer word come first."""
    found = list(dict.fromkeys([*within.found, *words.found]))
    state = "ok" if found and words.state == "empty" else words.state
    return words._replace(state=state, found=found)


def _failed(name: str, outcome: LaneOutcome[Any]) -> dict[str, LaneOutcome[object]]:
    """Return a lane that has a name only where it failed: what it brings is a part of others."""
    return {name: outcome} if outcome.state == "failed" else {}


def _require_an_answer(lanes: Mapping[str, LaneOutcome[object]]) -> None:
    """Raise when neither words nor meaning could look: an empty answer would claim ignorance."""
    words, meaning = lanes["words"], lanes["meaning"]
    if words.state == "failed" and meaning.state in {"failed", "skipped"}:
        raise GraphUnavailable(
            f"no lane of recall answered: words: {words.reason}; meaning: {meaning.reason}",
            fix="see what `anabranch doctor` says about the graph, and ask again",
        )
