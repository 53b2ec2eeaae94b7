"""Parameters in the form the driver gets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

from anabranch_store.errors import InputInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping


_MOST: Final = 2**63 - 1
_LEAST: Final = -(2**63)


class _Unspelt(list[Any]):
    """A list without a spelling.

    The driver spells every parameter of every statement for its log, even when nobody keeps one.
    That costs 4 us a row of a batch and 0.15 ms a vector, while the server waits.
    """

    def __repr__(self) -> str:
        return f"<{len(self)} values>"


def checked_numbers(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `parameters` if the driver can send their numbers. Raises InputInvalid past 64 bits.

    Those within lists are not looked at: what events say was checked when it was stored.
    """
    for name, value in parameters.items():
        if type(value) is int and not _LEAST <= value <= _MOST:
            raise InputInvalid(
                f"{name}: {value} is past 64 bits", field=name, fix="give a smaller number"
            )
    return parameters


def as_given(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return `parameters` in a form for the driver: equal, and quick to pass on."""
    return {
        name: _Unspelt(value) if type(value) is list else value
        for name, value in parameters.items()
    }


def in_utc(value: Any) -> Any:
    """Return `value` with each time of another zone as the same moment in UTC, as times are stored.

    In Cypher a moment in another zone is not equal to it: it is before it or after it.
    """
    if isinstance(value, datetime):
        return value if value.tzinfo in {None, UTC} else value.astimezone(UTC)
    if isinstance(value, dict):
        return {name: in_utc(one) for name, one in cast("dict[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [in_utc(one) for one in cast("list[Any]", value)]
    return value
