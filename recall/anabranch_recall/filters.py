"""Filters: conditions on the insights that may answer, beside scope and position.

They are applied before anything is ranked, so none costs results.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import MINYEAR, UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Final, Self, TypedDict

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)
from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from collections.abc import Sequence

DERIVED: Final = "derived"
"""The kind of insights that only repeat others: the built-in executor's, for one."""

_NUMBER: Final = re.compile(r"\s*[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?\s*")
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)


def _no_number(value: object) -> object:
    """Return a time of Python's or a text, but no number: pydantic takes one for seconds."""
    if isinstance(value, date) or (isinstance(value, str) and not _NUMBER.fullmatch(value)):
        return value
    raise ValueError("is no time: give one such as 2026-01-31T12:00:00Z; a number is none")


def _in_utc(value: datetime) -> datetime:
    """Return a time in UTC; one for which UTC has no name is the first or last that it has."""
    if value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    try:
        return value.astimezone(UTC)
    except OverflowError:
        return _FIRST if value.year == MINYEAR else _LAST


def _composed(value: str) -> str:
    return unicodedata.normalize("NFC", value)


Name = Annotated[str, AfterValidator(_composed)]
"""A tag, an agent or a role; composed and decomposed characters are alike."""
Time = Annotated[datetime, AfterValidator(_in_utc), BeforeValidator(_no_number)]
"""A time, in UTC where it names no zone; a number is none."""


class Filters(BaseModel):
    """Conditions on the insights that may answer; all that are given must hold.

    An insight carries every one of `tags`, and is of one of `kinds`; without these, derived
    insights are left out. It was recorded in the name of `agent`, in a session with `role`, from
    `since` on and up to `until`, which comes no earlier. `valid_at` is a moment in the world at
    which it must hold.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tags: tuple[Name, ...] = ()
    kinds: tuple[str, ...] = ()
    agent: Name | None = None
    role: Name | None = None
    confidence_min: Annotated[float, Field(ge=0, le=1)] = 0.0
    since: Time | None = None
    until: Time | None = None
    valid_at: Time | None = None

    @model_validator(mode="after")
    def _ends_after_it_began(self) -> Self:
        if self.since is not None and self.until is not None and self.until < self.since:
            raise PydanticCustomError(
                "crossed",
                "is earlier than since, so nothing would ever answer",
                {"field": "until", "fix": "give a later until, or an earlier since"},
            )
        return self

    @property
    def kinds_left_out(self) -> tuple[str, ...]:
        """The kinds that do not answer."""
        return () if self.kinds else (DERIVED,)


class FilterFields(TypedDict, total=False):
    """The filters of a recall, as keyword arguments: the fields of `Filters`."""

    tags: Sequence[str]
    kinds: Sequence[str]
    agent: str | None
    role: str | None
    confidence_min: float
    since: datetime | None
    until: datetime | None
    valid_at: datetime | None


NO_FILTERS: Final = Filters()
