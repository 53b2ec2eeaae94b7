"""Sealed documents: events whose content is encrypted, each part of it under a key of its own.

What an event says (`Facts.content`, the attributes of other producers, and all of an event of an
unknown type) stands in boxes: AES-256-GCM, with the event's id, type, namespace and session as
associated data. All else stays readable. A document names its block of keys, and each box the slot
of its key there:

    {"specversion": "1.0", "id": …, "namespace": …, "sealing": "<block>",
     "data": {"sealed": "d.<slot>.<base64 of nonce and ciphertext>", "insight_id": …, …}}

A box holds the members that stand in its place once it is open. One whose key was dropped is
erased: in its place stand the members that an event without its content has.
"""

from __future__ import annotations

import binascii
import os
import re
from collections.abc import Callable
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
    from anabranch_events.event.envelope import Event

KEY_BYTES: Final = 32
SEALING: Final = "sealing"
SEALED: Final = "sealed"
MARK: Final = b'"sealing":"'
_NONCE_BYTES: Final = 12
_PART: Final = re.compile(
    MARK + rb'[^"]*"|"sealed":"([0-9]{1,4}|[ado])[.]([0-9]{1,9})[.]([A-Za-z0-9+/=]*)"'
)
_COMMA: Final = ord(",")
_BLOCK: Final = re.compile(MARK + rb'([0-9a-f]{16})"')
_START: Final = b'{"specversion":"1.0","id":"'
_ID: Final = slice(len(_START), len(_START) + 36)
_TYPE: Final = b'"type":"'
_ATTRIBUTES, _DATA, _DOCUMENT = b"a", b"d", b"o"
_FIX: Final = "append it through Anabranch, which seals it"

Key: TypeAlias = tuple[int, bytes]
"""A slot, and the key that stands there."""
KeyAt: TypeAlias = Callable[[int], "bytes | None"]
"""Gives the key at a slot of a document's block; None for one that was dropped."""


class Opened(NamedTuple):
    """A document with its boxes open, or erased where their keys are gone."""

    document: bytes
    erased: bool


class Box(NamedTuple):
    """A box of a document: its label, and the slot of its key.

    `label` is `d` for the data, `a` for attributes, `o` for a whole document, and a number for the
    facts at that place within the data.
    """

    label: str
    slot: int


def keys_needed(event: Event) -> int:
    """Return how many keys the sealing of an event takes; none for one that says nothing."""
    data = event.data
    if type(data) is OpaqueData:
        return 1
    own, within = _parts(type(data))
    inner = len(getattr(data, within)) if within else 0
    return bool(own) + inner + bool(event.__pydantic_extra__)


def seal(event: Event, *, block: str, draw: Callable[[], Key]) -> bytes:
    """Return the sealed document of an event; `draw` gives a fresh key for each box.

    Raises InputInvalid for an event with attributes of these names.
    """
    if {SEALING, SEALED} & (event.__pydantic_extra__ or {}).keys():
        raise InputInvalid(
            f"event {event.id} has an attribute {SEALING!r} or {SEALED!r} already",
            field=SEALING,
            fix="leave it out: the names are reserved in a sealed namespace",
        )
    fields = attributes_of(event)
    fields[SEALING] = block
    sealer = _Sealer(_associated(event.namespace, event.subject, event.id, event.type), draw)
    data = event.data
    if type(data) is OpaqueData:
        fields["datacontenttype"] = "application/json"
        fields["data"] = {SEALED: sealer.box(_DOCUMENT, data.document)}
        return dumped(fields)
    if more := event.__pydantic_extra__:
        fields[SEALED] = sealer.box(_ATTRIBUTES, _inside(more))
    fields["datacontenttype"] = "application/json"
    fields["data"] = sealer.facts(data, _DATA)
    return dumped(fields)


def block_of(document: bytes) -> str | None:
    """Return the block of keys that a sealed document names; None where it names none."""
    found = _BLOCK.search(document)
    return None if found is None else found[1].decode()


def boxes_of(document: bytes) -> list[Box]:
    """Return the boxes of a sealed document, in their order. Raises EventInvalid."""
    found = _PART.finditer(_spelt(document))
    return [Box(part[1].decode(), int(part[2])) for part in found if part[1]]


def unseal(document: bytes, *, namespace: str, session_id: str, key_at: KeyAt) -> Opened:
    """Open the boxes of a sealed document, whatever part of them has its key.

    Raises EventInvalid for one that was tampered with, or moved from another event or session.
    """
    document = _spelt(document)
    event_id, event_type = document[_ID].decode("ascii", "replace"), _type_of(document)
    associated = _associated(namespace, session_id, event_id, event_type)
    found: list[bytes] = []
    copied, erased = 0, False
    for part in _PART.finditer(document):
        found.append(document[copied : part.start()])
        copied = part.end()
        label = part[1]
        said = b""  # The name of the block goes too.
        if label is not None:
            key = key_at(int(part[2]))
            if key is None:
                erased = True
                said = _blank(event_type, label)
            else:
                said = _decrypted(key, part[3], associated + label)
                if label == _DOCUMENT:
                    return Opened(said, erased=False)
        if said:
            found.append(said)
        elif document[copied] == _COMMA:  # What follows an empty member begins with its comma.
            copied += 1
    found.append(document[copied:])
    return Opened(b"".join(found), erased)


def says_something(document: bytes) -> bool:
    """Tell whether an event of this document's type can have content: unknown ones can."""
    found = EVENT_TYPES.get(_type_of(document))
    return found is None or any(_parts(found))


class _Sealer:
    """The sealing of one event."""

    def __init__(self, associated: bytes, draw: Callable[[], Key]) -> None:
        self._associated = associated
        self._draw = draw

    def facts(self, facts: Facts, label: bytes) -> dict[str, Any]:
        """Return the members of facts, with what they say in boxes."""
        own, within = _parts(type(facts))
        members = members_of(facts)
        if own:
            said = {name: members.pop(name) for name in own if name in members}
            members = {SEALED: self.box(label, _inside(said)), **members}
        if within:
            members[within] = [
                self.facts(one, str(at).encode()) for at, one in enumerate(members[within])
            ]
        return members

    def box(self, label: bytes, said: bytes) -> str:
        """Return a box under a fresh key."""
        slot, key = self._draw()
        nonce = os.urandom(_NONCE_BYTES)
        sealed = _cipher()(key).encrypt(nonce, said, self._associated + label)
        body = binascii.b2a_base64(nonce + sealed, newline=False).decode()
        return f"{label.decode()}.{slot}.{body}"


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
    facts = _facts_in(get_type_hints(made, include_extras=True)[within]) if within else []
    return _inside(nothing_said(facts[0])) if facts else b""


def _inside(members: dict[str, Any]) -> bytes:
    """Return the JSON of members without the braces around them."""
    return dumped(members)[1:-1]


def _associated(namespace: str, session_id: str, event_id: str, event_type: str) -> bytes:
    return f"{namespace}\n{session_id}\n{event_id}\n{event_type}\n".encode()


def _spelt(document: bytes) -> bytes:
    """Return the document in our own spelling: the places of its boxes are found by it."""
    if document.startswith(_START) and document[_ID.stop : _ID.stop + 1] == b'"':
        return document
    try:
        fields: dict[str, Any] = orjson.loads(document)
        first = {name: fields.pop(name) for name in ("specversion", "id")}
        return orjson.dumps({**first, **fields})
    except (orjson.JSONDecodeError, KeyError, AttributeError) as error:
        raise EventInvalid("the sealed message is no CloudEvent", field="message", fix=_FIX) from (
            error
        )


def _type_of(document: bytes) -> str:
    start = document.find(_TYPE)
    if start < 0:
        return ""
    start += len(_TYPE)
    return document[start : document.find(b'"', start)].decode("utf-8", "replace")


def _decrypted(key: bytes, text: bytes, associated: bytes) -> bytes:
    try:
        body = binascii.a2b_base64(text, strict_mode=True)
        return _cipher()(key).decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], associated)
    except (_invalid_tag(), ValueError) as error:
        raise EventInvalid(
            "a box does not belong to this event, or was changed", field=SEALED, fix=_FIX
        ) from error


@cache
def _invalid_tag() -> type[Exception]:
    from cryptography.exceptions import InvalidTag

    return InvalidTag


@cache
def _cipher() -> Any:
    """Return the cipher, loaded when the first event is sealed or opened."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM
