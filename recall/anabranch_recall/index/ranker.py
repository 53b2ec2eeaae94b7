"""The `index` ranker: exact recall over the recall index, repeatable as of any position."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Protocol

import numpy as np

from anabranch_recall.answer import answer, listed, other_sessions, ranked_plainly, shown
from anabranch_recall.asked import Asked, read
from anabranch_recall.index.eligible import Eligible, eligible, forgotten_since
from anabranch_recall.index.ranking import Ranked, Ranking, last_moment, rank
from anabranch_recall.index.turns import Turns
from anabranch_recall.moment import NEVER, moment_of
from anabranch_recall.question import (
    CONFLICTS_MAX,
    TIMEOUT_S,
    Hit,
    Lane,
    OpenConflict,
    Question,
    Recollection,
    Restatement,
    Why,
)
from anabranch_recall.recipe import RECIPE
from anabranch_recall.timing import Durations

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from anabranch_recall.embedder import Embedder
    from anabranch_recall.moment import Moment

_AT_ONCE: Final = 8
"""Questions for which the vectors are gone through once: it takes memory for each."""


class Indexes(Protocol):
    """Where the ranker finds the index of a namespace."""

    @property
    def position(self) -> int:
        """The position up to which the log is taken in."""
        ...

    async def cut(self, namespace: str, as_of: int | None = None) -> Moment:
        """Return a namespace's index as of a position, or as it is."""
        ...


class Meaning(NamedTuple):
    """The vectors of questions by their texts, or why there are none."""

    vectors: Mapping[str, NDArray[np.float32]] = {}
    state: Literal["ok", "failed", "skipped"] = "ok"
    reason: str | None = None
    duration_ms: float = 0.0


class _Asking(NamedTuple):
    """Questions of one caller as of one position, at most `_AT_ONCE`."""

    moment: Moment
    questions: Sequence[Question]
    meaning: Meaning
    position: int

    @property
    def key(self) -> Hashable:
        """Equal for single questions that may be answered at once."""
        first = self.questions[0]
        alone = id(self) if len(self.questions) > 1 else 0
        return (first.namespace, first.as_of, self.moment.position, self.position, alone)

    @property
    def vectors(self) -> list[NDArray[np.float32]]:
        """Their vectors, as far as there are any."""
        known = self.meaning.vectors
        return [known[one.text] for one in self.questions if one.text in known]


def _now() -> datetime:
    return datetime.now(UTC)


class IndexRanker:
    """Ranks all that is eligible, exactly; nothing outside the reach has a part in it.

    An embedder that fails or takes longer than `timeout_s` costs the lane of meaning, not the
    answer. `clock` is the moment to which associations decay. Questions that come at once are
    answered in one pass over the vectors, on as many threads as there are cores.
    """

    name: Final = "index"

    def __init__(
        self,
        indexes: Indexes,
        embedder: Embedder | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._indexes = indexes
        self._embedder = embedder
        self._timeout_s = timeout_s
        self._clock = clock
        self._turns: Turns[_Asking, list[Recollection]] = Turns(self._answers, together=_AT_ONCE)

    async def recall(self, question: Question) -> Recollection:
        """Return the `question.k` insights that answer best, with reasons, best first.

        An unknown session reaches nothing.
        """
        [found] = await self.recall_all([question])
        return found

    async def recall_all(self, questions: Sequence[Question]) -> list[Recollection]:
        """Answer questions about one namespace, in order.

        Their texts are embedded at once, and the vectors of the index gone through once for all.
        """
        meaning = await self._meaning(questions)
        position = self._indexes.position
        found: dict[Question, Recollection] = {}
        for as_of in dict.fromkeys(one.as_of for one in questions):
            alike = list(dict.fromkeys(one for one in questions if one.as_of == as_of))
            moment = await self._indexes.cut(alike[0].namespace, as_of)
            for start in range(0, len(alike), _AT_ONCE):
                some = alike[start : start + _AT_ONCE]
                # Milliseconds of arithmetic where there are many insights: not on the event loop.
                asking = _Asking(moment, some, meaning, position)
                answers = await self._turns.take(asking.key, asking)
                found.update(zip(some, answers, strict=True))
        return [found[one] for one in questions]

    def _answers(self, asking: Sequence[_Asking]) -> Iterator[list[Recollection] | Exception]:
        """Answer those who ask of the same position: by the last one's moment, the fullest."""
        moment = asking[-1].moment
        vectors = [vector for each in asking for vector in each.vectors]
        took = Durations()
        if len(vectors) > 1:
            with took.timed("meaning"):
                moment.look_ahead(vectors)
        shared_ms = took.of("meaning") / max(1, len(vectors))
        for each in asking:
            yield self._answers_of(moment, each, shared_ms=shared_ms)

    def _answers_of(
        self, moment: Moment, asking: _Asking, *, shared_ms: float
    ) -> list[Recollection] | Exception:
        meaning = asking.meaning
        try:
            return [
                self._answer(
                    moment,
                    one,
                    meaning,
                    position=asking.position,
                    shared_ms=meaning.duration_ms + shared_ms,
                )
                for one in asking.questions
            ]
        except Exception as error:  # noqa: BLE001 - raised for this caller alone.
            return error

    def _answer(
        self,
        moment: Moment,
        question: Question,
        meaning: Meaning,
        *,
        position: int,
        shared_ms: float,
    ) -> Recollection:
        asked = read(question.text)
        found, reach = self._ranking(moment, asked, question, meaning.vectors.get(question.text))
        found.durations.add("meaning", shared_ms)
        kept = found.best[: shown(question)]
        matched = _matched(moment, asked, [each.row for each in kept])
        best = [
            _hit(moment, each, words, retired=int(reach.retired[each.row]))
            for each, words in zip(kept, matched, strict=True)
        ]
        hits, nothing_close = answer(question, best, words=len(asked.stems))
        if nothing_close and question.evidence_prior:
            return self._answer(
                moment, ranked_plainly(question), meaning, position=position, shared_ms=shared_ms
            )
        return Recollection(
            hits=hits,
            lanes=_lanes(position, found, meaning),
            position=position,
            ranker=self.name,
            nothing_close=nothing_close,
            conflicts_known=True,
            forgotten_since=0 if question.as_of is None else forgotten_since(moment),
        )

    def _ranking(
        self,
        moment: Moment,
        asked: Asked,
        question: Question,
        vector: NDArray[np.float32] | None,
    ) -> tuple[Ranking, Eligible]:
        asked_at = question.asked_at
        if asked_at is None:
            then = question.as_of is not None and len(moment.columns.position)
            asked_at = last_moment(moment) if then else self._clock()
        reach = eligible(moment, question, at=asked_at)
        ranking = rank(
            moment,
            asked,
            reach,
            k=shown(question),
            vector=vector,
            asked_at=asked_at,
            min_similarity=question.min_similarity,
            recipe=replace(RECIPE, evidence=question.evidence_prior),
        )
        return ranking, reach

    async def _meaning(self, questions: Sequence[Question]) -> Meaning:
        if self._embedder is None:
            return Meaning(state="skipped", reason="no embedder is set")
        timeout_s = max(one.timeout_s or self._timeout_s for one in questions)
        texts = list(dict.fromkeys(one.text for one in questions))
        begun = perf_counter()

        def failed(reason: str) -> Meaning:
            return Meaning(state="failed", reason=reason, duration_ms=_ms_since(begun))

        try:
            async with asyncio.timeout(timeout_s):
                numbers = await self._embedder.embed(texts)
        except TimeoutError:
            return failed(f"no answer within {timeout_s:g} s")
        except Exception as error:  # noqa: BLE001 - an embedder of somebody else's may raise anything.
            return failed(f"{type(error).__name__}: {error}")
        vectors = {
            text: np.asarray(each, np.float32) for text, each in zip(texts, numbers, strict=False)
        }
        right = all(
            len(each) == self._embedder.dimension and np.isfinite(each).all()
            for each in vectors.values()
        )
        if not right or len(numbers) != len(texts):
            return failed("the embedder gave no vector of its dimension")
        return Meaning(vectors, duration_ms=_ms_since(begun))


def _ms_since(begun: float) -> float:
    return (perf_counter() - begun) * 1000


def _lanes(position: int, ranking: Ranking, meaning: Meaning) -> dict[str, Lane]:
    def lane(name: str, *, found: bool) -> Lane:
        took = ranking.durations.of(name)
        return Lane(state="ok" if found else "empty", position=position, duration_ms=took)

    return {
        "words": lane("words", found=ranking.words),
        "meaning": _meaning_lane(lane("meaning", found=ranking.vectors), ranking, meaning),
        "entities": lane("entities", found=any(each.names for each in ranking.best)),
        "associations": lane("associations", found=any(each.associations for each in ranking.best)),
    }


def _meaning_lane(lane: Lane, ranking: Ranking, meaning: Meaning) -> Lane:
    if meaning.state != "ok":
        return lane.model_copy(update={"state": meaning.state, "reason": meaning.reason})
    if ranking.best and not ranking.vectors:
        return lane.model_copy(update={"state": "skipped", "reason": "no vectors yet"})
    return lane


def _matched(moment: Moment, asked: Asked, rows: Sequence[int]) -> list[tuple[str, ...]]:
    """Return for each row the words of the question that it has."""
    found: list[list[str]] = [[] for _ in rows]
    for stem, word in asked.stems.items():
        having = moment.term(stem).rows
        places = having.searchsorted(rows).tolist()
        for of_row, row, place in zip(found, rows, places, strict=True):
            if place < len(having) and having[place] == row:
                of_row.append(word)
    return [tuple(words) for words in found]


def _hit(moment: Moment, ranked: Ranked, matched: tuple[str, ...], *, retired: int) -> Hit:
    columns, row = moment.columns, ranked.row
    document = moment.document(row)
    session_id = moment.value("session", int(columns.session[row]))
    others = [_restatement(moment, each) for each in ranked.same]
    valid_until = int(columns.valid_until[row])
    if retired <= moment.position:
        valid_until = moment.ended_validity().get(row, valid_until)
    return Hit(
        insight_id=ranked.insight_id,
        session_id=session_id,
        text=document.text,
        subject=document.subject or None,
        kind=moment.value("kind", int(columns.kind[row])),
        position=ranked.position,
        recorded_at=moment_of(int(columns.recorded_at[row])),
        score=ranked.score,
        why=_why(ranked, matched),
        retired=retired if retired <= moment.position else None,
        similarity=ranked.cosine,
        tags=document.tags,
        confidence=round(float(columns.confidence[row]), 6),
        agent=moment.value("agent", int(columns.agent[row])) or None,
        valid_from=_time(int(columns.valid_from[row])),
        valid_until=_time(valid_until),
        conflicts=_conflicts(moment, ranked.insight_id),
        also_in=other_sessions(session_id, others),
        also=listed(others),
    )


def _conflicts(moment: Moment, insight_id: str) -> tuple[OpenConflict, ...]:
    """Return the open conflicts of an insight whose other side holds, too."""
    found: list[OpenConflict] = []
    for then in moment.conflicts(insight_id):
        row = moment.row(then.other)
        if row is None or not moment.columns.alive[row]:
            continue
        if moment.columns.retired[row] > moment.position:
            text = moment.document(row).text
            found.append(OpenConflict(insight_id=then.other, text=text, position=then.position))
    return tuple(sorted(found, key=lambda each: (each.position, each.insight_id))[:CONFLICTS_MAX])


def _restatement(moment: Moment, ranked: Ranked) -> Restatement:
    return Restatement(
        insight_id=ranked.insight_id,
        session_id=moment.value("session", int(moment.columns.session[ranked.row])),
        position=ranked.position,
    )


def _time(milliseconds: int) -> datetime | None:
    """Return a time of a column; None for one that stands for no beginning, or no end."""
    return None if abs(milliseconds) >= NEVER else moment_of(milliseconds)


def _why(ranked: Ranked, matched: tuple[str, ...]) -> Why:
    lanes = {"words": ranked.words} if ranked.words else {}
    lanes |= {"meaning": ranked.meaning} if ranked.cosine is not None else {}
    return Why(
        lanes=lanes,
        session=ranked.session,
        length=ranked.length,
        priors=ranked.priors,
        path=ranked.path,
        linked=ranked.linked,
        cosine=ranked.cosine,
        matched=matched,
        entities=ranked.names,
        seeds=ranked.seeds,
        associations=tuple(ranked.associations),
        events=tuple(sorted({ranked.position, *(each.position for each in ranked.associations)})),
    )
