"""Identifiers that differ by the order of their numbers: each finds its own insight."""

from __future__ import annotations

from itertools import product

import pytest

from anabranch_events.event.types import InsightRecorded
from anabranch_recall.candidates import Row, rank_all
from anabranch_recall.text.identifiers import identifiers_in
from tests.support.histories import at, insight
from tests.support.indexed_histories import index_over, recalled

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
        ("On 2026-11-30 at 10:30:00, or 5/20/2026?", ()),
        ("a well-known v2 of gauge.py, ACME-1234", ()),
        ("", ()),
    ],
)
def test_identifiers_have_two_numbers(question: str, expected: tuple[str, ...]) -> None:
    """What has one number is told apart by it; a day and a time of day are asked for as such."""
    assert identifiers_in(question) == expected
