"""Dates that a question names, and how well a day fits them."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anabranch_recall.moment import Floats, Mask

NO_DAY: Final = np.iinfo(np.int32).min
WEEK: Final = 7
_MONTHS: Final = (
    "january february march april may june july august september october november december"
)
_MONTH_NAMES: Final = {
    name: number
    for number, month in enumerate(_MONTHS.split(), start=1)
    for name in {month, month[:3]}
} | {"sept": 9}
_YEAR: Final = r"(?:19|20)\d\d"
_NAMED: Final = "|".join(sorted(_MONTH_NAMES, key=len, reverse=True))
_ISO: Final = re.compile(rf"\b({_YEAR})-(\d\d)(?:-(\d\d))?\b")
_MONTH_FIRST: Final = re.compile(
    rf"\b({_NAMED})\b\.?(?:\s+(\d{{1,2}})(?:st|nd|rd|th)?\b(?!\s*:))?(?:,?\s+(?:of\s+)?({_YEAR})\b)?",
    re.IGNORECASE,
)
_DAY_FIRST: Final = re.compile(
    rf"\b(\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?({_NAMED})\b\.?(?:,?\s+({_YEAR})\b)?",
    re.IGNORECASE,
)
_YEAR_ALONE: Final = re.compile(rf"\b({_YEAR})\b")
# Words that are months only where a capital or a number says so.
_AMBIGUOUS: Final = frozenset({"may", "march", "mar", "sep", "dec", "jan", "jun", "jul", "oct"})


class Named(NamedTuple):
    """The named parts of a date: a year, a month, a day of a month, or more of these."""

    year: int | None = None
    month: int | None = None
    day: int | None = None


def dates_in(text: str) -> list[Named]:
    """Return the dates that `text` names, each once."""
    found: dict[Named, None] = {}
    for each in _ISO.finditer(text):
        found[Named(int(each[1]), int(each[2]), int(each[3]) if each[3] else None)] = None
    rest = _ISO.sub(" ", text)
    for each in _DAY_FIRST.finditer(rest):
        found[Named(_number(each[3]), _MONTH_NAMES[each[2].lower()], int(each[1]))] = None
    rest = _DAY_FIRST.sub(" ", rest)
    for each in _MONTH_FIRST.finditer(rest):
        if _is_month(each):
            found[Named(_number(each[3]), _MONTH_NAMES[each[1].lower()], _number(each[2]))] = None
    if not found:
        found |= {Named(int(each[1])): None for each in _YEAR_ALONE.finditer(rest)}
    return [each for each in found if _possible(each)]


def closeness(days: NDArray[np.int32], dates: list[Named]) -> Floats:
    """Return how well each day (since 1970) fits the nearest of `dates`, between 0 and 1.

    A year or a month fits or does not. A day of a month falls off over a week on either side.
    """
    fits = np.zeros(len(days))
    for each in dates:
        np.maximum(fits, _fit(days, each), out=fits)
    fits[days == NO_DAY] = 0.0
    return fits


def _fit(days: NDArray[np.int32], named: Named) -> Floats:
    if named.year is not None:
        first = _since_1970(date(named.year, named.month or 1, named.day or 1))
        if named.day is not None:
            fits: Floats = np.maximum(0.0, 1.0 - np.abs(days.astype(np.float64) - first) / WEEK)
            return fits
        following = (named.year, named.month + 1) if named.month else (named.year + 1, 1)
        year, month = following if following[1] <= 12 else (following[0] + 1, 1)
        within: Mask = (days >= first) & (days < _since_1970(date(year, month, 1)))
        return within.astype(np.float64)
    return _fit_any_year(days, named)


def _fit_any_year(days: NDArray[np.int32], named: Named) -> Floats:
    known = np.where(days == NO_DAY, 0, days).astype("datetime64[D]")
    if named.day is None:
        months = known.astype("datetime64[M]").astype(np.int64) % 12 + 1
        fitting: Mask = months == named.month
        return fitting.astype(np.float64)
    years = known.astype("datetime64[Y]").astype(np.int64) + 1970
    best = np.zeros(len(days))
    for year in np.unique(years):
        if _exists(int(year), named):
            best = np.maximum(best, _fit(days, named._replace(year=int(year))))
    return best


def _is_month(found: re.Match[str]) -> bool:
    name = found[1]
    return name.lower() not in _AMBIGUOUS or name[0].isupper() or found[2] is not None


def _number(text: str | None) -> int | None:
    return int(text) if text else None


def _possible(named: Named) -> bool:
    return _exists(named.year or 2000, named)


def _exists(year: int, named: Named) -> bool:
    try:
        date(year, named.month or 1, named.day or 1)
    except ValueError:
        return False
    return True


def _since_1970(day: date) -> int:
    return (day - date(1970, 1, 1)).days
