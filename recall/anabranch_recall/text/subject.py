"""The subject of an insight: who or what it is about, or who said it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from anabranch_recall.text.words import DROPPED, folded, words_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

WITHIN: Final = 40
WORDS_MAX: Final = 5
"""The most words of a subject without a capital that a question is searched for."""
_CAPITALISED: Final = re.compile(r"[^\W\d_a-z][\w-]*")
_GIVEN: Final = "given:"
"""Stands before a subject without a capital, which only one that was given can be."""


def with_subject(text: str, subject: str | None) -> str:
    """Return `text` as it is read and embedded: with its subject in front where it lacks it."""
    if not subject or not text:
        return text
    held = rf"(?<!\w){re.escape(folded(subject))}(?!\w)"
    return text if re.search(held, folded(text)) else f"{subject}: {text}"


def subject_of(text: str, given: str | None = None) -> str:
    """Return the subject of an insight as it is compared with the names in a question.

    It is the first capitalised word of the subject that was given, folded, or else near the
    beginning of `text`. A subject that was given without a capital is taken whole.
    """
    if given:
        return _first_name(given) or _GIVEN + " ".join(words_in(given))
    return _first_name(text[:WITHIN])


def subjects_asked(question: str, names: Iterable[str]) -> Iterator[str]:
    """Yield all that `subject_of` may give for an insight whose subject the question names."""
    yield from names
    words = words_in(question)
    for size in range(1, WORDS_MAX + 1):
        for first in range(len(words) - size + 1):
            yield _GIVEN + " ".join(words[first : first + size])


def _first_name(text: str) -> str:
    for found in _CAPITALISED.finditer(text):
        word = folded(found[0])
        if len(word) > 1 and word not in DROPPED and found[0][0].isupper():
            return word
    return ""
