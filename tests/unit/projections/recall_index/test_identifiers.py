"""Identifiers of all kinds are found by themselves among thousands of facts that look alike."""

from __future__ import annotations

from typing import Final

from anabranch_events.event import types
from anabranch_projections.recall_index.namespace_index import NamespaceIndex
from tests.support.histories import at, insight
from tests.support.indexed_histories import DIMENSION, recalled

ALIKE: Final = 2500
NAMED: Final = {
    "v2.15.1": "The gateway was rolled back to v2.15.1 at night",
    "crew:run": "The team begins each morning with crew:run in the office",
    "10.20.30.40": "The old printer answers at 10.20.30.40 only",
    "ACME-1234": "Customer ACME-1234 pays in March",
    "/etc/fleet/rules.yaml": "Limits stand in /etc/fleet/rules.yaml on each host",
    "parse_header_v2": "The crash comes from parse_header_v2 on empty input",
}
"""An identifier, and the one text that has it."""


def test_an_identifier_is_found_among_thousands_alike() -> None:
    """Asked for alone, the one fact that has it comes first."""
    texts = [
        f"Release v2.{number}.7 of ACME-{number + 2000} ran crew:job{number} on 10.20.{number}.9 "
        f"by /etc/fleet/rules{number}.yaml and parse_header_v{number + 3}"
        for number in range(5000, 5000 + ALIKE)
    ]
    texts[ALIKE // 2 : ALIKE // 2] = NAMED.values()
    events = [at(1, types.SessionOpened(task="Watch the fleet"))]
    events += [
        at(number + 2, types.InsightRecorded(insight_id=insight(number), text=text))
        for number, text in enumerate(texts)
    ]
    index = NamespaceIndex("default", dimension=DIMENSION)
    for event in events:
        index.apply(event)

    first = {word: recalled(index, word, vectors=False, k=3)[0] for word in NAMED}

    assert {
        word: insight(ALIKE // 2 + place) in first[word] for place, word in enumerate(NAMED)
    } == (dict.fromkeys(NAMED, True))
