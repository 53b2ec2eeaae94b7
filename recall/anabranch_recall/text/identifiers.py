"""Identifiers of a question that differ by the order of their numbers, as `10.0.3.5` does."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from anabranch_recall.text.words import folded

VERBATIM_SHARE: Final = 0.5
"""The part of an insight that has an identifier of the question word for word.

Its words are those of `10.0.5.3` too, so no count of words prefers it.
"""
IDENTIFIERS_MAX: Final = 16
_JOINED: Final = re.compile(r"\w+(?:[.:/\\@#+-]+\w+)+")
_NUMBERED: Final = re.compile(r"[^\W_]*\d\w*")
_DAY_OR_TIME: Final = re.compile(r"\d{1,4}([/-])\d{1,2}\1\d{1,4}|\d{1,2}:\d\d(?::\d\d)?")


def identifiers_in(question: str) -> tuple[str, ...]:
    """Return the identifiers of a question, folded, at most `IDENTIFIERS_MAX`.

    Each has two numbers or more, joined by signs. Days and times of day are none: they are asked
    for as such.
    """
    found = [
        each[0]
        for each in _JOINED.finditer(folded(question))
        if len(_NUMBERED.findall(each[0])) > 1 and not _DAY_OR_TIME.fullmatch(each[0])
    ]
    return tuple(dict.fromkeys(found))[:IDENTIFIERS_MAX]


def verbatim(identifiers: tuple[str, ...], text: str) -> float:
    """Return the part of an insight whose `text` has one of the identifiers word for word."""
    return VERBATIM_SHARE if identifiers and _one_of(identifiers).search(folded(text)) else 0.0


@lru_cache(maxsize=64)
def _one_of(identifiers: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, identifiers))})(?!\w)")
