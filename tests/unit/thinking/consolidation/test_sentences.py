"""The sentences of an answer, and the numbers that each cites."""

from __future__ import annotations

import json
import time

import pytest

from anabranch_thinking.consolidation.sentences import (
    ANSWER_MAX,
    SENTENCES_MAX,
    Sentence,
    sentences_in,
)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("It is old [1].", [Sentence("It is old.", (1,))]),
        ("It is old. [1][2] It leaks [3].", [Sentence("It is old.", (1, 2)), Sentence("It leaks.", (3,))]),
        ("It is old [1, 3-5].\n- It leaks [2]", [Sentence("It is old.", (1, 3, 4, 5)), Sentence("It leaks", (2,))]),
        ("Dr. Ada runs v2.15.1 [1].", [Sentence("Dr. Ada runs v2.15.1.", (1,))]),
        ("It is old. It leaks [1].", [Sentence("It is old.", ()), Sentence("It leaks.", (1,))]),
        ("1. **Basel** is [0]old [x] [2]", [Sentence("Basel is old [x]", (0, 2))]),
        ("古い。[1]新しい。[2]", [Sentence("古い。", (1,)), Sentence("新しい。", (2,))]),
        ("It is old [1-9999].", [Sentence("It is old.", tuple(range(1, 13)))]),
        ("It\x00 is\x1b[31m old\x07 [1].\x85", [Sentence("It is old.", (1,))]),
        ("   12. It is old [1].", [Sentence("It is old.", (1,))]),
        ("", []),
    ],
)  # fmt: skip
def test_sentences_keep_what_they_cite(answer: str, found: list[Sentence]) -> None:
    """Numbers stand before or after the full stop, alone, in lists and in ranges."""
    assert sentences_in(answer) == found


def test_the_form_is_read_and_garbage_is_nothing() -> None:
    """Each text of the form may hold several sentences; JSON of another form holds none."""
    form = json.dumps({"sentences": ["It is old [1]. It leaks.", 7, "It rusts [2]"]})

    assert [one.cited for one in sentences_in(form)] == [(1,), (), (2,)]
    assert sentences_in('{"sentences": "It is old [1]."}') == []
    assert sentences_in('{"result": 7}') == []
    assert sentences_in('{"sentences": ["It is o') == [Sentence('{"sentences": ["It is o', ())]


def test_what_is_too_much_is_bounded() -> None:
    """Of many sentences the first are read, and a sentence without an end cites nothing."""
    assert len(sentences_in("It is old [1]. " * 900)) == SENTENCES_MAX
    (endless,) = sentences_in("word " * 900 + "[1]")
    assert endless.cited == ()
    (first,) = sentences_in(json.dumps({"sentences": ["w " * ANSWER_MAX, "It is old [1]."]}))
    assert first.cited == ()


@pytest.mark.parametrize(
    "piece", [".", ". ", "A. ", "dr. ", " ", "\n ", "[1", "[1,", ".[1 ", ".)", ".' [1]", "1. ", "*"]
)
def test_reading_grows_with_the_answer(piece: str) -> None:
    """Eight times as much takes no thirty times as long; by the square it would be 64."""

    def seconds(size: int) -> float:
        answer = (piece * size)[:size] + "x"
        return min(_processor_s(answer) for _ in range(3))

    assert seconds(ANSWER_MAX - 1) < 30 * max(seconds(ANSWER_MAX // 8), 0.001)


def _processor_s(answer: str) -> float:
    begun = time.process_time()
    sentences_in(answer)
    return time.process_time() - begun
