"""A stretch of the log, or of time: its end may not come before its beginning."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from anabranch_events.errors import InputInvalid

if TYPE_CHECKING:
    from datetime import datetime

    from anabranch.backend.backend import Backend

Place = TypeVar("Place", int, "datetime")


def check_order(begin: Place, end: Place, *, fields: tuple[str, str]) -> None:
    """Raise InputInvalid for an end before the beginning; `fields` are the names of the two."""
    if end < begin:
        first, last = fields
        raise InputInvalid(
            f"{last}: {end} is earlier than {first}, which is {begin}",
            field=last,
            fix=f"give a later {last}, or an earlier {first}",
        )


async def check_stretch(
    backend: Backend, after: int, to: int | None, *, fields: tuple[str, str] = ("after", "to")
) -> None:
    """Raise PositionFromFuture or InputInvalid for positions that are no stretch of the log."""
    await backend.checked_position(after, field=fields[0])
    if to is not None:
        await backend.checked_position(to, field=fields[1])
        check_order(after, to, fields=fields)
