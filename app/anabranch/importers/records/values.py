"""Values out of records that nobody vouches for: each asked for by its type, or not there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
import orjson

if TYPE_CHECKING:
    import re

_SECONDS_MAX: Final = 200_000_000_000
_YEAR_MIN: Final = 1970
_YEAR_MAX: Final = 9000
_MILLISECONDS_FROM: Final = 100_000_000_000
_DIGITS_MAX: Final = 19
_WHOLE_MAX: Final = 2**63 - 1


def text_of(value: Any) -> str | None:
    """Return `value` if it is text that is not blank."""
    return value if isinstance(value, str) and value.strip() else None


def object_of(value: Any) -> dict[str, Any]:
    """Return `value` if it is a JSON object, else an empty one."""
    found: dict[str, Any] = value if isinstance(value, dict) else {}
    return found


def list_of(value: Any) -> list[Any]:
    """Return `value` if it is a list, else an empty one."""
    found: list[Any] = value if isinstance(value, list) else []
    return found


def kind_of(value: dict[str, Any], name: str = "type") -> str:
    """Return the text of a field that names a record's kind; empty where it says nothing."""
    kind = value.get(name)
    return kind if isinstance(kind, str) else ""


def objects_of(value: Any) -> list[dict[str, Any]]:
    """Return the JSON objects of a list."""
    return [one for one in list_of(value) if isinstance(one, dict)]


def json_of(value: Any) -> Any:
    """Return the JSON value that a text holds; None where it holds none."""
    if not isinstance(value, (str, bytes)):
        return None
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return None


def whole_number_of(value: Any) -> int | None:
    """Return a whole number of 64 bits, given as such or in decimal digits, else None.

    A longer one is no JSON that others read, and Python refuses to read 4,301 digits.
    """
    if isinstance(value, str):
        digits = value.removeprefix("-")
        is_short = digits.isascii() and digits.isdecimal() and len(digits) <= _DIGITS_MAX
        value = int(value) if is_short else None
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return value if is_whole and -_WHOLE_MAX - 1 <= value <= _WHOLE_MAX else None


def failed_by(exit_code: re.Match[str] | None) -> bool | None:
    """Tell whether a command failed by the exit code that was found; None is not known."""
    code = whole_number_of(exit_code[1]) if exit_code else None
    return None if code is None else code != 0


def time_of(value: Any) -> datetime | None:
    """Return a time: ISO 8601, or seconds or milliseconds since 1970; UTC if no zone is named."""
    if isinstance(value, str):
        try:
            time = datetime.fromisoformat(value)
        except ValueError:
            return None
        if not _YEAR_MIN <= time.year <= _YEAR_MAX:
            return None
        return time if time.tzinfo else time.replace(tzinfo=UTC)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = value / 1000 if value > _MILLISECONDS_FROM else value
        if 0 < seconds < _SECONDS_MAX:
            return datetime.fromtimestamp(seconds, UTC)
    return None


def said_in(content: Any, *, kinds: tuple[str, ...] = ("text",)) -> str | None:
    """Return the text of a message's content: itself, or its parts of these kinds, joined."""
    if isinstance(content, str):
        return text_of(content)
    parts = [
        found
        for part in objects_of(content)
        if part.get("type") in kinds and (found := text_of(part.get("text")))
    ]
    return "\n\n".join(parts) or None


def output_of(content: Any) -> str:
    """Return what a tool gave as text: itself, its text parts, or its JSON; it may be undecoded."""
    if isinstance(content, msgspec.Raw):
        content = _decoded(content)
    if isinstance(content, str):
        return content
    if content is None:
        return ""
    found = said_in(content, kinds=("text", "input_text", "output_text"))
    return found if found is not None else orjson.dumps(content, default=str).decode()


def _decoded(raw: msgspec.Raw) -> Any:
    try:
        return orjson.loads(memoryview(raw))
    except orjson.JSONDecodeError:  # JSON, with a number or a depth that is past its limits.
        return bytes(raw).decode(errors="replace")
