"""The subject of an insight: in front of its text, and compared with the names in a question."""

from __future__ import annotations

import pytest

from anabranch_events.event import types
from anabranch_recall.text.subject import subject_of, subjects_asked, with_subject
from tests.support.histories import at, insight
from tests.support.indexed_histories import index_over
from tests.unit.recall.index.test_ranker import ask, over


@pytest.mark.parametrize(
    ("text", "subject", "told"),
    [
        ("I moved to Oslo", "Caroline", "Caroline: I moved to Oslo"),
        ("So caroline moved to Oslo", "Caroline", "So caroline moved to Oslo"),
        ("The algae bloom", "Al", "Al: The algae bloom"),
        ("a (b) c", "(b)", "a (b) c"),
        ("I moved to Oslo", None, "I moved to Oslo"),
        ("I moved to Oslo", "", "I moved to Oslo"),
        ("", "Caroline", ""),
    ],
)
def test_a_text_is_read_with_its_subject(text: str, subject: str | None, told: str) -> None:
    """The subject stands in front, where the text does not name it as a word."""
    assert with_subject(text, subject) == told


@pytest.mark.parametrize(
    ("subject", "question", "named"),
    [
        ("Caroline", "Where does Caroline live?", True),
        ("Caroline Smith", "Where does Caroline live?", True),
        ("Caroline", "Where does Melanie live?", False),
        ("billing service", "Which port has the billing service?", True),
        ("billing service", "Which port has the service?", False),
        ("postgres", "which port does postgres use", True),
    ],
)
def test_a_given_subject_is_named_or_not(subject: str, question: str, *, named: bool) -> None:
    """A name counts by its first word, a subject without a capital as a whole."""
    names = [word.strip("?").lower() for word in question.split() if word[0].isupper()]

    asked = set(subjects_asked(question, names))

    assert (subject_of("I moved", subject) in asked) is named


async def test_the_subject_finds_and_lifts_an_insight() -> None:
    """Two say the same of themselves: the one the question names is first, and both are hits."""
    said = [("I moved to Oslo", "Melanie"), ("I moved to Oslo", "Caroline")]
    history = [
        types.InsightRecorded(insight_id=insight(number), text=text, subject=subject)
        for number, (text, subject) in enumerate(said, start=1)
    ]
    ranker = over(index_over(at(place, data) for place, data in enumerate(history, start=1)))

    found = await ranker.recall(ask("Where did Caroline go?"))

    assert [(hit.insight_id, hit.text, hit.subject) for hit in found] == [
        (insight(2), "I moved to Oslo", "Caroline"),
        (insight(1), "I moved to Oslo", "Melanie"),
    ]
    assert found.hits[0].why.priors["subject"] > 0
    assert found.hits[0].why.matched == ("caroline",)
    assert found.hits[0].said == "Caroline: I moved to Oslo"
