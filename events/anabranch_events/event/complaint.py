"""Complaints of pydantic in our words: the field, the rule it breaks, and the fix."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from anabranch_events.errors import InputInvalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydantic_core import ErrorDetails

_COMPLAINTS_TOLD: Final = 3
_EMPTY: Final = "empty"
_KEY_MAX: Final = 40
_UNKNOWN: Final = "extra_forbidden"
_BOUNDS: Final = {
    "greater_than": ("gt", "more than {:.15g}"),
    "greater_than_equal": ("ge", "at least {:.15g}"),
    "less_than": ("lt", "less than {:.15g}"),
    "less_than_equal": ("le", "at most {:.15g}"),
    "string_too_long": ("max_length", "text of at most {:,} characters"),
    "string_too_short": ("min_length", "text of at least {:,} characters"),
    "too_short": ("min_length", "at least {:,} in number"),
    "too_long": ("max_length", "at most {:,} in number"),
    "literal_error": ("expected", "{}"),
    "enum": ("expected", "{}"),
}
_KINDS: Final = {
    "bool": "true or false",
    "date": "a date such as 2026-01-31",
    "datetime": "a time such as 2026-01-31T12:00:00Z",
    "dict": "an object",
    "float": "a number",
    "int": "a whole number",
    "list": "a list",
    "model": "an object",
    "string": "a text",
    "timezone": "a time that names its zone, such as 2026-01-31T12:00:00Z",
    "tuple": "a list",
}
_MISTAKEN: Final = ("type", "parsing", "from_float", "from_date_parsing", "aware")
"""The ends of complaints about a value that is not of the kind."""


def rule_of(complaint: ErrorDetails) -> str | None:
    """Return what a value must be, such as `at least 1`; None where pydantic's words must do."""
    kind = complaint["type"]
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        try:
            return words.format(complaint.get("ctx", {})[name])
        except (TypeError, ValueError):  # The bound is no number, but a time or a text.
            return None
    if kind == "finite_number":
        return "a finite number"
    of, _, mistaken = kind.partition("_")
    return _KINDS.get(of) if mistaken in _MISTAKEN else None


def is_empty(complaint: ErrorDetails) -> bool:
    """Tell whether something had to be written, and nothing was."""
    if complaint["type"] == "string_too_short":
        return bool(complaint.get("ctx", {})["min_length"] == 1)
    return complaint["type"] == _EMPTY


def input_invalid(
    error: ValidationError,
    *,
    whole: str | None = None,
    known: Iterable[str] = (),
    within: Sequence[str | int] = (),
) -> InputInvalid:
    """Translate pydantic's complaints into ours: the fields, the problems, the fix.

    The first few are named, for one may be the cause of another; `field` is that of the first.
    A rule over several fields names one of them, and the fix, in its context. `whole` names the
    value that was checked, for a complaint about no single field of it. `known` are the fields
    that it may have, for one that it may not. `within` is the place of that value.
    """
    complaints = _caused(error.errors(include_url=False))
    told: dict[str, str] = {}
    for one in complaints[:_COMPLAINTS_TOLD]:
        field = _field(one) or _of_rule(one, "field") or whole or error.title
        told.setdefault(".".join(map(str, (*within, field))), _problem(one))
    more = len(complaints) - _COMPLAINTS_TOLD
    said = "; ".join(f"{field}: {problem}" for field, problem in told.items())
    return InputInvalid(
        f"{said} (and {more} more)" if more > 0 else said,
        field=next(iter(told)),
        fix=_fix(complaints, [*told], known=tuple(known)),
    )


def in_words(error: Exception) -> str:
    """Return what an error says: pydantic's in our words and in one line, any other as it is."""
    return str(input_invalid(error) if isinstance(error, ValidationError) else error)


def _caused(complaints: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out that a list is too short where that is so for an item in it that is wrong."""
    wrong = {one["loc"][:-1] for one in complaints}
    return [one for one in complaints if one["type"] != "too_short" or one["loc"] not in wrong]


def _field(complaint: ErrorDetails) -> str:
    """Return the place of a value; for a key that breaks a rule, that of its object."""
    place = complaint["loc"]
    return ".".join(map(_part, place[:-2] if _of_a_key(complaint) else place))


def _part(part: str | int) -> str:
    """Return a part of a place; a blank key is quoted, for between dots nobody sees it."""
    return str(part) if str(part).strip() else repr(part)


def _cut(key: object) -> str:
    """Return the beginning of a key, quoted."""
    said = str(key)
    return repr(said if len(said) <= _KEY_MAX else f"{said[:_KEY_MAX]}…")


def _of_a_key(complaint: ErrorDetails) -> bool:
    """Tell whether a key of an object breaks the rule, and no value."""
    return len(complaint["loc"]) > 1 and complaint["loc"][-1] == "[key]"


def _fix(complaints: Sequence[ErrorDetails], fields: Sequence[str], *, known: Sequence[str]) -> str:
    first = complaints[0]
    if _of_a_key(first):
        fields = [f"each key of {fields[0]}", *fields[1:]]
    if _is_text_for_list(first):
        return "put it into a list"
    if first["type"] == _UNKNOWN and known and len(first["loc"]) == 1:
        near = difflib.get_close_matches(str(first["loc"][0]), known, n=1)
        return f"say {near[0]}" if near else f"it may be {', '.join(known)}"
    if first["type"] == _UNKNOWN:
        return f"leave {fields[0]} out, or look for another spelling"
    if said := _of_rule(first, "fix"):
        return said
    if is_empty(first):
        return f"write something for {fields[0]}"
    if (rule := rule_of(first)) and len(complaints) == 1:
        return f"for {fields[0]} give {rule}"
    verb = "give" if all(one["type"] == "missing" for one in complaints) else "correct"
    return f"{verb} {' and '.join(fields)}"


def _of_rule(complaint: ErrorDetails, name: str) -> str | None:
    found = complaint.get("ctx", {}).get(name)
    return found if isinstance(found, str) else None


def _problem(complaint: ErrorDetails) -> str:
    if _of_a_key(complaint):
        return f"the key {_cut(complaint['loc'][-2])} {_broken(complaint)}"
    return _broken(complaint)


def _broken(complaint: ErrorDetails) -> str:
    if _is_text_for_list(complaint):
        return "is a text, not a list of them"
    if complaint["type"] == _UNKNOWN:
        return "is not known here"
    if is_empty(complaint):
        return "is empty"
    if rule := rule_of(complaint):
        return f"must be {rule}"
    return complaint["msg"].removeprefix("Value error, ")


def _is_text_for_list(complaint: ErrorDetails) -> bool:
    return complaint["type"] == "tuple_type" and isinstance(complaint["input"], str)
