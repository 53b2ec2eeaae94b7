"""The index ranker: what it answers, why, and what becomes of it when a lane fails."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from anabranch_events.event import types
from anabranch_recall import Question
from anabranch_recall.asked import goes_on
from anabranch_recall.dates import Named, closeness, dates_in
from anabranch_recall.filters import Filters
from anabranch_recall.index.ranker import IndexRanker
from anabranch_recall.question import Floor, OpenConflict
from tests.support.histories import at, insight, moment, session
from tests.support.indexed_histories import DIMENSION, index_over, vector_of
from tests.support.learning import Account
from tests.support.recall_filters import KEPT, YEAR, filtered_history, kept_by
from tests.support.standing_indexes import StandingIndex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch_projections.recall_index.namespace_index import NamespaceIndex


class Embedder:
    """An embedder that answers as it is told."""

    model = "test"
    dimension = DIMENSION

    def __init__(self, how: str = "well") -> None:
        self._how = how
        self.asked: list[list[str]] = []

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return a vector, or fail."""
        self.asked.append(list(texts))
        match self._how:
            case "hangs":
                await asyncio.sleep(60)
            case "fails":
                raise RuntimeError("out of order")
            case "nan":
                return [[math.nan] * DIMENSION for _ in texts]
            case "short":
                return [[1.0] for _ in texts]
            case _:
                pass
        return [vector_of(text).tolist() for text in texts]


def index() -> NamespaceIndex:
    """Return an index of a few insights that share a name, a link and a day."""
    said = [
        types.InsightRecorded(insight_id=insight(1), text="Ada asked who lends: Access Bank does"),
        types.InsightRecorded(
            insight_id=insight(2), text="The rate of Access Bank is high", tags=("money",)
        ),
        types.InsightRecorded(insight_id=insight(3), text="Screws rust in the rain of winter"),
        types.InsightRecorded(insight_id=insight(4), text="Ben lends nothing to Ada any more"),
        types.AssociationFormed(from_id=insight(4), to_id=insight(3), kind="supports", weight=0.8),
        types.InsightRetracted(insight_id=insight(2), reason="wrong"),
    ]
    return index_over(at(place, data, agent="ada") for place, data in enumerate(said, start=1))


def ranker(how: str = "well") -> IndexRanker:
    """Return a ranker over the index."""
    return over(index(), how)


def over(index: NamespaceIndex, how: str = "well") -> IndexRanker:
    """Return a ranker over an index."""
    return IndexRanker(
        StandingIndex(index), Embedder(how), timeout_s=0.2, clock=lambda: moment(1000)
    )


def ask(text: str, **fields: object) -> Question:
    """Return a question."""
    return Question.model_validate({"text": text, "namespace": "default", **fields})


async def test_the_parts_of_why_sum_to_the_score() -> None:
    """Lanes, session, length, priors, hop and associations make the score, nothing else does."""
    found = await ranker().recall(ask("Who lends to Ada in November 2026?", include_retired=True))

    assert len(found.hits) == 4
    for hit in found.hits:
        why = hit.why
        own = sum(why.lanes.values()) + why.session + why.length + sum(why.priors.values())
        assert hit.score == pytest.approx(own + why.path + why.linked, abs=1e-12)
    assert {name for hit in found.hits for name in hit.why.priors} == {"date", "subject"}
    assert found.ranker == "index"
    assert {name: lane.state for name, lane in found.lanes.items()} == {
        "words": "ok",
        "meaning": "ok",
        "entities": "ok",
        "associations": "ok",
    }


async def test_by_words_alone_the_weakest_match_is_a_hit_too() -> None:
    """Where all that is known has the word, the longest text is the last hit, and none is left out."""
    texts = ["The cafe opens at ten", "The cafe has no parking", "Behind the cafe lies a garden"]
    said = [
        types.InsightRecorded(insight_id=insight(number), text=text)
        for number, text in enumerate(texts, start=1)
    ]
    events = [at(place, data) for place, data in enumerate(said, start=1)]
    wordy = IndexRanker(
        StandingIndex(index_over(events, vectors=False)),
        None,
        timeout_s=0.2,
        clock=lambda: moment(1000),
    )

    found = await wordy.recall(ask("cafe"))

    assert sorted(hit.text for hit in found.hits) == sorted(texts)
    assert all(hit.why.matched == ("cafe",) for hit in found.hits)


async def test_a_hit_shows_what_was_recorded() -> None:
    """Text, session, kind, time and position are those of the event; its end is marked."""
    found = await ranker().recall(ask("rate of Access Bank", include_retired=True, k=1))

    [hit] = found.hits
    assert (hit.insight_id, hit.text) == (insight(2), "The rate of Access Bank is high")
    assert (hit.position, hit.recorded_at, hit.retired) == (2, moment(2), 6)
    assert hit.why.matched == ("rate", "access", "bank")
    assert hit.why.events == (2,)


async def test_only_words_that_are_ranked_are_matched() -> None:
    """What stands past the part of a text that is ranked gives no score, and is no reason."""
    text = f"The harbour {'lies in fog. ' * 400}The lighthouse is dark"
    said = at(1, types.InsightRecorded(insight_id=insight(1), text=text))

    found = await over(index_over([said])).recall(ask("harbour lighthouse"))

    assert [hit.why.matched for hit in found.hits] == [("harbour",)]


async def test_as_of_a_position_what_ended_later_still_holds() -> None:
    """Retired at 6, an insight answers as of 5 and is not marked; as it is it does not answer."""
    question = "rate of Access Bank"

    then = await ranker().recall(ask(question, as_of=5, k=1))
    now = await ranker().recall(ask(question))

    assert [(hit.insight_id, hit.retired) for hit in then.hits] == [(insight(2), None)]
    assert insight(2) not in {hit.insight_id for hit in now.hits}


async def test_a_filter_is_a_mask() -> None:
    """What does not fit has no part in the answer, and what fits is all there."""
    found = await ranker().recall(
        ask(
            "Who lends?",
            include_retired=True,
            filters=Filters(tags=("money",), agent="ada"),
        )
    )

    assert [hit.insight_id for hit in found.hits] == [insight(2)]


@pytest.mark.parametrize(("fields", "kept"), KEPT, ids=[kept_by(fields) for fields, _ in KEPT])
async def test_each_filter_keeps_what_it_says(fields: dict[str, object], kept: set[int]) -> None:
    """The same cases as of the graph's ranker: tags, kinds, agent, role, times, validity."""
    found = await over(index_over(filtered_history())).recall(ask("gauge", k=50, **fields))

    assert {hit.insight_id for hit in found} == set(map(insight, kept))


async def test_a_hit_carries_what_was_recorded_of_it() -> None:
    """Tags, confidence, agent and times in the world stand in the hit, and its similarity."""
    found = await over(index_over(filtered_history())).recall(ask("gauge", k=50))

    first, second, sixth = sorted(found, key=lambda hit: hit.position)
    assert (first.tags, first.confidence, first.agent) == (("water", "salt"), 1.0, "ada")
    assert (second.tags, second.confidence, second.agent) == (("water",), 0.5, "ben")
    assert (first.valid_from, first.valid_until, sixth.agent) == (None, None, "ben")
    assert (sixth.valid_from, sixth.valid_until) == (moment(0) - YEAR, moment(0) + YEAR)
    assert first.similarity is not None
    assert first.similarity == first.why.cosine


async def test_a_text_that_was_stated_again_is_one_hit() -> None:
    """Where copies fill the best hundred, different facts still fill the places."""
    others = [f"A deploy of shop {number} needs approvals" for number in range(9)]
    texts = [*others, *["When the deploy of the shop runs: at two"] * 150]
    events = [
        at(place, types.InsightRecorded(insight_id=insight(place), text=text), of=session(place))
        for place, text in enumerate(texts, start=1)
    ]

    found = await over(index_over(events)).recall(ask("When does the deploy of the shop run?"))

    assert {hit.text for hit in found} == set(texts)
    [hit] = [hit for hit in found if hit.text == texts[-1]]
    assert (hit.also_in, len(hit.also)) == (149, 100)
    assert {hit.also_in for hit in found if hit.text != texts[-1]} == {0}


async def test_an_answer_of_then_counts_what_was_forgotten_since() -> None:
    """What had ended by then is not counted, nor anything in an answer of now."""
    account = Account()
    river = account.open()
    old = account.remember(river, "The gauge drifts one centimetre.")
    account.supersede(old, account.remember(river, "The gauge drifts two centimetres."))
    erased = account.remember(river, "The gauge belongs to a neighbour.")
    account.forget(erased)
    account.forget(old)
    asked = over(index_over(account.events))

    counted = {
        as_of: (await asked.recall(ask("gauge", as_of=as_of))).forgotten_since
        for as_of in range(1, 8)
    }
    now = await asked.recall(ask("gauge"))

    assert counted == {1: 0, 2: 1, 3: 1, 4: 0, 5: 1, 6: 0, 7: 0}
    assert now.forgotten_since == 0


async def test_a_hit_has_the_conflicts_whose_other_side_holds() -> None:
    """One with what was forgotten or retired is none, and of many the three oldest stand there."""
    account = Account()
    river = account.open()
    texts = [f"The gauge drifts {number} centimetres" for number in range(7)]
    first, gone, wrong, *others = [account.remember(river, text) for text in texts]
    for other in (gone, wrong, *others):
        account.about(types.ConflictOpened(insights=(first, other), subject="drift"), first)
    account.forget(gone)
    account.retract(wrong)
    asked = over(index_over(account.events))

    found = await asked.recall(ask("gauge drifts 0"))
    then = await asked.recall(ask("gauge drifts 0", as_of=9))

    beside = {hit.insight_id: hit.conflicts for hit in found}
    assert [each.insight_id for each in beside[first]] == others[:3]
    assert beside[first][0] == OpenConflict(insight_id=others[0], text=texts[3], position=11)
    assert [each.insight_id for each in beside[others[3]]] == [first]
    assert {hit.insight_id: len(hit.conflicts) for hit in then}[first] == 0


async def test_what_is_less_similar_is_left_out() -> None:
    """The hits reach `min_similarity`; where none does, the answer says that nothing is close."""
    every = await ranker().recall(ask("screws rust", min_similarity=-1))
    some = await ranker().recall(ask("screws rust", min_similarity=0.5))
    none = await ranker().recall(ask("screws rust", min_similarity=0.99))

    assert len(every) == 3
    assert [hit.insight_id for hit in some] == [insight(3)]
    assert (none.hits, none.nothing_close) == ([], True)


async def test_far_from_everything_nothing_is_close() -> None:
    """Neither words nor meaning near: an empty answer that says so, whatever k is."""
    floor = Floor(similarity=0.5, words=0.5)

    far = [await ranker().recall(ask("weather Tokyo", k=k, floor=floor)) for k in (1, 10)]
    near = await ranker().recall(ask("screws", k=1, floor=floor))
    bare = await ranker().recall(ask("weather Tokyo"))

    assert [(found.hits, found.nothing_close) for found in far] == [([], True)] * 2
    assert (len(near), near.nothing_close) == (1, False)
    assert (len(bare), bare.nothing_close) == (3, False)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("hangs", "no answer within 0.2 s"),
        ("fails", "RuntimeError: out of order"),
        ("nan", "the embedder gave no vector of its dimension"),
        ("short", "the embedder gave no vector of its dimension"),
    ],
)
async def test_without_the_lane_of_meaning_words_answer(how: str, reason: str) -> None:
    """An embedder that hangs, fails or answers nonsense costs its lane, and the lane says why."""
    found = await ranker(how).recall(ask("Who lends?"))

    assert (found.lanes["meaning"].state, found.lanes["meaning"].reason) == ("failed", reason)
    assert {hit.insight_id for hit in found.hits[:2]} == {insight(1), insight(4)}


async def test_a_question_has_a_time_limit_of_its_own() -> None:
    """An embedder that hangs costs as much as the question allows, and the lane says so."""
    found = await ranker("hangs").recall(ask("Who lends?", timeout_s=0.05))

    meaning = found.lanes["meaning"]
    assert (meaning.state, meaning.reason) == ("failed", "no answer within 0.05 s")
    assert meaning.duration_ms >= 50
    assert found.hits


async def test_several_questions_are_answered_as_each_alone() -> None:
    """Embedded together, with the vectors gone through once, no score differs by a bit."""
    questions = [
        ask("Who lends?"),
        ask("rate of Access Bank", as_of=4),
        ask("Does Ben rust in winter?", filters=Filters(tags=("money",)), include_retired=True),
        ask("screws", as_of=4, k=2),
        ask("Who lends?"),
    ]
    embedder = Embedder()
    together = IndexRanker(StandingIndex(index()), embedder, clock=lambda: moment(1000))

    found = await together.recall_all(questions)

    alone = [await ranker().recall(one) for one in questions]
    assert [each.hits for each in found] == [each.hits for each in alone]
    assert all(each.hits for each in found)
    assert embedder.asked == [
        ["Who lends?", "rate of Access Bank", "Does Ben rust in winter?", "screws"]
    ]


async def test_questions_of_many_callers_are_answered_as_each_alone() -> None:
    """Those that come at once share a pass over the vectors; each gets the answer of its own."""
    questions = [
        ask(text, as_of=as_of, k=k)
        for text in ("Who lends?", "screws in winter", "rate of Access Bank")
        for as_of in (None, 3)
        for k in (1, 10)
    ]
    shared = ranker()

    found = await asyncio.gather(*(shared.recall(one) for one in questions * 3))

    alone = [await ranker().recall(one) for one in questions]
    assert [each.hits for each in found] == [each.hits for each in alone * 3]
    assert all(each.hits for each in found)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("?!", id="signs"),
        pytest.param("AND OR (", id="syntax"),
        pytest.param("🦦", id="picture"),
        pytest.param("\u202eabc", id="direction"),
        pytest.param("x" * 100_000, id="long"),
    ],
)
async def test_any_question_has_an_answer(text: str) -> None:
    """Syntax, signs, other directions, great length: each is answered, with words or without."""
    found = await ranker().recall(ask(text))

    assert found.lanes["words"].state in {"ok", "empty"}
    assert len(found.hits) == 3


def test_exact_products_in_any_company() -> None:
    """A vector's cosine is the same to the last bit alone, among few and among many."""
    chance = np.random.default_rng(1)
    vectors = chance.standard_normal((700, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    said = [types.InsightRecorded(insight_id=insight(n), text=f"Gauge {n}") for n in range(700)]
    events = [at(place, data) for place, data in enumerate(said, start=1)]
    whole = index_over(events, vectors=False)
    whole.add_vectors(vectors)

    rows = np.arange(0, 700, 7)
    all_at_once = whole.cut().similarities(vectors[3], None)
    some = whole.cut().similarities(vectors[3], rows)
    early = whole.cut(300).similarities(vectors[3], None)

    assert all_at_once[rows].tobytes() == some.tobytes()
    assert all_at_once[:300].tobytes() == early.tobytes()
    assert np.abs(all_at_once - vectors @ vectors[3]).max() < 0.01


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What happened on 24 November 2026?", [Named(2026, 11, 24)]),
        ("on November 24th, 2026", [Named(2026, 11, 24)]),
        ("in May 2025 and in 2026-02", [Named(2026, 2), Named(2025, 5)]),
        ("on 2026-11-24", [Named(2026, 11, 24)]),
        ("on the 3rd of June", [Named(None, 6, 3)]),
        ("in 2026", [Named(2026)]),
        ("you may march on", []),
        ("on 31 February 2026", []),
        ("no date at all", []),
    ],
)
def test_dates_that_a_question_names(text: str, expected: list[Named]) -> None:
    """Years, months and days in the ways people write them; what cannot be is none."""
    assert dates_in(text) == expected


def test_how_a_day_fits_a_date() -> None:
    """The named day fits wholly, those around it less and less; a month or a year fits as a whole."""
    days = np.array([20_780, 20_781, 20_784, 20_788, 20_415], np.int32)

    found = [
        closeness(days, [Named(2026, 11, 24)]).round(2).tolist(),
        closeness(days, [Named(2026, 11)]).tolist(),
        closeness(days, [Named(None, 11)]).tolist(),
        closeness(days, [Named(2025)]).tolist(),
        closeness(days, []).tolist(),
    ]

    assert found == [
        [0.86, 1.0, 0.57, 0.0, 0.0],
        [1.0, 1.0, 1.0, 0.0, 0.0],
        [1.0, 1.0, 1.0, 0.0, 1.0],
        [0.0, 0.0, 0.0, 0.0, 1.0],
        [0.0, 0.0, 0.0, 0.0, 0.0],
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What is the next step?", True),
        ("Yes, the second one.", True),
        ("The gauge is mended. How do we proceed?", True),
        ("When did Ada mend the gauge?", False),
        ("Did it flood? Or not?", False),
    ],
)
def test_questions_that_go_on_with_work(text: str, expected: bool) -> None:
    """A next step, a reply, or something told before it is asked: what is recent counts then."""
    assert goes_on(text) is expected
