"""Quantities: each number with its sign, its unit, and what it is counted by. English.

"30 s" and "thirty seconds" are one quantity, "30 minutes" is another one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from anabranch_recall.text.language import DROPPED
from anabranch_recall.text.words import folded, stems_of
from anabranch_thinking.consolidation.wording import words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SPELLED: Final = {
    word: str(number)
    for number, word in enumerate(
        [
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
        ],
        start=1,
    )
} | {
    word: str(10 * number)
    for number, word in enumerate(
        ["thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], start=3
    )
}
_UNITS: Final = {
    short: f" {unit} "
    for unit, shorts in {
        "percent": "%",
        "dollars": "$",
        "euros": "€",
        "pounds": "£",
        "yen": "¥",
        "rupees": "₹",
        "milliseconds": "ms",
        "seconds": "s sec secs",
        "minutes": "min mins",
        "hours": "h hr hrs",
        "kb": "kb kB KB",
        "mb": "mb MB",
        "gb": "gb GB",
        "tb": "tb TB",
        "megabits": "Mb Mbit",
        "gigabits": "Gb Gbit",
        "km": "km",
        "kg": "kg",
    }.items()
    for short in shorts.split()
}
_SIGNS: Final = words("minus plus dollars euros pounds yen rupees")
_A: Final = words("a an per each every /")
_MONTHS: Final = words(
    """
january february march april may june july august september october november december
"""
)
_YEAR: Final = re.compile(r"(?:19|20)\d\d")
_THOUSANDS: Final = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_MINUS: Final = re.compile(r"(?<![\w.)\]])[-\u2212](?=[$€£]?\d)")
_SYMBOL: Final = re.compile("[%$€£¥₹]")
_UNIT: Final = re.compile(
    rf"(?<![\w.:/-])(\d+(?:\.\d+)?) ?({'|'.join(filter(str.isalpha, _UNITS))})\b(?![-'\u2019]|/\w\w)"
)
_HALF_DAY: Final = re.compile(r"(?<=\d) ?([ap])\.?m\b\.?", re.IGNORECASE)
_SPELLED_WORD: Final = re.compile(rf"\b(?:{'|'.join(_SPELLED)})\b", re.IGNORECASE)
_COMPOUND: Final = re.compile(r"(?<!\d)\d+(?:[-:/]\d+)+")
_COMPARED: Final = re.compile("[<>=\u2264\u2265\u2260~\u2248\u00b1]+")
_RANGE: Final = words("to and - \u2013 \u2014")
_NOT: Final = re.compile(r"\bcannot\b|\b(?:(ca|wo)|(\w+?))n['\u2019]t\b", re.IGNORECASE)
_PIECES: Final = re.compile(r"\w+(?:[.,:-]\w+)*|[^\w\s]")


def spelled_out(text: str) -> str:
    """Return a text with its numbers in digits, their signs and units in words, and no "n't"."""
    text = _NOT.sub(
        lambda found: f"{found[2] or {'wo': 'will'}.get((found[1] or '').lower(), 'can')} not", text
    )
    text = _MINUS.sub(" minus ", _THOUSANDS.sub("", text))
    text = _UNIT.sub(lambda found: found[1] + _UNITS[found[2]], text)
    text = _SYMBOL.sub(lambda found: _UNITS[found[0]], text)
    text = _HALF_DAY.sub(lambda found: f" {found[1].lower()}m", text)
    return _SPELLED_WORD.sub(lambda found: _SPELLED[found[0].lower()], text)


def number_at(at: int, pieces: Sequence[str]) -> str | None:
    """Return the number at a place, None for a part of a date."""
    piece = pieces[at]
    if not piece[0].isdigit() or _YEAR.fullmatch(piece) or "-" in piece:
        return None
    beside = frozenset(pieces[max(0, at - 1) : at + 2])
    return None if beside & _MONTHS else piece


class _Quantity(NamedTuple):
    """A number, the sign before it, the word that follows at once, and what that is counted by."""

    number: str
    sign: str
    unit: str
    each: str


def measures_otherwise(sentence: str, source: str) -> bool:
    """Tell whether a number of a sentence has another sign, unit or bound than in its source.

    Both texts are as `spelled_out` gives them.
    """
    if any(
        not frozenset(form.findall(sentence)) <= frozenset(form.findall(source))
        for form in (_COMPOUND, _COMPARED)
    ):
        return True
    given = [*_quantities(source)]
    said = frozenset(stems_of(folded(sentence).split()))
    return any(
        not any(one[:3] == other[:3] and other.each in {one.each, *said} for other in given)
        for one in _quantities(sentence)
    )


def _quantities(text: str) -> Iterator[_Quantity]:
    pieces = _PIECES.findall(folded(text))
    for at in range(len(pieces)):
        if (number := number_at(at, pieces)) is None:
            continue
        after = [*pieces[at + 1 : at + 4], "", "", ""]
        unit = "" if after[0] != "am" and after[0] in DROPPED else _stem(after[0])
        each = _stem(after[2]) if unit and after[1] in _A else ""
        sign = " ".join(one for one in pieces[max(0, at - 2) : at] if one in _SIGNS)
        if _in_range(at, pieces):
            sign += " range"
        yield _Quantity(number, sign, unit, each)


def _in_range(at: int, pieces: Sequence[str]) -> bool:
    """Tell whether a number is an end of a range: "10 to 20". "From 10 to 20" may be a move."""
    for start in (at - 2, at):
        ends = pieces[start : start + 3 : 2] if start >= 0 else ()
        if len(ends) > 1 and pieces[start + 1] in _RANGE and all(one[0].isdigit() for one in ends):
            return pieces[max(0, start - 1)] != "from"
    return False


def _stem(word: str) -> str:
    return stems_of([word])[0] if word[:1].isalnum() else ""
