"""Times and moments as requests have them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

from anabranch_events.event.identifiers import Position, in_utc, no_number

_FIX: Final = "give a position from 0 on, or a time such as 2026-01-31T12:00:00Z"

WorldTime = Annotated[datetime, BeforeValidator(no_number), AfterValidator(in_utc)]
"""A time as text, in UTC where it names no zone: a number is none, and no position."""


def _either(value: object, checked: ValidatorFunctionWrapHandler) -> object:
    """Complain once of a value that is neither, not for each of the two."""
    try:
        return checked(value)
    except ValidationError:
        raise PydanticCustomError(
            "moment", "is neither a position nor a time", {"fix": _FIX}
        ) from None


Moment = Annotated[Position | WorldTime, WrapValidator(_either)]
"""A position of the log, or a time."""
