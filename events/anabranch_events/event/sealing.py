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
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    NamedTuple,
    NoReturn,
    TypeAlias,
    get_args,
    get_type_hints,
)

import orjson

from anabranch_events.errors import EventInvalid, InputInvalid
from anabranch_events.event.codec import attributes_of, dumped, members_of
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
AT: Final = len(_SPEC) + 36 + 2
"""The place of the mark: behind the version and the id."""
BLOCK: Final = slice(AT + len(MARK), AT + len(MARK) + 16)
"""The place of the block's name in a sealed document."""
SOURCE: Final = BLOCK.stop + 2
"""The place behind the mark and the block."""
NONCE_BYTES: Final = 12
BOX: Final = b'"sealed":"'
JSON: Final = b'"datacontenttype":"application/json","data":'
QUOTE: Final = b'"'
ATTRIBUTES, DATA, DOCUMENT = b"a", b"d", b"o"
_NAME: Final = re.compile(rb"[0-9a-f]{16}")
FIX: Final = "append it through Anabranch, which seals it"

Key: TypeAlias = tuple[int, bytes]
"""A slot, and the key that stands there."""


class Keys:
    """The keys of a block, one behind the other. Nobody prints, copies or stores them unasked."""

    __slots__ = ("block",)

    def __init__(self, block: bytes) -> None:
        self.block: Final = block

    def __repr__(self) -> str:
        """Say that there are some, and nothing else."""
        return "Keys(…)"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled."""
        raise TypeError("keys of a sealed namespace are not pickled: read the record from the log")


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
    own, within = parts(type(data))
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
    start = b"".join((plain[:AT], MARK, block.encode(), b'",', plain[AT:-1], b","))
    sealer = _Sealer(start, draw)
    data = event.data
    if type(data) is OpaqueData:
        said = b"{" + sealer.box(DOCUMENT, data.document) + b"}"
    else:
        said = sealer.facts(data, DATA)
    end = b"," + sealer.box(ATTRIBUTES, dumped(more)[1:-1]) + b"}" if more else b"}"
    return b"".join((start, JSON, said, end))


def is_sealed(document: bytes) -> bool:
    """Tell whether a document has the mark of a sealed one."""
    return document.startswith(MARK, AT)


def block_of(document: bytes) -> str | None:
    """Return the block of keys that a sealed document names; None where it names none."""
    name = document[BLOCK]
    if not is_sealed(document) or not _NAME.fullmatch(name):
        return None
    return name.decode()


def boxes_of(document: bytes) -> list[Box]:
    """Return the boxes of a sealed document, in their order. Raises EventInvalid."""
    found: list[Box] = []
    at = document.find(BOX, max(0, document.find(JSON)))
    while at >= 0:
        at += len(BOX)
        end = document.find(QUOTE, at)
        label, slot, _ = token_of(document[at:end])
        found.append(Box(label.decode("ascii", "replace"), slot))
        at = document.find(BOX, end)
    return found


def says_something(document: bytes) -> bool:
    """Tell whether an event of this document's type can have content: unknown ones can."""
    try:
        found = EVENT_TYPES.get(orjson.loads(document)["type"])
    except (ValueError, KeyError, TypeError):
        return True
    return found is None or any(parts(found))


class _Sealer:
    """The sealing of one event."""

    __slots__ = ("_associated", "_draw")

    def __init__(self, associated: bytes, draw: Callable[[], Key]) -> None:
        self._associated = associated
        self._draw = draw

    def facts(self, facts: Facts, label: bytes) -> bytes:
        """Return the JSON of facts, with what they say in boxes."""
        own, within = parts(type(facts))
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
        nonce = os.urandom(NONCE_BYTES)
        sealed = nonce + cipher()(key).encrypt(nonce, said, self._associated + label)
        body = binascii.b2a_base64(sealed, newline=False)
        return b'"sealed":"%b.%d.%b"' % (label, slot, body)


@cache
def parts(made: type[Facts]) -> tuple[tuple[str, ...], str | None]:
    """Return the fields of a class that say something, and the one that holds facts that do.

    Raises TypeError for a class whose facts stand where no box can be put.
    """
    within: list[str] = []
    hints = get_type_hints(made, include_extras=True)
    for name in made.model_fields:
        inner = [one for one in _facts_in(hints[name]) if any(parts(one))]
        if inner:
            within.append(name)
    if len(within) > 1 or any(parts(one)[1] for name in within for one in _facts_in(hints[name])):
        raise TypeError(f"{made.__name__} holds facts that say something in a place unknown here")
    own = tuple(name for name in made.model_fields if name in made.content)
    return own, within[0] if within else None


def _facts_in(hint: Any) -> list[type[Facts]]:
    if isinstance(hint, type) and issubclass(hint, Facts):
        return [hint]
    return [found for one in get_args(hint) for found in _facts_in(one)]


@cache
def facts_within(made: type[Facts], field: str) -> type[Facts]:
    """Return the class of the facts that a field of a class holds."""
    return _facts_in(get_type_hints(made, include_extras=True)[field])[0]


def token_of(box: bytes) -> tuple[bytes, int, bytes]:
    """Return the label, the slot and the text of a box. Raises EventInvalid."""
    try:
        label, slot, body = box.split(b".")
        number = int(slot)
    except ValueError as error:
        raise unreadable() from error
    if not slot.isdigit():
        raise unreadable()
    return label, number, body


def unreadable() -> EventInvalid:
    """Return the error for a box whose text cannot be read."""
    return EventInvalid("a box cannot be read", field=SEALED, fix=FIX)


@cache
def cipher() -> Any:
    """Return the cipher, loaded when the first event is sealed or opened."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM
