"""Sealed documents, opened with what is left of their keys.

Nothing in a stored message proves who wrote it. So a document is refused where a box was changed or
is another event's. So is one that says something outside the boxes, for nothing would erase that.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import orjson

from anabranch_events.errors import EventInvalid
from anabranch_events.event.codec import decode, dumped
from anabranch_events.event.content import nothing_said
from anabranch_events.event.envelope import Event
from anabranch_events.event.fast_codec import REFUSALS, vouched_event_decoder
from anabranch_events.event.registry import EVENT_TYPES
from anabranch_events.event.sealing import (
    AT,
    ATTRIBUTES,
    BOX,
    DATA,
    DOCUMENT,
    FIX,
    JSON,
    KEY_BYTES,
    NONCE_BYTES,
    QUOTE,
    SEALED,
    SEALING,
    SOURCE,
    cipher,
    facts_within,
    parts,
    token_of,
    unreadable,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from anabranch_events.event.fast_codec import Decoder
    from anabranch_events.event.foreign import Place
    from anabranch_events.event.types import EventData

_BASE64: Final = msgspec.json.Decoder(bytes)
"""Stricter than binascii, and twice as fast."""
_NO_KEY: Final = frozenset((b"", bytes(KEY_BYTES)))
_TYPE: Final = b'"type":"'
_TYPES_MAX: Final = 1024
_COMMA: Final = ord(",")
_ESCAPE: Final = b"\\"
_SLOT: Final = re.compile(rb"[0-9]{1,9}")
_ONE_BOX: Final = b"%b{%b%b." % (JSON, BOX, DATA)
"""The start of data whose first box is their own."""
_BOX: Final = len(JSON) + len(b"{")
_TOKEN: Final = len(_ONE_BOX)
"""The places of the box and of its slot there."""
_PLAIN_STRING: Final = rb'"[^"\\\x7f\xc2]*"'
_SMALL_NUMBER: Final = rb"(?:0|[1-9][0-9]{0,8})(?:\.(?:0|[0-9]{0,3}[1-9]))?"
_VALUE: Final = b"(?:%b|%b|true|false|null|\\[(?:%b,?)*\\])" % (
    *(_PLAIN_STRING, _SMALL_NUMBER, _PLAIN_STRING),
)
"""A value in our own spelling, whose strings are plain as `is_plain` means it."""
_READABLE: Final = frozenset(
    {
        *("specversion", "id", SEALING, "source", "type", "subject", "time", "namespace"),
        *("correlationid", "causationid", "agent", "datacontenttype", "data", SEALED),
    }
)
"""The attributes that stand outside boxes."""


class Opened(NamedTuple):
    """A document with its boxes open, or erased where their keys are gone."""

    document: bytes
    erased: bool


class _OneBox(NamedTuple):
    """Events of a type whose only box is that of their data."""

    behind: re.Pattern[bytes]
    """The members that may stand behind the box."""
    decoder: Decoder[Event]
    """Reads their documents when the box is open."""


def unseal(document: bytes, *, keys: bytes) -> Opened:
    """Open the boxes of a document that names a block, whatever part of them has its key.

    `keys` are those of the block, one behind the other; zeros, and what is beyond, are none. Raises
    EventInvalid for a document that was changed, or whose boxes are those of another event. So it
    does for one that says something outside them, for nothing would erase that.
    """
    _refuse_plain(document)
    copied = document.find(JSON)
    if copied < 0:
        raise EventInvalid("its data are missing", field="data", fix=FIX)
    associated = document[:copied]
    found = [associated[:AT], associated[SOURCE:]]
    erased = False
    at = document.find(BOX, copied)
    while at >= 0:
        end = document.find(QUOTE, at + len(BOX))
        label, slot, body = token_of(document[at + len(BOX) : end])
        key = _key(keys, slot)
        if key is None:
            erased = True
            said = _blank(_type_of(document), label)
        else:
            said = _decrypted(key, body, associated + label)
            if label == DOCUMENT:
                return Opened(said, erased=False)
        found.append(document[copied:at])
        found.append(said)
        copied = end + 1
        if not said and document[copied] == _COMMA:  # An empty member takes its comma along.
            copied += 1
        elif not said and document[at - 1] == _COMMA:
            found[-2] = found[-2][:-1]
        at = document.find(BOX, end)
    found.append(document[copied:])
    return Opened(b"".join(found), erased)


def unsealed_event(
    document: bytes, *, keys: bytes, place: Callable[[], Place] | None = None
) -> Event:
    """Read a sealed document like `decode`, opened as `unseal` does. Raises EventInvalid."""
    try:
        found = _with_one_box(document, keys)
    except EventInvalid:
        found = None  # `unseal` words the complaint.
    if found is None:
        return decode(unseal(document, keys=keys).document, place=place)
    opened, (read, make) = found
    try:
        return make(read(opened))
    except REFUSALS:
        return decode(opened, place=place)


def _with_one_box(document: bytes, keys: bytes) -> tuple[bytes, Decoder[Event]] | None:
    """Open a document whose only box is that of its data, in one pass; None for any other.

    The cipher vouches for the box, and for what stands before it. The members behind it are
    compared with those that may stand there: of two with one name a reader would see only one.
    """
    copied = document.find(_ONE_BOX, SOURCE)
    if copied < 0:
        return None
    at = document.find(_TYPE, SOURCE) + len(_TYPE)
    known = _one_box(document[at : document.find(QUOTE, at)])
    end = document.find(QUOTE, copied + _TOKEN)
    slot, _, body = document[copied + _TOKEN : end].partition(b".")
    if known is None or not _SLOT.fullmatch(slot) or _ESCAPE in body:
        return None
    key = _key(keys, int(slot))
    if key is None:
        return None
    if not known.behind.fullmatch(document, end + 1):
        return None
    said = _decrypted(key, body, document[:copied] + DATA)
    if not said:
        return None
    opened = (document[:AT], document[SOURCE : copied + _BOX], said, document[end + 1 :])
    return b"".join(opened), known.decoder


@lru_cache(_TYPES_MAX)
def _one_box(event_type: bytes) -> _OneBox | None:
    made = EVENT_TYPES.get(event_type.decode("utf-8", "replace"))
    if made is None:
        return None
    own, within = parts(made)
    if not own or within:
        return None
    outside = [name for name in made.model_fields if name not in own]
    members = b"".join(b'(?:,"%b":%b)?' % (name.encode(), _VALUE) for name in outside)
    decoder = vouched_event_decoder(Event, made, outside=outside)
    return _OneBox(re.compile(members + b"}}"), decoder)


def _key(keys: bytes, slot: int) -> bytes | None:
    """Return the key that stands in a slot; None where it is gone."""
    key = keys[slot * KEY_BYTES : (slot + 1) * KEY_BYTES]
    return None if key in _NO_KEY else key


def _refuse_plain(document: bytes) -> None:
    """Raise EventInvalid where what an event says does not stand in boxes."""
    try:
        members: dict[str, Any] = orjson.loads(document)
        if orjson.dumps(members) != document:  # Of two members with one name only one is seen.
            raise unreadable()
        if {*members} - {*takewhile("data".__ne__, members), "data", SEALED}:
            raise _changed()
        plain = {*(members.keys() - _READABLE), *_plain(members["type"], members["data"])}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise unreadable() from error
    if plain:
        raise EventInvalid(
            "it has the mark of a seal, and says something in plain text", field="data", fix=FIX
        )


def _plain(event_type: str, data: dict[str, Any]) -> set[str]:
    """Return the members of data that say something outside a box; `data` where one is missing."""
    if str(data.get(SEALED)).startswith("o."):
        return {*data} - {SEALED}
    made: type[EventData] | None = EVENT_TYPES.get(event_type)
    if made is None:
        return set() if SEALED in data else {"data"}
    own, within = parts(made)
    found = _outside(own, data)
    if within:
        inner, _ = parts(facts_within(made, within))
        for one in data.get(within, ()):
            found |= _outside(inner, one)
    return found


def _outside(names: tuple[str, ...], members: dict[str, Any]) -> set[str]:
    if names and SEALED not in members:
        return {"data"}
    return members.keys() & names


@cache
def _blank(event_type: str, label: bytes) -> bytes:
    """Return the members in the place of a box whose key is gone."""
    made: type[EventData] | None = EVENT_TYPES.get(event_type)
    if made is None:
        return b""
    if label == DATA:
        return _inside(nothing_said(made))
    if label in {ATTRIBUTES, DOCUMENT}:
        return b""
    within = parts(made)[1]
    return _inside(nothing_said(facts_within(made, within))) if within else b""


def _inside(members: dict[str, Any]) -> bytes:
    """Return the JSON of members without the braces around them."""
    return dumped(members)[1:-1]


def _type_of(document: bytes) -> str:
    start = document.find(_TYPE) + len(_TYPE)
    if start < len(_TYPE):
        return ""
    return document[start : document.find(QUOTE, start)].decode("utf-8", "replace")


def _decrypted(key: bytes, text: bytes, associated: bytes) -> bytes:
    try:
        body = _BASE64.decode(b'"%b"' % text)
        found: bytes = cipher()(key).decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], associated)
    except (_invalid_tag(), ValueError) as error:
        raise _changed() from error
    return found


def _changed() -> EventInvalid:
    return EventInvalid(
        "a box does not belong to this event, or was changed", field=SEALED, fix=FIX
    )


@cache
def _invalid_tag() -> type[Exception]:
    from cryptography.exceptions import InvalidTag

    return InvalidTag
