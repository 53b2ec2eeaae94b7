"""Names as words of texts."""

from __future__ import annotations

import unicodedata

import pytest

from anabranch_recall.text.mention import Mention


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Xanthippe", "Xanthippe moved to Uji"),
        ("Xanthippe", "we saw XANTHIPPE's house"),
        ("Xanthippe", "key=xanthippe_2"),
        ("xanthippe", "Mail xanthippe@example.com"),
        ("Ada Lovelace", "It was Ada\n  Lovelace."),
        ("Zoë", unicodedata.normalize("NFD", "Then Zoë left")),
        (unicodedata.normalize("NFD", "Zoë"), "Zoë left"),
        ("田中", "昨日田中さんは京都に行った"),
        ("C++", "It is C++, mostly"),
    ],
)
def test_a_name_stands_in_texts_that_have_it_as_words(name: str, text: str) -> None:
    """In any case, composition and place of the sentence; the quick look beforehand finds it too."""
    mention = Mention(name)

    assert mention.stands_in([None, text])
    assert any(word in text.lower() for word in mention.spelt)


@pytest.mark.parametrize(
    ("name", "text"),
    [("Ann", "Anna's annual plan"), ("Ada Lovelace", "Ada, then Lovelace"), ("Zoë", "A zoo")],
)
def test_a_part_of_a_word_is_no_name(name: str, text: str) -> None:
    """Who is called Ann does not take Anna along."""
    assert not Mention(name).stands_in([text])
