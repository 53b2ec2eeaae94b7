"""Identifiers and names: their form, and the source of new ones."""

from __future__ import annotations

import re
import unicodedata
import uuid
from datetime import UTC, date, datetime
from typing import Annotated

import orjson
import uuid_utils
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    JsonValue,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

NAMESPACE_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,64}")
LABEL_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/=+@-]{0,63}")
NAMESPACE_LENGTH_MAX = 64
RESERVED_NAMESPACE = "_anabranch"
"""The namespace of events about namespaces; nobody else may write there."""
DELETIONS_SESSION = "a9a7bcdd-e1e7-8000-8000-00000000de1e"
"""The session in the reserved namespace that holds the ends of namespaces."""
SEALS_SESSION = "5ea15bcd-e1e7-8000-8000-000000005ea1"
"""The session in the reserved namespace that says which namespaces are sealed."""
TEXT_LENGTH_MAX = 4 * 1024 * 1024
NAME_LENGTH_MAX = 256
_WHOLE_ID = "give an id whole, such as 01a22add-bd99-7361-9488-6757ff2aa449"
_DIGITS_AS_H = bytes.maketrans(b"0123456789abcdefh", b"h" * 16 + b"?")
_CANONICAL_UUID = b"hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh"
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")
_NUMBER = re.compile(r"\s*[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?\s*")
_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def new_id() -> str:
    """Return a new UUIDv7 as lower-case text with hyphens: ids sort by the time they were made."""
    return str(uuid_utils.uuid7())


def is_canonical_uuid(value: str) -> bool:
    """Tell whether `value` is a UUID as lower-case text with hyphens: every event has several."""
    return value.isascii() and value.encode().translate(_DIGITS_AS_H) == _CANONICAL_UUID


def canonical_uuid(value: str) -> str:
    """Return `value` as lower-case text with hyphens; any UUID version is taken.

    Raises ValueError when it is not a UUID.
    """
    if is_canonical_uuid(value):
        return value
    if not _UUID.fullmatch(value):
        raise PydanticCustomError(
            "no_uuid", "{shown} is not a UUID", {"shown": _shown(value), "fix": _WHOLE_ID}
        )
    return str(uuid.UUID(value))


def checked_namespace(value: str) -> str:
    """Return `value` if it can be a namespace: 1 to 64 of A-Z, a-z, 0-9, `_` and `-`."""
    if not NAMESPACE_PATTERN.fullmatch(value):
        raise ValueError(
            f"{_shown(value)} is not a namespace: use 1 to 64 letters, digits, hyphens or underscores"
        )
    return value


def checked_own_namespace(value: str) -> str:
    """Return `value` if it can be a user's namespace: one that is not reserved."""
    if value == RESERVED_NAMESPACE:
        raise ValueError(f"{value!r} is reserved: use another name")
    return checked_namespace(value)


def checked_label(value: str) -> str:
    """Return `value` if it can be a label: 1 to 64 of A-Z, a-z, 0-9 and `. _ : / = + @ -`.

    It begins with a letter or a digit.
    """
    if not LABEL_PATTERN.fullmatch(value):
        raise ValueError(
            f"{_shown(value)} is not a label: use 1 to 64 letters, digits or any of . _ : / = + @ -, "
            "a letter or digit first"
        )
    return value


def checked_text(value: str) -> str:
    """Return `value` if it is text that says something and can be stored.

    Blank text, control characters other than tab and line ends, and lone surrogates are refused.
    """
    if not value.strip():
        raise PydanticCustomError("empty", "is empty")
    found = _NOT_TEXT.search(value)
    if found:
        raise ValueError(
            f"holds U+{ord(found[0]):04X} at character {found.start()}: control characters other "
            "than tab and line ends, and lone surrogates, are not text"
        )
    return value


def whole_milliseconds(value: datetime) -> datetime:
    """Return `value` in UTC, cut to milliseconds: the precision of every store."""
    try:
        utc = value if value.tzinfo is UTC else value.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{value.isoformat()} lies outside of the years 1 to 9999") from None
    beyond = utc.microsecond % 1000
    return utc.replace(microsecond=utc.microsecond - beyond) if beyond else utc


def in_utc(value: object) -> object:
    """Return a time of Python's that names no zone as one in UTC, anything else as it is."""
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value


def no_truth(value: object) -> object:
    """Return what is neither true nor false: pydantic takes these for the numbers 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("is no number: give one; true and false are none")  # noqa: TRY004 - a complaint of pydantic.
    return value


def no_number(value: object) -> object:
    """Return a time of Python's or a text as it is given, unless the text is a number.

    Pydantic takes one for seconds since 1970: "2026" and "20261130" are times of that year, in UTC
    (findings/pydantic_takes_a_year_for_seconds_of_1970.sh). Events that are stored are read so.
    """
    if isinstance(value, date) or (isinstance(value, str) and not _NUMBER.fullmatch(value)):
        return value
    raise ValueError("is no time: give one such as 2026-01-31T12:00:00Z; a number is none")


def checked_json(value: JsonValue) -> JsonValue:
    """Return `value` if it comes back the same from JSON.

    NaN, infinities, whole numbers past 64 bits, lone surrogates and very deep nesting do not.
    """
    try:
        same = orjson.loads(orjson.dumps(value)) == value
    except (orjson.JSONEncodeError, orjson.JSONDecodeError) as error:
        raise ValueError(f"cannot be kept as JSON: {error}") from error
    if not same:
        raise ValueError("cannot be kept as JSON: it holds NaN or an infinity")
    return value


def _shown(value: str) -> str:
    """Return `value` in the form that errors quote: printable and short."""
    return ascii(value if len(value) <= NAMESPACE_LENGTH_MAX else f"{value[:60]}...")


Identifier = Annotated[
    str, AfterValidator(canonical_uuid), WithJsonSchema({"type": "string", "format": "uuid"})
]
"""A UUID as canonical text."""

Namespace = Annotated[
    str,
    AfterValidator(checked_namespace),
    WithJsonSchema({"type": "string", "pattern": f"^{NAMESPACE_PATTERN.pattern}$"}),
]
"""The isolation boundary: a tenant or a project."""

OwnNamespace = Annotated[
    str,
    AfterValidator(checked_own_namespace),
    WithJsonSchema({"type": "string", "pattern": f"^{NAMESPACE_PATTERN.pattern}$"}),
]
"""A namespace that a user may name: any but the reserved one."""

Name = Annotated[str, Field(max_length=NAME_LENGTH_MAX), AfterValidator(checked_text)]
"""A short label: a role, an agent, a kind, a tag, a key."""

Label = Annotated[
    str,
    AfterValidator(checked_label),
    WithJsonSchema({"type": "string", "pattern": f"^{LABEL_PATTERN.pattern}$"}),
]
"""A name for a thing that a worker has and a branch may want: `gpu`, `region=eu`."""

Text = Annotated[str, Field(max_length=TEXT_LENGTH_MAX), AfterValidator(checked_text)]
"""Text for people and models; past 512 KiB its event goes through the object store."""

Position = Annotated[int, Field(ge=0)]
"""An event's stream sequence: 1 for the first event, 0 for "before everything"."""

Moment = Annotated[AwareDatetime, AfterValidator(whole_milliseconds)]
"""A time with its zone, kept in UTC and whole milliseconds."""

GivenMoment = Annotated[AwareDatetime, BeforeValidator(in_utc), AfterValidator(whole_milliseconds)]
"""A time that people give: one of Python's without a zone is in UTC, a text names its zone."""

Json = Annotated[JsonValue, AfterValidator(checked_json)]
"""Any value that JSON can hold."""


def composed(text: str) -> str:
    """Return a name, a tag or a key in one spelling of its characters: Unicode's NFC."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)
