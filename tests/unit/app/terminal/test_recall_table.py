"""Hits as people see them: marked when they have ended, with ids to go on with."""

from __future__ import annotations

from io import StringIO
from typing import Any, cast

import pytest
from rich.console import Console

from anabranch.api.client import Answer
from anabranch.terminal.associated import associated_table
from anabranch.terminal.recall_table import hits_table, reasons, told
from anabranch.terminal.recall_why import lane_lines, parts, why_text
from anabranch_recall import Associated, Hit, Recollection, Why
from anabranch_recall.question import Association, Lane
from tests.support.histories import insight, moment, session


def hit(**fields: Any) -> Hit:
    """Return a hit with a few words of the question."""
    given: dict[str, Any] = {
        "insight_id": insight(7),
        "session_id": session(3),
        "text": "The port is 5432",
        "kind": "observation",
        "position": 4,
        "recorded_at": moment(4),
        "score": 1.7,
        "why": Why(lanes={"words": 0.4, "meaning": 0.6}, matched=("port",)),
        "similarity": 0.713,
    }
    return Hit(**{**given, **fields})


def test_reasons_have_the_similarity_and_no_shares() -> None:
    """A share of a lane says nothing across questions; the cosine and the matched words do."""
    assert reasons(hit()) == (
        "similarity 0.71 · words port · position 4 · insight 00000007 · session 00000003"
    )


def test_nothing_is_no_less_than_nothing() -> None:
    """A number that rounds to zero has no sign, in the table and in the sum of the score."""
    near = hit(similarity=-0.001, score=-0.0001, why=Why(lanes={"words": 0.4, "meaning": -0.0003}))

    assert reasons(near).startswith("similarity 0.00 · ")
    assert why_text(near).splitlines()[0] == "0.000 = 0.400 words +0.000 meaning"


def test_reasons_have_what_became_of_it() -> None:
    """Its end, its times in the world, and how many other sessions say the same."""
    ended = hit(
        similarity=None,
        retired=9,
        valid_from=moment(0),
        valid_until=moment(90_000),
        also_in=2,
        why=Why(lanes={}),
    )

    assert reasons(ended) == (
        "also in 2 sessions · retired at 9 · valid from 2026-11-23 · valid until 2026-11-24 · "
        "position 4 · insight 00000007 · session 00000003"
    )


def test_what_has_ended_is_marked() -> None:
    """The retired one does not stand beside the new one like a fact."""
    console = Console(width=100, record=True, color_system=None, file=StringIO())

    console.print(hits_table([hit(), hit(retired=9, text="The old port is 5431")]))

    lines = console.export_text().splitlines()
    assert lines[0].split() == ["1.700", "The", "port", "is", "5432"]
    assert lines[2].split() == ["1.700", "retired", "The", "old", "port", "is", "5431"]


def test_a_subject_stands_before_the_text() -> None:
    """Of a hit, and of an answer of the service that is no model; where there is none, the text."""
    served = Answer(hit(subject="postgres").model_dump(exclude={"insight_id"}))
    older = Answer(text="The port is 5432")

    said = [told(cast("Hit", one)) for one in (hit(subject="postgres"), served, older, hit())]

    assert said == ["postgres: The port is 5432"] * 2 + ["The port is 5432"] * 2


def test_the_way_to_what_is_associated_is_shown() -> None:
    """Its strength, its text with its subject, and each link from where it began."""
    near = Association(insight_id=insight(2), kind="supports", weight=0.5, position=3)
    far = Association(insight_id=insight(7), kind="explains", weight=0.8, position=5)
    fields = hit(subject="postgres").model_dump(include=set(Associated.model_fields))
    found = Associated(**fields, strength=0.4, start=insight(1), path=(near, far))
    console = Console(width=100, record=True, color_system=None, file=StringIO())

    console.print(associated_table([found]))

    assert [line.strip() for line in console.export_text().splitlines()] == [
        "0.400 postgres: The port is 5432",
        "00000001 → supports 0.50 00000002 → explains 0.80 00000007",
    ]


def test_why_is_a_sum() -> None:
    """Every part that is not nothing stands there with its name, and its sign."""
    why = Why(
        lanes={"words": 0.4, "meaning": 0.6},
        session=0.7,
        length=0.0,
        priors={"question": -0.1},
        path=0.1,
        entities=("Delta Bay",),
        linked=0.05,
        associations=(Association(insight_id=insight(2), kind="supports", weight=0.5, position=3),),
        events=(3, 4),
    )

    found = hit(why=why, score=1.75)

    assert sum(amount for _, amount in parts(found)) == pytest.approx(found.score)
    assert why_text(found) == (
        "1.750 = 0.400 words +0.600 meaning +0.700 session -0.100 question "
        "+0.100 path through Delta Bay +0.050 linked\n"
        "supports 00000002, weight 0.50, position 3\n"
        "by the events at 3, 4"
    )


def test_lanes_have_a_line_each() -> None:
    """State, position, time, and the reason where there is one."""
    lanes = {
        "words": Lane(state="ok", position=9, duration_ms=1.25),
        "meaning": Lane(
            state="failed", position=8, reason="no answer within 2 s", duration_ms=2000
        ),
    }
    console = Console(width=100, record=True, color_system=None, file=StringIO())

    console.print(lane_lines(Recollection(hits=[], lanes=lanes, position=9, ranker="index")))

    assert console.export_text().splitlines() == [
        "lane words        ok      at 9  1.2 ms",
        "lane meaning      failed  at 8  2000.0 ms  no answer within 2 s",
    ]
