"""The `index` ranker: exact recall over the recall index, repeatable as of any position."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Protocol

import numpy as np

from anabranch_recall.answer import answer, listed, other_sessions, shown
from anabranch_recall.asked import Asked, read
from anabranch_recall.dates import NO_DAY
from anabranch_recall.eligible import Eligible, eligible
from anabranch_recall.index_ranking import Ranked, Ranking, last_moment, rank
from anabranch_recall.language import date_words
from anabranch_recall.moment import NEVER, day_text, moment_of
from anabranch_recall.question import Hit, Lane, Question, Recollection, Restatement, Why
from anabranch_recall.words import stems

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from anabranch_recall.embedder import Embedder
    from anabranch_recall.moment import Moment

MEANING_TIMEOUT_S: Final = 10.0


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
    """A question's vector, or why there is none."""

    vector: NDArray[np.float32] | None
    state: Literal["ok", "failed", "skipped"] = "ok"
    reason: str | None = None


def _now() -> datetime:
    return datetime.now(UTC)


class IndexRanker:
    """Ranks all that is eligible, exactly; nothing outside the reach has a part in it.

    An embedder that fails or takes longer than `timeout_s` costs the lane of meaning, not the
    answer. `clock` is the moment to which associations decay.
    """

    name: Final = "index"

    def __init__(
        self,
        indexes: Indexes,
        embedder: Embedder | None = None,
        *,
        timeout_s: float = MEANING_TIMEOUT_S,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._indexes = indexes
        self._embedder = embedder
        self._timeout_s = timeout_s
        self._clock = clock

    async def recall(self, question: Question) -> Recollection:
        """Return the `question.k` insights that answer best, with reasons, best first.

        An unknown session reaches nothing.
        """
        meaning = await self._meaning(question.text)
        position = self._indexes.position
        moment = await self._indexes.cut(question.namespace, question.as_of)
        # Milliseconds of arithmetic where there are many insights: not on the event loop.
        found, reach = await asyncio.to_thread(self._ranking, moment, question, meaning)
        asked = read(question.text)
        best = [
            _hit(moment, asked, each, retired=int(reach.retired[each.row]))
            for each in found.best[: shown(question)]
        ]
        hits, nothing_close = answer(question, best, words=len(asked.stems))
        return Recollection(
            hits=hits,
            lanes=_lanes(position, found, meaning),
            position=position,
            ranker=self.name,
            nothing_close=nothing_close,
        )

    def _ranking(
        self, moment: Moment, question: Question, meaning: Meaning
    ) -> tuple[Ranking, Eligible]:
        asked = read(question.text)
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
            vector=meaning.vector,
            asked_at=asked_at,
            min_similarity=question.min_similarity,
        )
        return ranking, reach

    async def _meaning(self, text: str) -> Meaning:
        if self._embedder is None:
            return Meaning(None, "skipped", "no embedder is set")
        try:
            async with asyncio.timeout(self._timeout_s):
                [numbers] = await self._embedder.embed([text])
        except TimeoutError:
            return Meaning(None, "failed", f"no answer within {self._timeout_s:g} s")
        except Exception as error:  # noqa: BLE001 - an embedder of somebody else's may raise anything.
            return Meaning(None, "failed", f"{type(error).__name__}: {error}")
        vector = np.asarray(numbers, np.float32)
        if len(vector) != self._embedder.dimension or not np.isfinite(vector).all():
            return Meaning(None, "failed", "the embedder gave no vector of its dimension")
        return Meaning(vector)


def _lanes(position: int, ranking: Ranking, meaning: Meaning) -> dict[str, Lane]:
    def lane(found: bool) -> Lane:
        return Lane(state="ok" if found else "empty", position=position)

    return {
        "words": lane(ranking.words),
        "meaning": _meaning_lane(position, ranking, meaning),
        "entities": lane(any(each.names for each in ranking.best)),
        "associations": lane(any(each.associations for each in ranking.best)),
    }


def _meaning_lane(position: int, ranking: Ranking, meaning: Meaning) -> Lane:
    if meaning.state != "ok":
        return Lane(state=meaning.state, position=position, reason=meaning.reason)
    if ranking.best and not ranking.vectors:
        return Lane(state="skipped", position=position, reason="no vectors yet")
    return Lane(state="ok" if ranking.vectors else "empty", position=position)


def _hit(moment: Moment, asked: Asked, ranked: Ranked, *, retired: int) -> Hit:
    columns, row = moment.columns, ranked.row
    document = moment.document(row)
    text = document.text
    session_id = moment.value("session", int(columns.session[row]))
    others = [_restatement(moment, each) for each in ranked.same]
    valid_until = int(columns.valid_until[row])
    if retired <= moment.position:
        valid_until = moment.ended_validity().get(row, valid_until)
    return Hit(
        insight_id=ranked.insight_id,
        session_id=session_id,
        text=text,
        kind=moment.value("kind", int(columns.kind[row])),
        position=ranked.position,
        recorded_at=moment_of(int(columns.recorded_at[row])),
        score=ranked.score,
        why=_why(asked, ranked, text=text, day=int(columns.day[row])),
        retired=retired if retired <= moment.position else None,
        similarity=ranked.cosine,
        tags=document.tags,
        confidence=round(float(columns.confidence[row]), 6),
        agent=moment.value("agent", int(columns.agent[row])) or None,
        valid_from=_time(int(columns.valid_from[row])),
        valid_until=_time(valid_until),
        also_in=other_sessions(session_id, others),
        also=listed(others),
    )


def _restatement(moment: Moment, ranked: Ranked) -> Restatement:
    return Restatement(
        insight_id=ranked.insight_id,
        session_id=moment.value("session", int(moment.columns.session[ranked.row])),
        position=ranked.position,
    )


def _time(milliseconds: int) -> datetime | None:
    """Return a time of a column; None for one that stands for no beginning, or no end."""
    return None if abs(milliseconds) >= NEVER else moment_of(milliseconds)


def _why(asked: Asked, ranked: Ranked, *, text: str, day: int) -> Why:
    lanes = {"words": ranked.words} if ranked.words else {}
    lanes |= {"meaning": ranked.meaning} if ranked.cosine is not None else {}
    dated = f"{text}\n{date_words(day_text(day))}" if day != NO_DAY else text
    found = set(stems(dated))
    return Why(
        lanes=lanes,
        session=ranked.session,
        length=ranked.length,
        priors=ranked.priors,
        path=ranked.path,
        linked=ranked.linked,
        cosine=ranked.cosine,
        matched=tuple(word for stem, word in asked.stems.items() if stem in found),
        entities=ranked.names,
        seeds=ranked.seeds,
        associations=tuple(ranked.associations),
        events=tuple(sorted({ranked.position, *(each.position for each in ranked.associations)})),
    )
