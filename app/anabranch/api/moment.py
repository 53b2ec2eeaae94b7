"""Times and moments as requests have them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator

from anabranch.api.choices import said_once
from anabranch_events.event.identifiers import Position, in_utc, no_number

_FIX: Final = "give a position from 0 on, or a time such as 2026-01-31T12:00:00Z"

WorldTime = Annotated[datetime, BeforeValidator(no_number), AfterValidator(in_utc)]
"""A time as text, in UTC where it names no zone: a number is none, and no position."""

Moment = Annotated[Position | WorldTime, said_once("is neither a position nor a time", fix=_FIX)]
"""A position of the log, or a time."""
