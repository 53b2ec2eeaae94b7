"""The fold: events into the rows of a few statements, without any server."""

from __future__ import annotations

import unicodedata
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from anabranch_events.event import types
from anabranch_events.event.registry import EVENT_TYPES
from anabranch_projections import fold
from anabranch_projections.fold.effects import EFFECTS
from anabranch_projections.fold.positioned import timestamp
from anabranch_projections.fold.rows import CHARACTERS_MAX, ROWS_MAX, json_text
from anabranch_recall.filters import Filters
from anabranch_store import Step, statement
from tests.support.events import events
from tests.support.histories import at, histories, insight, positioned, session

if TYPE_CHECKING:
    from anabranch_events import Event

IDENTIFYING = ("id", "session_id", "agent", "to", "by", "from_id", "to_id", "kind", "key")


def _rows(steps: list[Step], name: str) -> list[dict[str, Any]]:
    return [row for step in steps if step.statement == name for row in step.parameters["rows"]]


def test_every_event_type_has_an_effect() -> None:
    """No registered type falls through the fold."""
    assert set(EFFECTS) == set(EVENT_TYPES.values())


@given(st.datetimes(timezones=st.just(UTC) | st.timezones()))
def test_a_time_is_text_in_utc_and_whole_milliseconds(value: datetime) -> None:
    """The first and last hours that can be named keep their own zone."""
    try:
        expected = value.astimezone(UTC)
    except OverflowError:
        expected = value

    assert timestamp(value) == expected.isoformat(timespec="milliseconds")


def test_nothing_folds_to_nothing() -> None:
    """A batch without events needs no statement."""
    assert fold([]) == []


@given(histories(30))
def test_a_batch_is_one_statement_a_kind_and_one_row_a_thing(history: list[Event]) -> None:
    """However long the batch, statements are few, and none touches one thing in two rows.

    Only ends of insights that may depend on other ends of the batch stand in statements of their
    own.
    """
    steps = fold(positioned(history))

    names = Counter(step.statement for step in steps)
    for ending in ("retire", "supersede", "restore"):
        names.pop(f"projection/{ending}_insights", None)
    assert set(names.values()) <= {1}
    for step in steps:
        assert statement(step.statement)
        keys = [
            (
                row["namespace"],
                *(row.get(name) for name in IDENTIFYING if name != "kind" or "ends" in row),
            )
            for row in step.parameters["rows"]
        ]
        assert len(set(keys)) == len(keys), step.statement


@given(st.lists(events(), max_size=5))
def test_every_row_stays_in_the_namespace_of_its_event(history: list[Event]) -> None:
    """No row can touch what lies in a namespace that no event of the batch is in."""
    steps = fold(positioned(history))

    found = {row["namespace"] for step in steps for row in step.parameters["rows"]}
    assert found <= {event.namespace for event in history}


@given(histories(10))
def test_the_fold_is_pure(history: list[Event]) -> None:
    """The same events give the same rows, and folding leaves the events alone."""
    before = [event.model_dump_json() for event in history]

    assert fold(positioned(history)) == fold(positioned(history))
    assert [event.model_dump_json() for event in history] == before


def test_a_thousand_rows_are_the_most_a_statement_gets() -> None:
    """A branch may end with more insights than a store takes at once."""
    found = types.BranchCompleted(
        result="Many",
        insights=tuple(
            types.Insight(insight_id=insight(number), text="Text") for number in range(1000)
        ),
    )

    steps = fold([at(1, found), at(2, types.InsightRecorded(insight_id=insight(1000), text="One"))])

    sizes = [
        len(step.parameters["rows"])
        for step in steps
        if step.statement == "projection/record_insights"
    ]
    assert sizes == [ROWS_MAX, 1]


def test_long_texts_are_spread_over_statements() -> None:
    """A store takes only so many bytes in a message."""
    text = "x" * (CHARACTERS_MAX // 2)
    history = [
        at(number, types.InsightRecorded(insight_id=insight(number), text=text))
        for number in range(1, 4)
    ]

    steps = fold(history)

    assert [len(step.parameters["rows"]) for step in steps] == [1, 1, 1]


def test_many_citations_are_spread_over_statements_in_order() -> None:
    """Weights depend on the order of citations, so a cut falls between two of them."""
    ids = tuple(map(insight, range(64)))
    history = [
        at(position, types.InsightCited(insight_ids=ids, outcome=types.Outcome.USED))
        for position in range(1, 41)
    ]

    steps = fold(history)

    moving = [step for step in steps if step.statement == "projection/cite_associations"]
    positions = [one["position"] for step in moving for one in step.parameters["citations"]]
    assert positions == list(range(1, 41))
    assert len(moving) == 3
    for step in moving:
        last = len(step.parameters["citations"]) - 1
        assert all(row["others"][ids[0]][-1] == last for row in step.parameters["rows"])


def test_composed_and_decomposed_names_are_one() -> None:
    """Entities, tags and keys of notes are kept in one spelling of their characters."""
    names = tuple(unicodedata.normalize(form, "Zürich") for form in ("NFC", "NFD"))
    history = [
        at(1, types.InsightRecorded(insight_id=insight(1), text="T", entities=names, tags=names)),
        at(2, types.WorkingMemorySet(key=names[0], value=1)),
        at(3, types.WorkingMemorySet(key=names[1], value=2)),
    ]

    steps = fold(history)

    [recorded] = _rows(steps, "projection/record_insights")
    [noted] = _rows(steps, "projection/keep_notes")
    assert recorded["content"]["entities"] == [names[0]]
    assert set(recorded["content"]["tags"]) == {names[0]}
    assert (noted["key"], noted["value"]) == (names[0], "2")
    assert Filters.model_validate({"tags": names}).tags == (names[0], names[0])


def test_agents_roles_and_subjects_have_one_spelling_too() -> None:
    """Asked for by either spelling, an insight is found by them."""
    composed, decomposed = (unicodedata.normalize(form, "Zürich") for form in ("NFC", "NFD"))
    history = [
        at(1, types.SessionOpened(task="T", role=decomposed), agent=decomposed),
        at(
            2,
            types.InsightRecorded(insight_id=insight(1), text="T", subject=decomposed),
            agent=decomposed,
        ),
    ]

    steps = fold(history)

    [recorded] = _rows(steps, "projection/record_insights")
    [opened] = _rows(steps, "projection/apply_sessions")
    filters = Filters(agent=decomposed, role=decomposed)
    assert (recorded["agent"], recorded["content"]["subject"]) == (composed, composed)
    assert opened["properties"]["agent"] == composed
    assert decomposed not in str(opened)
    assert (filters.agent, filters.role) == (composed, composed)


def test_what_comes_later_in_a_batch_overwrites() -> None:
    """A session's row carries what stands at the end of the batch, and clears what was dropped."""
    steps = fold(
        [
            at(1, types.SessionOpened(task="First")),
            at(2, types.WorkingMemorySet(key="plan", value=1)),
            at(3, types.SessionOpened(task="Second")),
            at(4, types.WorkingMemorySet(key="mood", value="good")),
            at(5, types.WorkingMemoryCleared(key="plan")),
            at(6, types.SessionClosed(reason="Done")),
        ]
    )

    (row,) = _rows(steps, "projection/apply_sessions")
    assert row["id"] == session(1)
    assert row["position"] == 6
    assert [opening["properties"]["task"] for opening in row["openings"]] == ["First"]
    assert row["properties"] == {
        "status": "closed",
        "ended": 6,
        "ended_reason": "Done",
    }
    note = {"namespace": row["namespace"], "session_id": session(1), "position": 6}
    assert _rows(steps, "projection/keep_notes") == [
        {**note, "key": "mood", "value": '"good"', "recorded": 4}
    ]
    assert _rows(steps, "projection/drop_notes") == [
        {**note, "key": "plan", "value": None, "recorded": 5}
    ]


def test_json_has_one_spelling() -> None:
    """The same value is the same text, whatever order its keys came in."""
    assert json_text({"b": [1, 2.5, None], "a": "é"}) == '{"a":"é","b":[1,2.5,null]}'
