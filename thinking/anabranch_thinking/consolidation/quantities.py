"""The quantities of a text: each number with its sign, its bounds, its currency and its unit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from anabranch_recall.language import DROPPED
from anabranch_recall.words import folded, stems_of
from anabranch_thinking.consolidation.wording import words

if TYPE_CHECKING:
    from collections.abc import Iterator

COUNTS: Final = {
    word: str(number)
    for number, word in enumerate(
        ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"), start=1
    )
}
MONTHS: Final = words(
    """
january february march april may june july august september october november december
"""
)
THOUSANDS: Final = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
YEAR: Final = re.compile(r"(?:19|20)\d\d")

_BEFORE: Final = 48
_AFTER: Final = 80
_REACH: Final = 3
"""The words before a number among which its bounds are looked for."""
_NUMBER: Final = re.compile(rf"\d+(?:[.,:/\u2013-]\d+)*|(?<![\w-])(?:{'|'.join(COUNTS)})(?![^\W_])")
_MONEY: Final = "$\u00a2-\u00a5\u0e3f\u20a0-\u20cf"
_AHEAD: Final = re.compile(
    rf"([<>=\u2264\u2265\u2260~\u2248\u00b1!]{{0,3}})\s?([{_MONEY}]?)((?:(?<![\w)])[-+])?)([{_MONEY}]?)$"
)
_GLUED: Final = re.compile(r"[^\W\d]$|\w[-./]$")
_WORD: Final = re.compile(r"[^\W\d_]+|\d[\w.,:/-]*|[.,;:()]")
_SYMBOL: Final = re.compile(rf"\s?([%\u2030]|\u00b0\s?[^\W\d_]?(?![^\W\d_])|[{_MONEY}])")
_NEXT: Final = re.compile(r"[\s-]?([^\W\d_]+)")
_RATE: Final = re.compile(r"(?:\s(?:an?|per|each|every)\s|/)([^\W\d_]+)")
_COMPARED: Final = re.compile(r"[<>=\u2264\u2265\u2260%\u2030]")
_CURRENCIES: Final = words("usd eur gbp chf jpy cny inr sek nok dkk cad aud")
_SCALES: Final = words("hundred thousand million billion trillion dozen k m bn")
_SIDES: Final = words("below above less more fewer under over before after ago late early")
_BOUNDS: Final = _SIDES | words(
    """
about around approximately approx roughly circa nearly almost least most than up between within
minus plus negative max min maximum minimum every until first last
"""
)
_DATING: Final = words("in since until before after by from during early late year") | MONTHS


class Quantity(NamedTuple):
    """A number with what makes it another quantity; a rate, as in "a minute", may be left out."""

    number: str
    sign: str
    bounds: frozenset[str]
    currency: str
    unit: tuple[str, ...]
    rate: str

    def is_said_by(self, other: Quantity) -> bool:
        """Tell whether a source that has `other` says this one."""
        return self[:-1] == other[:-1] and self.rate in {"", other.rate}


def lacks_quantities(sentence: str, source: str) -> bool:
    """Tell whether a sentence has a quantity, or a sign that compares, that its source lacks."""
    said, given = (
        THOUSANDS.sub("", folded(one).replace("\u2212", "-")) for one in (sentence, source)
    )
    if not frozenset(_COMPARED.findall(said)) <= frozenset(_COMPARED.findall(given)):
        return True
    known = [*_quantities(given)]
    return not all(any(map(one.is_said_by, known)) for one in _quantities(said))


def _quantities(text: str) -> Iterator[Quantity]:
    for found in _NUMBER.finditer(text):
        before = text[max(0, found.start() - _BEFORE) : found.start()]
        after = text[found.end() : found.end() + _AFTER]
        ahead = _AHEAD.search(before)
        mark, one, sign, other = ahead.groups() if ahead else ("", "", "", "")
        near = _words_before(before)
        currency = one or other
        if not currency and near and near[-1] in _CURRENCIES:
            currency = near[-1]
        plain = _is_plain(found[0], before, near)
        unit, rate, side = _unit("" if plain else after)
        if unit and (unit[-1] in _CURRENCIES or unit[-1] in {"$", "\u20ac", "\u00a3", "\u00a5"}):
            currency, unit = unit[-1], unit[:-1]
        bounds = frozenset({*near[-_REACH:], side}) & _BOUNDS
        yield Quantity(COUNTS.get(found[0], found[0]), mark + sign, bounds, currency, unit, rate)


def _words_before(before: str) -> list[str]:
    """Return the words before a number, back to the next mark that ends a part."""
    near: list[str] = []
    for one in reversed(_WORD.findall(before)):
        if not one[0].isalnum():
            break
        near.insert(0, one)
    return near


def _is_plain(number: str, before: str, near: list[str]) -> bool:
    """Tell whether a number has no unit: a part of a name, a version, a date."""
    if _GLUED.search(before) or number.count(".") > 1 or number.count("-") > 1:
        return True
    last = near[-1] if near else ""
    return last in MONTHS or (bool(YEAR.fullmatch(number)) and last in _DATING)


def _unit(after: str) -> tuple[tuple[str, ...], str, str]:
    """Return the unit after a number, what it is a rate of, and the side on which it counts."""
    unit: tuple[str, ...] = ()
    at = 0
    if symbol := _SYMBOL.match(after):
        unit, at = ("".join(symbol[1].split()),), symbol.end()
    else:
        while (found := _NEXT.match(after, at)) and found[1] not in DROPPED:
            at = found.end()
            unit = (*unit, *stems_of([found[1]]))
            if found[1] not in _SCALES:
                break
        if unit == ("percent",):
            unit = ("%",)
    rate = _RATE.match(after, at)
    at = rate.end() if rate else at
    side = _NEXT.match(after, at)
    return unit, "".join(stems_of([rate[1]])) if rate else "", side[1] if side else ""
