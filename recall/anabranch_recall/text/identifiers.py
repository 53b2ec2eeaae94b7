"""Identifiers of a question that differ by the order of their numbers, as `10.0.3.5` does."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from anabranch_recall.text.words import folded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

IDENTIFIERS_MAX: Final = 16
_PLAIN_MAX: Final = 64
MARGIN: Final = 0.1
"""The part of the score by which a text that has an identifier comes before those that have not.

As much as an association gives at most, so that none turns them round.
"""
# A long word is looked at once, and not again from each of its characters.
_JOINED: Final = re.compile(r"(?<!\w)\w+(?:[.:/\\@#+-]+\w+)+")
_NUMBERED: Final = re.compile(r"(?<![^\W_])[^\W_]*\d\w*")
_NAME: Final = re.compile(r"(?<!\w)[^\W\d]")
_MONTH: Final = (
    "(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    "|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_YEAR: Final = r"(?:19|20)\d\d"
_TIME: Final = r"\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?(?:[ap]m|z|h)?"
_DAY: Final = (
    r"\d{4}-\d{1,2}(?:-\d{1,2})?|\d{1,2}-\d{1,2}-(?:\d\d|\d{4})|\d{1,4}/\d{1,2}/\d{1,4}"
    rf"|\d{{1,2}}\.\d{{1,2}}\.{_YEAR}|{_YEAR}\.\d{{1,2}}\.\d{{1,2}}|{_YEAR}-?w\d\d(?:-\d)?"
    rf"|\d{{1,2}}[-/.]{_MONTH}(?:[-/.]\d{{2,4}})?|{_MONTH}[-/.]\d{{1,2}}(?:[-/.]\d{{2,4}})?"
    rf"|{_YEAR}[-/.]{_MONTH}[-/.]\d{{1,2}}"
)
_DAYS_AND_TIMES: Final = rf"(?:{_DAY}|{_TIME})(?:[-/+@t]+(?:{_DAY}|{_TIME}))*"
_AMOUNT: Final = r"\d+(?:\.\d+)?[^\W\d_]*"
_PLAIN: Final = re.compile(
    rf"{_DAYS_AND_TIMES}|{_AMOUNT}[-/:+]+{_AMOUNT}|\d+(?:/\d+)+|\d{{1,3}}(?:\.\d{{3}}){{2}}"
)
"""Days, times, ranges, ratios and large numbers: said of much, they identify nothing."""


class Held(NamedTuple):
    """The identifiers of a question that a text has `verbatim`, or those whose words it has.

    These are `scattered`; a text with one that is verbatim counts for none of them.
    """

    verbatim: tuple[str, ...] = ()
    scattered: tuple[str, ...] = ()


def identifiers_in(question: str) -> tuple[str, ...]:
    """Return the identifiers of a question, folded, at most `IDENTIFIERS_MAX`.

    Each has three numbers or more, joined by signs, or two of which a name stands before one.
    Decimals, ranges, days and times are none.
    """
    found = [each[0] for each in _JOINED.finditer(folded(question)) if _identifies(each[0])]
    return tuple(dict.fromkeys(found))[:IDENTIFIERS_MAX]


def held(having: Iterable[str], text: str) -> Held:
    """Return which identifiers `text` has, of those `having` all of whose words stand in it."""
    words = tuple(having)
    read = folded(text) if words else ""
    verbatim = tuple(each for each in words if each in read and _pattern(each).search(read))
    return Held(verbatim, () if verbatim else words)


def lifts(texts: Sequence[Held], scores: Sequence[float]) -> list[float]:
    """Return how far each text is lifted, so that identifiers come before their scattered words.

    Counts of words see no difference between these. Those with an identifier are lifted alike.
    Nothing is lifted where no text has the words alone, or where the best of those is behind.
    """
    best: dict[str, float] = {}
    rival: dict[str, float] = {}
    for each, score in zip(texts, scores, strict=True):
        for highest, identifiers in ((best, each.verbatim), (rival, each.scattered)):
            highest.update({one: max(score, highest.get(one, score)) for one in identifiers})
    gained = {one: max(0.0, rival[one] + MARGIN - best[one]) for one in best if one in rival}
    return [max((gained.get(one, 0.0) for one in each.verbatim), default=0.0) for each in texts]


def _identifies(word: str) -> bool:
    numbers = [*_NUMBERED.finditer(word)]
    if len(numbers) < 2 or (len(numbers) == 2 and not _NAME.search(word, 0, numbers[1].end())):
        return False
    return len(word) > _PLAIN_MAX or not _PLAIN.fullmatch(word)


@lru_cache(maxsize=256)
def _pattern(identifier: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(identifier)}(?!\w)")
