"""The times of filters: texts, in UTC, at the ends of the calendar too."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from anabranch.api.moment import WorldTime
from anabranch_recall import Filters
from anabranch_recall.filters import Time
from anabranch_thinking.sessions.findings import Time as DraftTime

_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "given",
    [
        *(5, 5.5, True, "5", "+5.", "20260131", " 1e9 ", b"2026", b"2026-01-31T00:00:00Z"),
        *(Decimal(5), Fraction(5), np.int64(5), np.float32(5), [], {}),
    ],
)
@pytest.mark.parametrize("time", [Time, WorldTime, DraftTime], ids=["filter", "request", "draft"])
def test_a_number_is_no_time(time: Any, given: object) -> None:
    """It would be taken for seconds since 1970, which nobody means: on no surface is it."""
    with pytest.raises(ValidationError, match=r"is no time: .* a number is none"):
        TypeAdapter[Any](time).validate_python(given)


@pytest.mark.parametrize("given", ["2026-01-31T00:00:00Z", datetime(2026, 1, 31, tzinfo=UTC)])
@pytest.mark.parametrize("time", [Time, WorldTime, DraftTime], ids=["filter", "request", "draft"])
def test_a_time_is_one_on_each_surface(time: Any, given: object) -> None:
    """A text of RFC 3339 and a time of Python's are."""
    found = TypeAdapter[Any](time).validate_python(given)

    assert found == datetime(2026, 1, 31, tzinfo=UTC)


def test_a_period_does_not_end_before_it_begins() -> None:
    """Nothing would ever answer; one of a single moment is a period, and so is either alone."""
    begin, end = datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 1, 30, tzinfo=UTC)

    with pytest.raises(ValidationError, match="is earlier than since"):
        Filters(since=begin, until=end)

    for given in ({"since": begin, "until": begin}, {"since": begin}, {"until": end}):
        assert Filters.model_validate(given).model_dump(exclude_unset=True) == given


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        (date(2026, 1, 31), datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T01:00:00+02:00", datetime(2026, 1, 30, 23, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", _FIRST),
        ("9999-12-31T23:59:59-12:00", _LAST),
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))), _FIRST),
        (datetime(2026, 1, 31), datetime(2026, 1, 31, tzinfo=UTC)),  # noqa: DTZ001 - that is it.
    ],
)
def test_a_time_is_in_utc(given: object, found: datetime) -> None:
    """One for which UTC has no name is the first or the last that it has."""
    assert Filters.model_validate({"since": given, "valid_at": given}) == Filters(
        since=found, valid_at=found
    )
