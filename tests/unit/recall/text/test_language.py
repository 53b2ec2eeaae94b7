"""Words, names and BM25: pure functions over text."""

from __future__ import annotations

from math import log
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anabranch_recall.text.language import (
    ASKED_MAX,
    SEARCH_TERMS_MAX,
    asked_words,
    bm25,
    date_words,
    entities,
    search_terms,
    tokens,
    words_of,
)


def test_tokens_are_stems_without_common_and_question_words() -> None:
    """What is left of a question is what it is about."""
    assert tokens("When did my sister's running-shoes arrive, and how?") == [
        "sister",
        "s",
        "run",
        "shoe",
        "arriv",
    ]


def test_an_inflected_word_has_the_stem_of_the_plain_one() -> None:
    """A question in other forms of the words finds the text."""
    assert tokens("loans repaid") == [*tokens("loan"), *tokens("repaid")]


def test_search_terms_keep_identifiers_as_an_index_does() -> None:
    """Full-text indexes take a version, an address and a file's name for one word."""
    terms = search_terms("Was v2.15.1 at 10.20.30.40 in src/gauge.py, by crew:run?")

    assert terms == [
        *("v2", "15", "1", "10", "20", "30", "40", "src", "gauge", "py", "crew", "run"),
        *("v2.15.1", "10.20.30.40", "gauge.py", "crew\\:run"),
    ]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("会议室的投影仪坏了、周三维修", "投影仪"),
        ("契約書は来週までに更新が必要です", "契約書"),
        ("새로운프린터는이층에있습니다", "프린터"),
        ("กุญแจสำรองอยู่ในลิ้นชักที่สอง", "กุญแจสำรอง"),
    ],
)
def test_a_word_inside_running_text_of_its_script_is_found(text: str, word: str) -> None:
    """Scripts without spaces are cut alike in texts and in questions."""
    asked = asked_words(word)

    assert asked
    assert set(asked) <= set(tokens(text))


def test_asked_words_keep_the_word_of_each_stem() -> None:
    """A reason shows what was asked, not a stem."""
    assert asked_words("What are the loans of the lenders? Loan!") == {
        "loan": "loans",
        "lender": "lenders",
    }


def test_a_huge_question_has_a_bounded_number_of_words() -> None:
    """A question of megabytes costs no more than a long one."""
    question = " ".join(f"word{number}x" for number in range(50_000))

    assert len(asked_words(question)) == ASKED_MAX
    assert len(search_terms(question)) == SEARCH_TERMS_MAX


def test_bm25_by_hand() -> None:
    """The score of one term in two texts is that of the formula."""
    documents = [words_of("tide gauge"), words_of("tide tide tide river delta mud")]
    idf = log(1 + (2 - 2 + 0.5) / (2 + 0.5))
    short = 0.9 * (1 - 0.4 + 0.4 * 2 / 4)
    long = 0.9 * (1 - 0.4 + 0.4 * 6 / 4)

    scores = bm25(["tide"], documents)

    assert scores == pytest.approx([idf * 1.9 / (1 + short), idf * 3 * 1.9 / (3 + long)])


def test_bm25_prefers_the_rare_word() -> None:
    """A word that stands in one text tells more than one that stands in all."""
    documents = [words_of(text) for text in ("loan bank", "loan river", "loan sea")]

    scores = bm25(tokens("loan river"), documents)

    assert max(range(3), key=lambda at: scores[at]) == 1


def test_bm25_of_nothing() -> None:
    """No texts, empty texts and empty questions are no errors."""
    assert bm25(["tide"], []) == []
    assert bm25(["tide"], [words_of("")]) == [0.0]
    assert bm25([], [words_of("tide")]) == [0.0]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Kunle met Tunde Adeyemi in Lagos.", ("Tunde Adeyemi", "Lagos")),
        ("The loan came from Access Bank.", ("Access Bank",)),
        ("Yesterday we moved.", ()),
        ("When Caroline asked, Caroline's sister agreed.", ("Caroline",)),
        ("\u3010Project Planning\u3011 Milestone: ask Access Bank", ("Access Bank",)),
        ("Access Bank and the Access Bank's branch", ("Access Bank",)),
        ("no capital letters at all", ()),
        ("", ()),
    ],
)
def test_entities_are_names(text: str, names: tuple[str, ...]) -> None:
    """Runs of capitalised words are names; sentence starts, headings and labels are not."""
    assert entities(text) == names


def combining(character: str) -> bool:
    """Tell whether a character is a mark on a letter, or joins two."""
    return category(character) in {"Mn", "Mc", "Me", "Cf"}


@given(st.text())
def test_search_terms_hold_no_query_syntax(text: str) -> None:
    """Whatever is asked, a full-text index gets letters with their marks, digits, underscores."""
    for term in search_terms(text):
        plain = term.replace("\\:", "")
        assert all(each.isalnum() or each in "_.,;'\u2019" or combining(each) for each in plain)
        assert term == term.lower()


@given(st.text())
def test_names_and_stems_of_any_text(text: str) -> None:
    """Any text has names and stems: each name once, and each name's words stand in the text."""
    found = entities(text)

    assert len(set(found)) == len(found)
    assert all(word in text for name in found for word in name.split())
    assert words_of(text).length == len(tokens(text))


@pytest.mark.parametrize(
    ("day", "words"),
    [
        ("2026-11-23T10:00:00Z", "November 2026 23"),
        ("2025-01-02", "January 2025 2"),
        ("", ""),
        ("-999999-01-01", ""),
    ],
)
def test_date_words(day: str, words: str) -> None:
    """A day is ranked by the words people ask for it with."""
    assert date_words(day) == words
