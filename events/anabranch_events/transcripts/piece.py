"""Records of a transcript as lines, and the messages that hold them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from anabranch_events.errors import InputInvalid
from anabranch_events.jetstream.direct_get import EVENT_ID, EXPECTED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

PIECE_BYTES: Final = 128 * 1024
TOGETHER_BYTES: Final = 16 * 1024 * 1024
RECORD_BYTES_MAX: Final = 64 * 1024 * 1024


class Line(NamedTuple):
    """A record as a line of JSON, and the `uuid` that the tool gave it, if any."""

    data: bytes
    uuid: str | None

    @property
    def mark(self) -> bytes:
        """By which it is known again: its uuid, or else its content."""
        told = self.data if self.uuid is None else f"uuid {self.uuid}".encode()
        return hashlib.blake2b(told, digest_size=16).digest()


class Piece(NamedTuple):
    """A message on its way: lines, or a part of a long one."""

    subject: str
    document: bytes
    message_id: str
    expected: int | None

    def headers(self) -> dict[str, str]:
        """Return the headers that are stored with it."""
        found = {EVENT_ID: self.message_id}
        return found if self.expected is None else found | {EXPECTED: str(self.expected)}


class WholeLines:
    """Lines put together out of the messages that hold them, in the order of those.

    A long line costs what it is long: its parts are joined once, when its end has come.
    """

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def take(self, document: bytes) -> bytes:
        """Return the lines that end in a message, whole; none where a long one goes on."""
        end = document.rfind(b"\n") + 1
        if not end:
            self._parts.append(document)
            return b""
        whole = b"".join((*self._parts, document[:end]))
        self._parts = [document[end:]]
        return whole

    def clear(self) -> None:
        """Drop the beginning of a line that never came to its end."""
        self._parts.clear()


class _Named(msgspec.Struct):
    uuid: Any = None


_decode_named: Final = msgspec.json.Decoder(_Named).decode


def line_of(record: Mapping[str, Any], *, number: int) -> Line:
    """Return a record as a line; `number` is its place among those given, for errors.

    Any text comes back as it is, lone surrogates too. Raises InputInvalid.
    """
    try:
        data = json.dumps(record, separators=(",", ":")).encode() + b"\n"
    except (TypeError, ValueError, RecursionError) as error:
        raise InputInvalid(
            f"entries[{number}]: is not JSON: {error}",
            field="entries",
            fix="give what `json.loads` returns for a line of a transcript",
        ) from error
    if len(data) > RECORD_BYTES_MAX:
        raise InputInvalid(
            f"entries[{number}]: is {len(data)} bytes long, at most {RECORD_BYTES_MAX} fit",
            field="entries",
            fix="leave it out, or cut what it holds",
        )
    return Line(data, _text(record.get("uuid")))


def parsed(data: bytes) -> Line:
    """Return a stored line with its uuid."""
    try:
        uuid = _decode_named(data).uuid
    except msgspec.MsgspecError:
        uuid = json.loads(data).get("uuid")
    return Line(data, _text(uuid))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def batches(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Part lines into groups that are stored one after another, each whole or not at all."""
    group: list[Line] = []
    size = 0
    for line in lines:
        if group and size + len(line.data) > TOGETHER_BYTES:
            yield group
            group, size = [], 0
        group.append(line)
        size += len(line.data)
    if group:
        yield group


def pieces(
    lines: Sequence[Line], *, subject: str, batch_id: str, expected: int, size: int
) -> list[Piece]:
    """Return the messages for a group of lines; the first one bears the expectation."""
    data = b"".join(line.data for line in lines)
    return [
        Piece(
            subject,
            data[start : start + size],
            f"{batch_id}/{number}",
            None if number else expected,
        )
        for number, start in enumerate(range(0, len(data), size))
    ]
