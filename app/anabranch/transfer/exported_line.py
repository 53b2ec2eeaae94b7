"""A line of an export: an unchanged CloudEvent, its position, and a link of the chain.

An event may have an extension of its own under a name that a line adds. It then stands inside of
`event`, so that no name is there twice.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from anabranch.errors import EventInvalid

if TYPE_CHECKING:
    from anabranch_events import Recorded

LINK_LENGTH: Final = 16
_TAIL: Final = re.compile(
    rb',"position":(?P<position>[0-9]{1,19})'
    rb'(?P<marks>(?:,"fork":"(?P<session>[0-9a-f-]{36})/(?P<event>[0-9a-f-]{36})")?'
    rb'(?:,"again":(?P<again>[0-9]{1,9}))?'
    rb'(?:,"before":"(?P<before>[0-9a-f-]{36})")?)'
    rb'(?:,"chain":"(?P<link>[0-9a-f]{16})")?\}\Z'
)
_FORK: Final = re.compile(r"([0-9a-f-]{36})/([0-9a-f-]{36})")
_EVENT_ID: Final = re.compile(r"[0-9a-f-]{36}")
_ADDED: Final = ("position", "fork", "again", "before", "chain")
_OF_PLACE: Final = {"subject": "session_id", "time": "stored_at", "namespace": "namespace"}
_TEXT: Final = rb'"(?:[^"\\]|\\.)+"'
_WHOLE: Final = re.compile(
    rb'\{"specversion":"1\.0","id":%b,"source":%b,"type":%b,"subject":%b,"time":%b,"namespace":"'
    % ((_TEXT,) * 5)
)
"""The beginning of a document in our own spelling, which has all that its place could give."""
_INSIDE: Final = b'{"event":'
_LINK: Final = re.compile(r"[0-9a-f]{16}")
_MESSAGE: Final = frozenset({"unreadable", "reason"})
_FIX: Final = (
    "import what `anabranch events export` wrote; `anabranch events append` takes other CloudEvents"
)


class Fork(NamedTuple):
    """The event at which a branch was forked: it is found again in any log."""

    session_id: str
    event_id: str


class Marks(NamedTuple):
    """The marks of a line: what it says of its event beside the document."""

    fork: Fork | None = None
    again: int = 0
    """The number of this copy, for an event that stands in the log more than once."""
    before: str | None = None
    """The event of the session behind which the stretch begins, at its first event there."""


NO_MARKS: Final = Marks()


class ExportedLine(NamedTuple):
    """The content of a line. `document` is None for a message that is no event."""

    position: int
    document: bytes | None
    linked: bytes
    """The part of the line that the chain covers."""
    link: str | None
    marks: Marks = NO_MARKS


def line_of(recorded: Recorded) -> dict[str, Any]:
    """Return the unchanged event, with its position; one that is no JSON as its text."""
    try:
        event = orjson.loads(recorded.document)
    except orjson.JSONDecodeError:
        event = None
    if not isinstance(event, dict):
        event = {"unreadable": recorded.raw.decode("utf-8", "replace")}
    return {**event, "position": recorded.position}


def written_line(recorded: Recorded, marks: Marks = NO_MARKS) -> tuple[bytes, str | None]:
    """Return the line, without its end, and the type of its event; None where it is no event.

    The document stands in it byte for byte, but that line ends between its tokens become spaces. An
    attribute that its producer left to the log stands behind it: no other log could give it.
    """
    try:
        event_type = recorded.decode().type
    except EventInvalid as error:
        message = {
            "unreadable": recorded.raw.decode("utf-8", "replace"),
            "reason": error.message.encode("utf-8", "replace").decode(),
            "position": recorded.position,
        }
        return orjson.dumps(message), None
    document = recorded.raw.strip().replace(b"\r", b" ").replace(b"\n", b" ")
    if not _WHOLE.match(document):
        document = _completed(document, recorded)
    if _has_added(document):
        document = b"%b%b}" % (_INSIDE, document)
    line = b'%b,"position":%d%b}' % (document[:-1], recorded.position, _written(marks))
    return line, event_type


def _completed(document: bytes, recorded: Recorded) -> bytes:
    """Return a document with the attributes of its place that it has not."""
    fields: dict[str, Any] = orjson.loads(document)
    place = recorded.place()._asdict()
    missing = {name: place[given] for name, given in _OF_PLACE.items() if fields.get(name) is None}
    if not missing:
        return document
    if fields.keys() & missing.keys():  # As null: no name may be there twice.
        left = {name: value for name, value in json.loads(document).items() if name not in missing}
        document = json.dumps(left, ensure_ascii=False, separators=(",", ":")).encode()
    return b"%b,%b" % (document[:-1].rstrip(), orjson.dumps(missing)[1:])


def _has_added(document: bytes) -> bool:
    """Tell whether a document has a member of its own under a name that a line adds."""
    if not any(b'"%b"' % name.encode() in document for name in _ADDED):
        return False
    return not orjson.loads(document).keys().isdisjoint(_ADDED)


def _written(marks: Marks) -> bytes:
    fork = b',"fork":"%b/%b"' % tuple(map(str.encode, marks.fork)) if marks.fork else b""
    again = b',"again":%d' % marks.again if marks.again else b""
    return fork + again + (b',"before":"%b"' % marks.before.encode() if marks.before else b"")


def linked_line(line: bytes, link: str) -> bytes:
    """Return a written line with its link of the chain."""
    return b'%b,"chain":"%b"}' % (line[:-1], link.encode())


def is_exported(fields: dict[str, Any]) -> bool:
    """Tell a line of an export by its members from a producer's own event.

    A plain line, without a link, has only its position beside the event. It is taken for an event:
    a producer may call something of its own so.
    """
    if not isinstance(fields.get("position"), int):
        return False
    linked = _LINK.fullmatch(str(fields.get("chain"))) is not None
    return linked or isinstance(fields.get("event"), dict) or "unreadable" in fields


def read_line(line: bytes) -> ExportedLine:
    """Take a line apart. Raises EventInvalid for one that no export writes."""
    line = line.strip()
    tail = _TAIL.search(line)
    if tail is None:
        return _read_spelt_anew(line)
    document = line[: tail.start()] + b"}"
    linked = b'%b,"position":%d%b}' % (document[:-1], int(tail["position"]), tail["marks"])
    fork = Fork(tail["session"].decode(), tail["event"].decode()) if tail["event"] else None
    before = tail["before"].decode() if tail["before"] else None
    return ExportedLine(
        int(tail["position"]),
        None if _is_message(document) else _outside(document),
        linked,
        tail["link"].decode() if tail["link"] else None,
        Marks(fork, int(tail["again"] or 0), before),
    )


def _outside(document: bytes) -> bytes:
    """Return the event that stands inside of a line's only other member, or the document itself."""
    return document[len(_INSIDE) : -1] if document.startswith(_INSIDE) else document


def _is_message(document: bytes) -> bool:
    """Tell a message that is no event from an event that happens to begin like one."""
    if not document.startswith(b'{"unreadable":'):
        return False
    try:
        return bool(orjson.loads(document).keys() <= _MESSAGE)
    except orjson.JSONDecodeError:
        return False


def _read_spelt_anew(line: bytes) -> ExportedLine:
    """Read a line that went through another program: its JSON is spelt in another way."""
    try:
        fields = orjson.loads(line)
        position = int(fields.pop("position"))
        fields.pop("chain", None)
        marks = _marks_of(fields)
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise EventInvalid(
            f"is not an exported event: {error}", field="position", fix=_FIX
        ) from error
    inside = fields.get("event")
    document = orjson.dumps(inside if isinstance(inside, dict) else fields)
    found = None if fields.keys() <= _MESSAGE else document
    return ExportedLine(position, found, line, None, marks)


def _marks_of(fields: dict[str, Any]) -> Marks:
    """Take the marks out of a line's members."""
    fork = _FORK.fullmatch(str(fields.get("fork")))
    again = fields.get("again")
    before = _EVENT_ID.fullmatch(str(fields.get("before")))
    if fork:
        del fields["fork"]
    if isinstance(again, int):
        del fields["again"]
    if before:
        del fields["before"]
    return Marks(
        Fork(fork[1], fork[2]) if fork else None,
        again if isinstance(again, int) else 0,
        before[0] if before else None,
    )
