"""Identifiers that differ by the order of their numbers: each finds its own insight."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest

from anabranch_events.event.types import InsightRecorded
from anabranch_projections.recall_index.cut import Cut
from anabranch_projections.recall_index.namespace_index import NamespaceIndex
from anabranch_recall import Question
from anabranch_recall.candidates import Row, rank_all
from anabranch_recall.index.eligible import eligible
from anabranch_recall.index.identified import READ_MAX, identified
from anabranch_recall.text.identifiers import Held, held, identifiers_in, lifts
from tests.support.histories import at, insight, moment, session
from tests.support.indexed_histories import DIMENSION, index_over, recalled, vector_of

if TYPE_CHECKING:
    from anabranch_recall.moment import Document

ADDRESSES = [f"The host 10.0.{one}.{other} is slow" for one, other in product(range(9), repeat=2)]
RELEASES = [f"Release v2.{one}.{other}-rc.1 broke it" for one, other in product(range(9), repeat=2)]
TICKETS = [f"Ticket AC-{one}-{other} is of Ann" for one, other in product(range(9), repeat=2)]
TEXTS = [*ADDRESSES, *RELEASES, *TICKETS, "The pump AC was bought in 2024, for 10 hosts"]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("10.0.7.3", "The host 10.0.7.3 is slow"),
        ("What about 10.0.3.7?", "The host 10.0.3.7 is slow"),
        ("Which host is 10.0.0.0", "The host 10.0.0.0 is slow"),
        ("v2.8.1-RC.1", "Release v2.8.1-rc.1 broke it"),
        ("Whose is AC-5-2, and since when?", "Ticket AC-5-2 is of Ann"),
        ("ac-2-5", "Ticket AC-2-5 is of Ann"),
        ("Is \u0661\u0660.\u0662.\u0663, or _1._2, the ticket AC-4-8?", "Ticket AC-4-8 is of Ann"),
    ],
)
@pytest.mark.parametrize("vectors", [True, False])
def test_an_identifier_finds_its_own(question: str, expected: str, *, vectors: bool) -> None:
    """Its numbers in another order are another's, which no count of words can tell."""
    index = index_over(
        (
            at(number, InsightRecorded(insight_id=insight(number), text=text))
            for number, text in enumerate(TEXTS, start=1)
        ),
        vectors=vectors,
    )
    rows = [
        Row(insight(number), "session", text, number, "", ())
        for number, text in enumerate(TEXTS, start=1)
    ]

    [found, *_] = recalled(index, question, k=1, vectors=vectors)
    by_graph = rank_all(question, rows, {})

    assert found[0] == insight(TEXTS.index(expected) + 1)
    assert by_graph[0].candidate.text == expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Is 10.0.3.5 the host of ACME-12-4?", ("10.0.3.5", "acme-12-4")),
        ("name@1.2.3-rc.2, twice: NAME@1.2.3-rc.2", ("name@1.2.3-rc.2",)),
        (
            "v2.8, 12-AC-5, 192.168.100.200 or 555-123-4567",
            ("v2.8", "12-ac-5", "192.168.100.200", "555-123-4567"),
        ),
        ("a well-known v2 of gauge.py, ACME-1234", ()),
        ("", ()),
    ],
)
def test_identifiers_have_numbers_and_a_name(question: str, expected: tuple[str, ...]) -> None:
    """What has one number is told apart by it; two are an identifier where a name stands before."""
    assert identifiers_in(question) == expected


@pytest.mark.parametrize(
    "number",
    [
        *("3.12", "1.5", "$1.5 million", "2.5 hours", "1,000.50", "1.000.000", "2.5-hour"),
        *("24/7", "24/7/365", "24/7-support", "50/50", "16:9", "5-10", "5-10km", "1.5-2.5km"),
        *("2023-2024", "2024-05", "2024-05-12", "12-05-2024", "12.05.2024", "2024.5.12"),
        *("5/20/2026", "12-May-2024", "may-12-2024", "2024-W05", "2024-05-01/2024-05-08"),
        *("9:30am", "9am-5pm", "10:30:00", "10:30-11:00", "2024-05-01T10:30:00.123Z"),
        "2024-05-01T10:30:00+02:00",
    ],
)
def test_ordinary_numbers_identify_nothing(number: str) -> None:
    """Decimals, ranges, ratios, days and times are said of much."""
    assert identifiers_in(f"What was at {number}, and of whom?") == ()


@pytest.mark.parametrize(
    ("question", "has_it", "answers"),
    [
        (
            "support 24/7, who is on call at night?",
            "The gym downstairs is open 24/7",
            "Marta answers the support phone at any hour",
        ),
        (
            "How long was the outage, 2.5 hours?",
            "Version 2.5 of the style guide",
            "The outage went on until noon",
        ),
        (
            "Who rolled the gateway back from v2.15.1?",
            "A sticker says v2.15.1",
            "Marta rolled the gateway back",
        ),
    ],
)
def test_a_number_alone_turns_no_ranking_round(question: str, has_it: str, answers: str) -> None:
    """It tells texts apart whose words are alike. No text has its numbers in another order here."""
    events = [
        at(number, InsightRecorded(insight_id=insight(number), text=text), of=session(number))
        for number, text in enumerate((has_it, answers), start=1)
    ]
    index = index_over(events, vectors=False)
    index.add_vectors(np.stack([vector_of(has_it), vector_of(question)]))
    rows = [
        Row(insight(1), "one", has_it, 1, "", ()),
        Row(insight(2), "other", answers, 2, "", ()),
    ]

    found = recalled(index, question, k=2)
    by_graph = rank_all(question, rows, {insight(1): 0.1, insight(2): 0.9})

    assert [each[0] for each in found] == [insight(2), insight(1)]
    assert [each.candidate.text for each in by_graph] == [answers, has_it]


def test_of_two_that_are_asked_for_none_is_lifted() -> None:
    """Each has the words of the other, and is asked for itself."""
    question = "Is 10.0.3.5 or 10.0.5.3 slow?"
    texts = [Held(("10.0.3.5",)), Held(("10.0.5.3",)), Held((), ("10.0.3.5", "10.0.5.3"))]

    found = [
        held(identifiers_in(question), text)
        for text in ("The host 10.0.3.5 is", "10.0.5.3", "10.5.0.3")
    ]

    assert found == texts
    assert lifts(found[:2], [0.4, 0.9]) == [0.0, 0.0]
    assert lifts(found, [0.4, 0.9, 0.8]) == pytest.approx([0.5, 0.0, 0.0])


def test_among_thousands_the_newest_is_found() -> None:
    """All before it have its numbers in another order."""
    texts = [*["The host 10.0.5.3 is slow"] * 2100, "The host 10.0.3.5 is slow"]
    index = NamespaceIndex("default", dimension=DIMENSION)
    for number, text in enumerate(texts, start=1):
        index.apply(at(number, InsightRecorded(insight_id=insight(number), text=text)))

    [found, *_] = recalled(index, "10.0.3.5", k=1, vectors=False)

    assert found[0] == insight(len(texts))


def test_many_identifiers_read_few_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many insights have the words of however many identifiers."""
    asked = [f"10.{number}.3.5" for number in range(20, 36)]
    text = " ".join(f"10.{number}.5.3" for number in range(20, 36))
    events = (
        at(number, InsightRecorded(insight_id=insight(number), text=f"{text}, said {number}"))
        for number in range(1, 401)
    )
    cut = index_over(events, vectors=False).cut(None)
    reach = eligible(cut, Question(text="hosts", namespace="default"), at=moment(60))
    rows: list[int] = []
    read = Cut.document

    def counted(self: Cut, row: int) -> Document:
        rows.append(row)
        return read(self, row)

    monkeypatch.setattr(Cut, "document", counted)

    found = identified(cut, asked, reach, np.arange(400.0), pooled=[0, 399])

    assert sorted(rows) == sorted(found) == [0, *range(400 - READ_MAX, 400)]
    assert {each.scattered for each in found.values()} == {tuple(asked)}
