"""Context: recalled memory as text within a budget, in which every citation is an insight."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from anabranch_recall import Hit, Recollection, Restatement, Why
from anabranch_recall.context import Citation, Synthesis, context_of
from anabranch_recall.differences import Difference, arranged
from anabranch_recall.question import Lane
from anabranch_recall.text.prompt_tokens import prompt_tokens
from tests.support.rounds import examples

if TYPE_CHECKING:
    from collections.abc import Sequence

DAY: Final = datetime(2026, 5, 1, tzinfo=UTC)
LANES: Final = {"words": Lane(state="ok", position=99)}
TEXTS: Final = (
    "Staging listens on port 5433",
    "staging listens on port 5434",
    "The list is read as rows[0], then rows[1-3]",
    "河边的水位在上升",
    "One line\nand another [7]",
    "long " * 60,
    "x",
)


def hit(number: int, text: str, *, retired: int | None = None, also: Sequence[str] = ()) -> Hit:
    """Make the hit `i<number>`, recorded at that position, a day a position."""
    return Hit(
        insight_id=f"i{number}",
        session_id="s",
        text=text,
        kind="observation",
        position=number,
        recorded_at=DAY + timedelta(days=number),
        score=1.0,
        why=Why(lanes={}),
        retired=retired,
        also=tuple(Restatement(insight_id=one, session_id="t", position=1) for one in also),
    )


def found(*hits: Hit) -> Recollection:
    """Make an answer of these hits."""
    return Recollection(hits=list(hits), lanes=LANES, position=99, ranker="graph", recall_id="r")


def synthesis(name: str, text: str, *sources: str, position: int = 50) -> Synthesis:
    """Make a consolidation."""
    return Synthesis(consolidation_id=name, text=text, position=position, sources=sources)


def test_insights_follow_by_rank_with_their_numbers() -> None:
    """A line an insight: its number, its text in one line, and the day it is from."""
    context = context_of(found(hit(3, "Pump\nis red"), hit(1, "Gate is shut")), tokens=100)

    assert context.text == "[1] Pump is red (2026-05-04)\n[2] Gate is shut (2026-05-02)"
    assert context.citations == (Citation(n=1, insight_id="i3"), Citation(n=2, insight_id="i1"))
    assert (context.recall_id, context.position, context.ranker) == ("r", 99, "graph")
    assert (context.left_out, context.consolidations, context.nothing_close) == (0, (), False)
    assert context.tokens == prompt_tokens(context.text)


def test_of_two_that_differ_the_most_recent_stands_first() -> None:
    """At the place of the better one; the older says of which it is the older."""
    hits = (hit(2, "Port is 5433"), hit(9, "The gate is shut"), hit(5, "It moved to 5434"))

    superseded = context_of(
        found(*hits), tokens=200, differences=[Difference("i5", "i2", "superseded")]
    )
    conflict = context_of(
        found(*hits), tokens=200, differences=[Difference("i5", "i2", "conflict")]
    )

    assert superseded.text.splitlines() == [
        "[1] It moved to 5434 (2026-05-06)",
        "[2] Port is 5433 (2026-05-03; superseded by [1])",
        "[3] The gate is shut (2026-05-10)",
    ]
    assert conflict.text.splitlines()[1] == (
        "[2] Port is 5433 (2026-05-03; contradicts [1], which is newer)"
    )


def test_texts_that_differ_in_a_value_are_found_without_being_linked() -> None:
    """The same text with another number is an older or a newer value of it."""
    order = arranged(
        [hit(2, "Staging listens on port 5433"), hit(3, "x"), hit(7, "staging listens on port 8")],
        [],
    )

    assert [(one.insight_id, newer) for one, newer in order] == [
        ("i7", []),
        ("i2", [Difference("i7", "i2", "value")]),
        ("i3", []),
    ]


def test_a_consolidation_stands_before_the_insights_it_covers() -> None:
    """Its own marks become the numbers of the context, whose insights follow."""
    text = "On x: 3 insights.\n1. Pump is red [1] [2-3]\n2. See rows[9]"
    answer = found(hit(1, "Pump is red", also=["i8"]), hit(2, "Gate is shut"))

    context = context_of(answer, tokens=300, syntheses=[synthesis("c", text, "i2", "i8", "i5")])

    assert context.text.splitlines() == [
        "Consolidated:",
        "On x: 3 insights.",
        "1. Pump is red [1] [2][3]",
        "2. See rows[ 9 ]",
        "",
        "Recalled, the best first:",
        "[2] Pump is red (2026-05-02)",
        "[1] Gate is shut (2026-05-03)",
    ]
    assert [one.insight_id for one in context.citations] == ["i2", "i1", "i5"]
    assert context.consolidations == ("c",)


@pytest.mark.parametrize(
    ("syntheses", "narrowed", "expected"),
    [
        ([synthesis("one", "a [1]", "i1", "x")], False, ()),
        ([synthesis("old", "a", "i1", "i2"), synthesis("new", "b", "i1", "i2", position=60)], False, ("new",)),
        ([synthesis("wide", "a", "i1", "i2", "x")], False, ("wide",)),
        ([synthesis("wide", "a", "i1", "i2", "x")], True, ()),
        ([synthesis("all", "a", "i1", "i2")], True, ("all",)),
    ],
)  # fmt: skip
def test_a_consolidation_must_cover_what_was_recalled(
    syntheses: list[Synthesis], *, narrowed: bool, expected: tuple[str, ...]
) -> None:
    """Two recalled insights at least, the newest of its like; all of them in a narrower question."""
    answer = found(hit(1, "Pump is red"), hit(2, "Gate is shut"))

    context = context_of(answer, tokens=300, syntheses=syntheses, narrowed=narrowed)

    assert context.consolidations == expected


def test_the_best_insight_is_cut_where_nothing_else_has_room() -> None:
    """A text that is too long is better than none; the rest is counted."""
    context = context_of(found(hit(1, "word " * 90), hit(2, "other " * 90)), tokens=20)

    assert re.fullmatch(r"\[1\] (word )+…", context.text)
    assert (context.left_out, context.tokens) == (1, 20)


def test_an_empty_answer_is_an_empty_text() -> None:
    """Nothing known is nothing said."""
    context = context_of(found(), tokens=10)

    assert (context.text, context.tokens, context.citations) == ("", 0, ())


_HITS: Final = st.lists(st.sampled_from(TEXTS) | st.text(max_size=40), max_size=8).map(
    lambda texts: [hit(1 + (5 * index) % 9 + index, text) for index, text in enumerate(texts)]
)
_NAMES: Final = st.sampled_from([f"i{number}" for number in range(1, 17)])
_SYNTHESES: Final = st.lists(
    st.builds(
        Synthesis,
        consolidation_id=st.sampled_from("abc"),
        text=st.lists(
            st.sampled_from(["Heading", "1. Said [1]", "  - so [2-3] and a[0]", "[4] [9]"]),
            max_size=5,
        ).map("\n".join),
        position=st.integers(1, 60),
        sources=st.lists(_NAMES, max_size=6, unique=True).map(tuple),
    ),
    max_size=3,
)
_DIFFERENCES: Final = st.lists(
    st.builds(
        Difference, _NAMES, _NAMES, st.sampled_from(["superseded", "conflict", "value"])
    ).filter(lambda one: one.newer != one.older),
    max_size=5,
)


@pytest.mark.parametrize("text", ["", " \n\t"])
def test_a_consolidation_without_text_is_not_there(text: str) -> None:
    """Its heading would stand alone, above the budget where that is small."""
    empty = Synthesis(consolidation_id="c", text=text, position=9, sources=("i1", "i2"))

    context = context_of(found(hit(1, TEXTS[0]), hit(2, TEXTS[1])), tokens=200, syntheses=[empty])

    assert context.consolidations == ()
    assert "Consolidated" not in context.text


@hypothesis_settings(max_examples=examples(400))
@given(
    hits=_HITS.filter(lambda hits: len({one.insight_id for one in hits}) == len(hits)),
    syntheses=_SYNTHESES,
    differences=_DIFFERENCES,
    tokens=st.integers(1, 160),
)
def test_a_context_keeps_its_promises(
    hits: list[Hit],
    syntheses: list[Synthesis],
    differences: list[Difference],
    tokens: int,
) -> None:
    """It is never over its budget, each `[n]` is one insight, and the same again is the same."""
    first, again = (
        context_of(found(*hits), tokens=tokens, syntheses=syntheses, differences=given_as)
        for given_as in (differences, differences[::-1])
    )

    numbers = [one.n for one in first.citations]
    named = {int(number) for number in re.findall(r"\[(\d+)\]", first.text)}
    lines = re.findall(r"^\[(\d+)\]", first.text, re.MULTILINE)
    assert first.tokens == prompt_tokens(first.text) <= tokens
    assert numbers == list(range(1, len(numbers) + 1))
    assert named == set(numbers)
    assert len({one.insight_id for one in first.citations}) == len(numbers)
    assert first.left_out + len(set(lines)) >= len(hits)
    assert first == again


@hypothesis_settings(max_examples=examples(200))
@given(lines=st.lists(st.text(st.characters(exclude_characters="\n")), min_size=1, max_size=4))
def test_tokens_of_lines_add_up(lines: list[str]) -> None:
    """The count of a text is that of its lines, and one for each break between them."""
    total = sum(map(prompt_tokens, lines)) + len(lines) - 1

    assert prompt_tokens("\n".join(lines)) == total


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("the pump", 2), ("port 5433.", 4), ("  deep", 2), ("水", 2), ("a\tb", 3)],
)
def test_tokens_of_a_text(text: str, tokens: int) -> None:
    """Words by their length, digits in twos, other marks one each."""
    assert prompt_tokens(text) == tokens
