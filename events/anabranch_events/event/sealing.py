"""Sealed documents: events whose content is encrypted, each part of it under a key of its own.

Content stands in boxes: that is `Facts.content`, the attributes of other producers, and all of an
event of an unknown type. The cipher is AES-256-GCM. Associated data are the label of the box and
the readable attributes: id, source, type, session, time, namespace, agent. All else stays readable.
A document names its block of keys, and each box the slot of its key there:

    {"specversion":"1.0","id":…,"sealing":"<block>","source":…,"namespace":…,"datacontenttype":…,
     "data":{"sealed":"d.<slot>.<base64 of nonce and ciphertext>","insight_id":…,…}}

Sealed documents are read in the spelling in which they were written, and in no other. A box holds
the members that stand in its place once it is open. One whose key was dropped is
erased: in its place stand the members that an event without its content has.
"""

from __future__ import annotations

import binascii
import os
import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, get_args, get_type_hints

import orjson

from anabranch_events.errors import EventInvalid, InputInvalid
from anabranch_events.event.codec import attributes_of, dumped, members_of
from anabranch_events.event.content import nothing_said
from anabranch_events.event.opaque import OpaqueData
from anabranch_events.event.registry import EVENT_TYPES
from anabranch_events.event.types import EventData, Facts

if TYPE_CHECKING:
    from collections.abc import Callable

    from anabranch_events.event.envelope import Event

KEY_BYTES: Final = 32
SEALING: Final = "sealing"
SEALED: Final = "sealed"
MARK: Final = b'"sealing":"'
_SPEC: Final = b'{"specversion":"1.0","id":"'
_AT: Final = len(_SPEC) + 36 + 2
"""The place of the mark: behind the version and the id."""
BLOCK: Final = slice(_AT + len(MARK), _AT + len(MARK) + 16)
"""The place of the block's name in a sealed document."""
_SOURCE: Final = BLOCK.stop + 2
"""The place behind the mark and the block."""
_NONCE_BYTES: Final = 12
_BOX: Final = b'"sealed":"'
_JSON: Final = b'"datacontenttype":"application/json","data":'
_TYPE: Final = b'"type":"'
_QUOTE, _COMMA = b'"', ord(",")
_ATTRIBUTES, _DATA, _DOCUMENT = b"a", b"d", b"o"
_NAME: Final = re.compile(rb"[0-9a-f]{16}")
_READABLE: Final = frozenset(
    {
        *("specversion", "id", SEALING, "source", "type", "subject", "time", "namespace"),
        *("correlationid", "causationid", "agent", "datacontenttype", "data", SEALED),
    }
)
"""The attributes that stand outside boxes."""
_NO_KEY: Final = (b"", bytes(KEY_BYTES))
_FIX: Final = "append it through Anabranch, which seals it"

Key: TypeAlias = tuple[int, bytes]
"""A slot, and the key that stands there."""


class Opened(NamedTuple):
    """A document with its boxes open, or erased where their keys are gone."""

    document: bytes
    erased: bool


class Box(NamedTuple):
    """A box of a document: its label, and the slot of its key.

    `label` is `d` for the data, `a` for attributes, and `o` for a whole document. A number stands
    for the facts at that place within the data.
    """

    label: str
    slot: int


def keys_needed(event: Event) -> int:
    """Return how many keys the sealing of an event takes; none for one that says nothing."""
    data: EventData = event.__dict__["data"]
    if type(data) is OpaqueData:
        return 1
    own, within = _parts(type(data))
    inner = len(getattr(data, within)) if within else 0
    return bool(own) + inner + bool(event.__pydantic_extra__)


def seal(event: Event, *, block: str, draw: Callable[[], Key]) -> bytes:
    """Return the sealed document of an event; `draw` gives a fresh key for each box.

    Raises InputInvalid for an event with attributes of these names.
    """
    more = event.__pydantic_extra__
    if more and {SEALING, SEALED} & more.keys():
        raise InputInvalid(
            f"event {event.id} has an attribute {SEALING!r} or {SEALED!r} already",
            field=SEALING,
            fix="leave it out: the names are reserved in a sealed namespace",
        )
    plain = dumped(attributes_of(event))
    start = b"".join((plain[:_AT], MARK, block.encode(), b'",', plain[_AT:-1], b","))
    sealer = _Sealer(start, draw)
    data = event.data
    if type(data) is OpaqueData:
        said = b"{" + sealer.box(_DOCUMENT, data.document) + b"}"
    else:
        said = sealer.facts(data, _DATA)
    end = b"," + sealer.box(_ATTRIBUTES, dumped(more)[1:-1]) + b"}" if more else b"}"
    return b"".join((start, _JSON, said, end))


def is_sealed(document: bytes) -> bool:
    """Tell whether a document has the mark of a sealed one."""
    return document.startswith(MARK, _AT)


def block_of(document: bytes) -> str | None:
    """Return the block of keys that a sealed document names; None where it names none."""
    name = document[BLOCK]
    if not is_sealed(document) or not _NAME.fullmatch(name):
        return None
    return name.decode()


def boxes_of(document: bytes) -> list[Box]:
    """Return the boxes of a sealed document, in their order. Raises EventInvalid."""
    found: list[Box] = []
    at = document.find(_BOX)
    while at >= 0:
        at += len(_BOX)
        end = document.find(_QUOTE, at)
        label, slot, _ = _token(document[at:end])
        found.append(Box(label.decode("ascii", "replace"), slot))
        at = document.find(_BOX, end)
    return found


def unseal(document: bytes, *, keys: bytes) -> Opened:
    """Open the boxes of a document that names a block, whatever part of them has its key.

    `keys` are those of the block, one behind the other; zeros, and what is beyond, are none. Raises
    EventInvalid for a document that was changed, or whose boxes are those of another event. So it
    does for one that says something outside them, for nothing would erase that.
    """
    _refuse_plain(document)
    copied = document.find(_JSON)
    if copied < 0:
        raise EventInvalid("its data are missing", field="data", fix=_FIX)
    associated = document[:copied]
    found = [associated[:_AT], associated[_SOURCE:]]
    erased = False
    at = document.find(_BOX, copied)
    while at >= 0:
        end = document.find(_QUOTE, at + len(_BOX))
        try:
            label, place, body = document[at + len(_BOX) : end].split(b".")
            slot = int(place)
        except ValueError as error:
            raise _unreadable() from error
        key = keys[slot * KEY_BYTES : (slot + 1) * KEY_BYTES]
        if key in _NO_KEY:
            erased = True
            said = _blank(_type_of(document), label)
        else:
            said = _decrypted(key, body, associated + label)
            if label == _DOCUMENT:
                return Opened(said, erased=False)
        found.append(document[copied:at])
        found.append(said)
        copied = end + 1
        if not said and document[copied] == _COMMA:  # An empty member takes its comma along.
            copied += 1
        elif not said and document[at - 1] == _COMMA:
            found[-2] = found[-2][:-1]
        at = document.find(_BOX, end)
    found.append(document[copied:])
    return Opened(b"".join(found), erased)


def says_something(document: bytes) -> bool:
    """Tell whether an event of this document's type can have content: unknown ones can."""
    try:
        found = EVENT_TYPES.get(orjson.loads(document)["type"])
    except (ValueError, KeyError, TypeError):
        return True
    return found is None or any(_parts(found))


def _refuse_plain(document: bytes) -> None:
    """Raise EventInvalid where what an event says does not stand in boxes."""
    try:
        members: dict[str, Any] = orjson.loads(document)
        plain = {*(members.keys() - _READABLE), *_plain(members["type"], members["data"])}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable() from error
    if plain:
        raise EventInvalid(
            "it has the mark of a seal, and says something in plain text", field="data", fix=_FIX
        )


def _plain(event_type: str, data: dict[str, Any]) -> set[str]:
    """Return the members of data that say something outside a box; `data` where one is missing."""
    if str(data.get(SEALED)).startswith("o."):
        return {*data} - {SEALED}
    made: type[EventData] | None = EVENT_TYPES.get(event_type)
    if made is None:
        return set() if SEALED in data else {"data"}
    own, within = _parts(made)
    found = _outside(own, data)
    if within:
        inner, _ = _parts(_facts_within(made, within))
        for one in data.get(within, ()):
            found |= _outside(inner, one)
    return found


def _outside(names: tuple[str, ...], members: dict[str, Any]) -> set[str]:
    if names and SEALED not in members:
        return {"data"}
    return members.keys() & names


class _Sealer:
    """The sealing of one event."""

    __slots__ = ("_associated", "_draw")

    def __init__(self, associated: bytes, draw: Callable[[], Key]) -> None:
        self._associated = associated
        self._draw = draw

    def facts(self, facts: Facts, label: bytes) -> bytes:
        """Return the JSON of facts, with what they say in boxes."""
        own, within = _parts(type(facts))
        members = members_of(facts)
        box = b""
        if own:
            said = {name: members.pop(name) for name in own if name in members}
            box = self.box(label, dumped(said)[1:-1])
        if within:
            members[within] = [
                orjson.Fragment(self.facts(one, b"%d" % at))
                for at, one in enumerate(members[within])
            ]
        if not members:
            return b"{" + box + b"}"
        return b"{" + box + b"," + dumped(members)[1:] if box else dumped(members)

    def box(self, label: bytes, said: bytes) -> bytes:
        """Return a member that is a box under a fresh key."""
        slot, key = self._draw()
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + _cipher()(key).encrypt(nonce, said, self._associated + label)
        body = binascii.b2a_base64(sealed, newline=False)
        return b'"sealed":"%b.%d.%b"' % (label, slot, body)


@cache
def _parts(made: type[Facts]) -> tuple[tuple[str, ...], str | None]:
    """Return the fields of a class that say something, and the one that holds facts that do.

    Raises TypeError for a class whose facts stand where no box can be put.
    """
    within: list[str] = []
    hints = get_type_hints(made, include_extras=True)
    for name in made.model_fields:
        inner = [one for one in _facts_in(hints[name]) if any(_parts(one))]
        if inner:
            within.append(name)
    if len(within) > 1 or any(_parts(one)[1] for name in within for one in _facts_in(hints[name])):
        raise TypeError(f"{made.__name__} holds facts that say something in a place unknown here")
    own = tuple(name for name in made.model_fields if name in made.content)
    return own, within[0] if within else None


def _facts_in(hint: Any) -> list[type[Facts]]:
    if isinstance(hint, type) and issubclass(hint, Facts):
        return [hint]
    return [found for one in get_args(hint) for found in _facts_in(one)]


@cache
def _blank(event_type: str, label: bytes) -> bytes:
    """Return the members in the place of a box whose key is gone."""
    made: type[EventData] | None = EVENT_TYPES.get(event_type)
    if made is None:
        return b""
    if label == _DATA:
        return _inside(nothing_said(made))
    if label in {_ATTRIBUTES, _DOCUMENT}:
        return b""
    within = _parts(made)[1]
    return _inside(nothing_said(_facts_within(made, within))) if within else b""


@cache
def _facts_within(made: type[Facts], field: str) -> type[Facts]:
    """Return the class of the facts that a field of a class holds."""
    return _facts_in(get_type_hints(made, include_extras=True)[field])[0]


def _inside(members: dict[str, Any]) -> bytes:
    """Return the JSON of members without the braces around them."""
    return dumped(members)[1:-1]


def _type_of(document: bytes) -> str:
    start = document.find(_TYPE) + len(_TYPE)
    if start < len(_TYPE):
        return ""
    return document[start : document.find(_QUOTE, start)].decode("utf-8", "replace")


def _token(token: bytes) -> tuple[bytes, int, bytes]:
    """Return the label, the slot and the text of a box."""
    try:
        label, slot, body = token.split(b".")
        return label, int(slot), body
    except ValueError as error:
        raise _unreadable() from error


def _unreadable() -> EventInvalid:
    return EventInvalid("a box cannot be read", field=SEALED, fix=_FIX)


def _decrypted(key: bytes, text: bytes, associated: bytes) -> bytes:
    try:
        body = binascii.a2b_base64(text, strict_mode=True)
        cipher = _cipher()(key)
        found: bytes = cipher.decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], associated)
    except (_invalid_tag(), ValueError) as error:
        raise EventInvalid(
            "a box does not belong to this event, or was changed", field=SEALED, fix=_FIX
        ) from error
    return found


@cache
def _invalid_tag() -> type[Exception]:
    from cryptography.exceptions import InvalidTag

    return InvalidTag


@cache
def _cipher() -> Any:
    """Return the cipher, loaded when the first event is sealed or opened."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM
