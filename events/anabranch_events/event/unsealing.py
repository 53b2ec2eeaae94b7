"""Sealed documents, opened with what is left of their keys.

Nothing in a stored message proves who wrote it. So a document is refused where a box was changed or
is another event's. So is one that says something outside the boxes, for nothing would erase that.
"""

from __future__ import annotations

import binascii
from functools import cache, lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from anabranch_events.errors import EventInvalid
from anabranch_events.event.codec import decode, dumped
from anabranch_events.event.content import nothing_said
from anabranch_events.event.envelope import Event
from anabranch_events.event.fast_codec import (
    REFUSALS,
    SealedDecoder,
    is_plain,
    sealed_event_decoder,
)
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

    from anabranch_events.event.foreign import Place
    from anabranch_events.event.types import EventData

_NO_KEY: Final = (b"", bytes(KEY_BYTES))
_TYPE: Final = b'"type":"'
_TYPES_MAX: Final = 1024
_COMMA: Final = ord(",")
_ONE_BOX: Final = b"%b{%b%b." % (JSON, BOX, DATA)
"""The start of data whose only box is their own: it stands first."""
_TOKEN: Final = len(_ONE_BOX) - len(DATA) - 1
"""The place of the box's text, behind the start of `JSON`."""
_NOTHING_MORE: Final = b'"}}'
_NEXT: Final = b'",'
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
        key = keys[slot * KEY_BYTES : (slot + 1) * KEY_BYTES]
        if key in _NO_KEY:
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
    event = _with_one_box(document, keys)
    if event is not None:
        return event
    return decode(unseal(document, keys=keys).document, place=place)


def _with_one_box(document: bytes, keys: bytes) -> Event | None:
    """Return the event of a document whose only box is that of its data; None for any other."""
    at = document.find(_TYPE, SOURCE) + len(_TYPE)
    decoder = _decoder(document[at : document.find(QUOTE, at)])
    copied = document.find(JSON, at)
    if decoder is None or copied < 0 or not document.startswith(_ONE_BOX, copied):
        return None
    try:
        read = decoder.read(document)
        token = read.data.sealed
        _, slot, body = token.split(".")
        place = int(slot) * KEY_BYTES
        key = keys[place : place + KEY_BYTES]
        end = copied + _TOKEN + len(token)
        if key in _NO_KEY or not slot.isdigit() or not _is_spelled_so(document, end):
            return None
        said = b"{" + _decrypted(key, body, document[:copied] + DATA) + b"}"
        read.data.sealed = decoder.read_box(said)
        plain = is_plain(document) and is_plain(said)
        return (decoder.make_plain if plain else decoder.make)(read)
    except REFUSALS:
        return None


def _is_spelled_so(document: bytes, end: int) -> bool:
    """Tell whether a box ends there, and nothing follows but members in our own spelling.

    The cipher vouches for what stands before the box. Of two members with one name a reader sees
    only one, and of a box in another spelling those who drop keys see none. Raises ValueError.
    """
    rest = document[end:]
    if rest == _NOTHING_MORE:
        return True
    members = b"{" + rest[2:-1]
    spelled = orjson.dumps(orjson.loads(members))
    return spelled == members and rest[:2] == _NEXT and BOX not in rest


@lru_cache(_TYPES_MAX)
def _decoder(event_type: bytes) -> SealedDecoder[Event] | None:
    """Return the decoder for documents with one box; None for types that have others."""
    made = EVENT_TYPES.get(event_type.decode("utf-8", "replace"))
    if made is None:
        return None
    own, within = parts(made)
    if not own or within:
        return None
    return sealed_event_decoder(Event, made, content=own, mark=SEALING, box=SEALED)


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


def _decrypted(key: bytes, text: bytes | str, associated: bytes) -> bytes:
    try:
        body = binascii.a2b_base64(text, strict_mode=True)
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
