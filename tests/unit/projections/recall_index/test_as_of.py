"""As of a position: the recall that was given then, to the last bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from anabranch_recall import Scope
from anabranch_recall.filters import Filters
from tests.support.histories import moment, session
from tests.support.indexed_histories import histories, index_over, recalled, take_in
from tests.support.rounds import examples

if TYPE_CHECKING:
    from anabranch_projections import PositionedEvent

_QUESTIONS = st.sampled_from(
    [
        "Which gauge drifts in Delta Bay?",
        "What did Ada ask in November 2026?",
        "Continue with the next step about Access Bank",
        "水位",
        "what do you",
    ]
)
_FILTERS = st.sampled_from(
    [
        Filters(),
        Filters(),
        Filters(tags=("water",)),
        Filters(kinds=("finding",)),
        Filters(agent="ada"),
        Filters(role="banker"),
        Filters(confidence_min=0.6),
        Filters(valid_at=moment(30)),
        Filters(since=moment(10), until=moment(30)),
    ]
)
_PLACES = st.fixed_dictionaries(
    {
        "scope": st.sampled_from(Scope),
        "session_id": st.integers(1, 3).map(session),
        "include_retired": st.booleans(),
        "k": st.integers(1, 20),
        "evidence_prior": st.sampled_from((0.0, -0.3)),
    }
)


def _forgotten_later(events: list[PositionedEvent], position: int) -> bool:
    return any(
        each.position > position and each.event.type.split(".")[2] == "forgotten" for each in events
    )


@settings(max_examples=examples(400), deadline=None)
@given(histories(), st.data(), _QUESTIONS, _FILTERS, _PLACES, st.booleans())
def test_as_of_is_a_prefix(  # noqa: PLR0917 - hypothesis gives them by position.
    events: list[PositionedEvent],
    data: st.DataObject,
    text: str,
    filters: Filters,
    place: dict[str, object],
    vectors: bool,
) -> None:
    """Whatever happened later, recall as of a position gives what the log gave that ended there.

    Order, every score and every part of it are the same to the last bit. Only forgetting reaches
    back: what was forgotten later is in no answer.
    """
    position = data.draw(st.integers(0, len(events)))
    candidates = data.draw(st.sampled_from((1, 3, 100)))
    kept = [
        each
        for each in events
        if each.position <= position or not _forgotten_later([each], position)
    ]
    then = index_over(kept[:position], vectors=vectors)
    now = index_over(kept, vectors=vectors)

    answers = [
        recalled(
            each,
            text,
            filters=filters,
            vectors=vectors,
            candidates=candidates,
            as_of=position,
            **place,
        )
        for each in (then, now)
    ]

    assert answers[1] == answers[0]


@settings(max_examples=examples(200), deadline=None)
@given(histories(), st.data(), _QUESTIONS)
def test_what_was_forgotten_is_as_if_it_had_never_been_said(
    events: list[PositionedEvent], data: st.DataObject, text: str
) -> None:
    """Recall as of a position before a text was forgotten is the one without it, now and then."""
    position = data.draw(st.integers(0, len(events)))
    later = [each for each in events if each.position > position]
    forgotten = [each for each in later if _forgotten_later([each], position)]
    before_all = [*events[:position], *forgotten]

    now = recalled(index_over(events), text, as_of=position, evidence_prior=-0.3)

    assert now == recalled(index_over(before_all), text, as_of=position, evidence_prior=-0.3)


@settings(max_examples=examples(100), deadline=None)
@given(histories(), _QUESTIONS, st.integers(1, 9))
def test_segments_change_no_answer(events: list[PositionedEvent], text: str, stretch: int) -> None:
    """An index that is cut into segments as it grows answers as one that never was."""
    whole = index_over(events)
    cut = index_over([])
    for place, each in enumerate(events):
        take_in(cut, each)
        if place % stretch == 0:
            cut.store(cut.open_segment())
        if place % (2 * stretch) == 0:
            cut.store_vectors(cut.open_vectors())

    answers = [
        [
            recalled(index, text, as_of=position, evidence_prior=-0.3)
            for position in range(0, len(events), 5)
        ]
        for index in (cut, whole)
    ]

    assert answers[0] == answers[1]
