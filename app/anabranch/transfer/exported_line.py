"""A line of an export: a CloudEvent as it was written, with its position, and a link of the chain."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from anabranch.errors import EventInvalid

if TYPE_CHECKING:
    from anabranch_events import Recorded

LINK_LENGTH: Final = 16
_TAIL: Final = re.compile(rb',"position":([0-9]{1,19})(?:,"chain":"([0-9a-f]{16})")?\}\Z')
_MESSAGE: Final = frozenset({"unreadable", "reason"})
_FIX: Final = "import what `anabranch events export` wrote"


class ExportedLine(NamedTuple):
    """What a line holds. `document` is None for a message that is no event."""

    position: int
    document: bytes | None
    linked: bytes
    """The part of the line that the chain covers."""
    link: str | None


def line_of(recorded: Recorded) -> dict[str, Any]:
    """Return the event as it was written, with its position; one that is no JSON as its text."""
    try:
        event = orjson.loads(recorded.raw)
    except orjson.JSONDecodeError:
        event = None
    if not isinstance(event, dict):
        event = {"unreadable": recorded.raw.decode("utf-8", "replace")}
    return {**event, "position": recorded.position}


def written_line(recorded: Recorded) -> tuple[bytes, str | None]:
    """Return the line, without its end, and the type of its event; None where it is no event.

    The document stands in it byte for byte, but that line ends between its tokens become spaces.
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
    return b'%b,"position":%d}' % (document[:-1], recorded.position), event_type


def linked_line(line: bytes, link: str) -> bytes:
    """Return a written line with its link of the chain."""
    return b'%b,"chain":"%b"}' % (line[:-1], link.encode())


def read_line(line: bytes) -> ExportedLine:
    """Take a line apart. Raises EventInvalid for one that no export writes."""
    line = line.strip()
    tail = _TAIL.search(line)
    if tail is None:
        return _read_spelt_anew(line)
    position, link = int(tail[1]), tail[2]
    document = line[: tail.start()] + b"}"
    linked = document[:-1] + b',"position":%d}' % position
    return ExportedLine(
        position,
        None if _is_message(document) else document,
        linked,
        link.decode() if link else None,
    )


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
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise EventInvalid(
            f"is not an exported event: {error}", field="position", fix=_FIX
        ) from error
    document = orjson.dumps(fields)
    return ExportedLine(position, None if fields.keys() <= _MESSAGE else document, line, None)
