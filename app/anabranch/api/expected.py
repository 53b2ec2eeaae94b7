"""The position that a session is expected to stand at, as a header says it."""

from __future__ import annotations

from typing import Final

from anabranch_events.errors import InputInvalid

EXPECTED: Final = "Anabranch-Expected"
_DIGITS_MAX: Final = 19


def expected_in(given: str | None) -> int | None:
    """Return the position that the header holds, if it was sent. Raises InputInvalid."""
    if given is None:
        return None
    if not (given.isascii() and given.isdecimal() and len(given) <= _DIGITS_MAX):
        raise InputInvalid(
            f"{EXPECTED}: is no position",
            field=EXPECTED,
            fix="give the session's last position, or 0 for a new session",
        )
    return int(given)
