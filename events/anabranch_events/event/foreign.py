"""CloudEvents of other producers, read as ours: every valid one of 1.0 is taken.

They may leave out what their place in the log says, have ids that are no UUID, and data as base64.
Attributes of their own are kept.
"""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from anabranch_events.errors import EventInvalid
from anabranch_events.event.identifiers import canonical_uuid, checked_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

_IDS: Final = uuid.UUID("6f1c3f3e-6f0b-5d0e-9d0a-616e61627261")
_JSON: Final = re.compile(r"\s*[\w.+-]+/(?:[\w.+-]+\+)?json\s*(?:;.*)?", re.IGNORECASE | re.DOTALL)
_NAME: Final = re.compile(r"[a-z0-9]+")
_LEAP_SECOND: Final = re.compile(r"\A(\S{16}):60(?:\.[0-9]+)?(?=[Zz+-])")
_INTEGER: Final = range(-(2**31), 2**31)


class Place(NamedTuple):
    """The place of a message in the log: it says what an event may leave out."""

    namespace: str
    session_id: str
    stored_at: datetime


def completed(fields: Mapping[str, Any], place: Place | None) -> dict[str, Any]:
    """Return the attributes of a CloudEvent with those that its place gives, and a UUID as its id.

    A member that is null is an attribute that is not there. Session and namespace are those of the
    subject it was published on, its time is that of the append. A leap second, which Python's
    calendar has not, is the end of the second before.
    """
    found = {name: value for name, value in fields.items() if value is not None}
    if place is not None:
        found.setdefault("subject", place.session_id)
        found.setdefault("namespace", place.namespace)
        found.setdefault("time", place.stored_at)
    if isinstance(time := found.get("time"), str):
        found["time"] = _LEAP_SECOND.sub(r"\1:59.999", time)
    if isinstance(given := found.get("id"), str) and given:
        found["id"] = uuid_of(given, source=str(found.get("source", "")))
    return found


def uuid_of(event_id: str, *, source: str) -> str:
    """Return an event's id as a UUID: itself, or the one that source and id always give."""
    try:
        return canonical_uuid(event_id)
    except ValueError:
        return str(uuid.uuid5(_IDS, f"{source}\n{event_id}"))


def take_json(fields: dict[str, Any], *, fix: str) -> Any:
    """Take the data out of the attributes, with what says how they are written.

    Raises EventInvalid where they are no JSON.
    """
    content = fields.pop("datacontenttype", "application/json")
    if not isinstance(content, str) or not _JSON.fullmatch(content):
        raise EventInvalid("the data is not JSON", field="datacontenttype", fix=fix)
    encoded = fields.pop("data_base64", None)
    data = fields.pop("data", None)
    if encoded is None:
        return data
    if data is not None:
        raise EventInvalid("the event has data twice", field="data_base64", fix=fix)
    try:
        return orjson.loads(base64.b64decode(encoded, validate=True))
    except (TypeError, ValueError, binascii.Error) as error:
        raise EventInvalid(f"data_base64: {error}", field="data_base64", fix=fix) from error


def check_extensions(fields: Mapping[str, Any], *, ours: Collection[str], fix: str) -> None:
    """Raise EventInvalid where an attribute that is not one of `ours` cannot be one at all."""
    for name, value in fields.items():
        if name not in ours:
            try:
                checked_extension(name, value)
            except ValueError as error:
                raise EventInvalid(str(error), field=name or "message", fix=fix) from error


def checked_extension(name: str, value: object) -> None:
    """Raise ValueError for an attribute that CloudEvents 1.0 knows no form for."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name}: an attribute has a name of a-z and 0-9")
    if name == "dataref":
        raise ValueError("dataref: the data it stands for is not in the object store")
    if isinstance(value, bool) or (isinstance(value, int) and value in _INTEGER):
        return
    if not isinstance(value, str):
        raise ValueError(  # noqa: TRY004 - pydantic takes a ValueError for a broken rule.
            f"{name}: an attribute is a text, a whole number of 32 bits or a boolean"
        )
    try:
        checked_text(f"x{value}")  # It may be blank.
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
