"""Values that stand on a command line."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, cast

import orjson

from anabranch.errors import InputInvalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pydantic import JsonValue

    from anabranch_thinking import InsightDraft

LEVELS_MAX: Final = 250
"""Levels of JSON that can be stored: orjson writes 254, with those of the event around it."""
_DAYS: Final = re.compile(r"(.*)d")
_NUMBER: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?")


def json_or_text(text: str, *, field: str = "value") -> JsonValue:
    """Return the JSON value that `text` is, or the text itself when it is none.

    orjson knows JSON better than Python's reader, but reads long whole numbers as floats. Raises
    InputInvalid for what is nested deeper than it can be stored, which that reader may not read.
    """
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    if _levels(found) > LEVELS_MAX:
        raise InputInvalid(
            f"{field}: its JSON is nested too deeply",
            field=field,
            fix=f"nest it in at most {LEVELS_MAX} levels",
        )
    return cast("JsonValue", json.loads(text))


def _levels(value: JsonValue) -> int:
    """Return in how many lists and objects the innermost value stands."""
    levels, values = 0, [value]
    while values := [one for value in values for one in _within(value)]:
        levels += 1
    return levels


def _within(value: JsonValue) -> Iterable[JsonValue]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def moment(text: str | None, *, field: str = "as_of") -> int | datetime | None:
    """Return a position, or a time: ISO 8601, in UTC where it names no zone.

    Raises InputInvalid.
    """
    if text is None:
        return None
    from anabranch.past.as_of import moment_in

    return moment_in(text, field=field)


def time(text: str | None, *, field: str) -> datetime | None:
    """Return a time: ISO 8601, in UTC where it names no zone. Raises InputInvalid."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputInvalid(
            f"{field}: {text!r} is not a time",
            field=field,
            fix="give a time such as 2026-01-31T12:00:00Z, or a day such as 2026-01-31",
        ) from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def drafts(text: str) -> list[InsightDraft]:
    """Return an insight for each line that is not empty: JSON of its fields, or its text.

    Raises InputInvalid naming the line.
    """
    from anabranch_thinking import draft_of

    found: list[InsightDraft] = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            value = json_or_text(line) if line.lstrip().startswith("{") else line.strip()
            if isinstance(value, dict):
                found.append(draft_of(cast("str", value.pop("text", "")), value))
            elif isinstance(value, str) and value:
                found.append(draft_of(value))
        except InputInvalid as error:
            raise InputInvalid(
                f"line {number}: {error.message}", field=error.field, fix=error.fix
            ) from error
    return found


def parameters(given: Sequence[str]) -> dict[str, JsonValue]:
    """Return `k=v` pairs as a dictionary; a value that is JSON is read as that.

    Raises InputInvalid.
    """
    found: dict[str, JsonValue] = {}
    for pair in given:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise InputInvalid(
                f"param: {pair!r} is not name=value", field="param", fix="write --param name=value"
            )
        found[name] = json_or_text(value, field="param")
    return found


def retention_rules(given: Sequence[str]) -> list[Mapping[str, object]]:
    """Return the rules of retention that `[KIND=]BOUND` says: `365d`, `10000`, or both.

    `all` is no rule. Raises InputInvalid.
    """
    if list(given) == ["all"]:
        return []
    return [_rule(one) for one in given]


def _rule(text: str) -> Mapping[str, object]:
    kind, _, bounds = text.rpartition("=")
    found: dict[str, object] = {"kind": kind} if kind else {}
    for bound in bounds.split(","):
        days = _DAYS.fullmatch(bound.strip())
        name = "count" if days is None else "age_days"
        value = bound.strip() if days is None else days[1]
        if name in found or not _NUMBER.fullmatch(value):
            raise InputInvalid(
                f"keep: {text!r} is no bound",
                field="keep",
                fix="write 365d for an age in days, 10000 for a number, 365d,10000 for both, "
                "with KIND= in front for one kind; or `all` alone, to keep everything",
            )
        found[name] = float(value)
    return found
