"""Manifest of an export: counts, positions, and a chain of hashes over its lines."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Final

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from anabranch.errors import EventInvalid, ExportDamaged
from anabranch.transfer.exported_line import LINK_LENGTH, read_line
from anabranch_events.event.complaint import in_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_MARK: Final = b'{"manifest":'
_START: Final = b"anabranch"


class Manifest(BaseModel):
    """The last line of an export to a file.

    `chain` is a SHA-256 over the last line and the hash before it, and so on back to the first.
    Each line carries the first 16 digits of its own. `missing` lists stretches of positions at
    which the log had no event to export.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    namespace: str
    events: int
    unreadable: int
    types: dict[str, int]
    first: int
    last: int
    chain: str
    missing: tuple[tuple[int, int], ...] = ()


class Tally:
    """Counts lines and chains them; the same for who writes and for who verifies."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256(_START)
        self._types: Counter[str] = Counter()
        self._unreadable = 0
        self._first = 0
        self.last = 0

    def add(self, line: bytes, *, position: int, event_type: str | None) -> str:
        """Take in a line as `written_line` gives it; return its link."""
        self._digest = hashlib.sha256(self._digest.digest() + line)
        self._first = self._first or position
        self.last = position
        if event_type is None:
            self._unreadable += 1
        else:
            self._types[event_type] += 1
        return self._digest.hexdigest()[:LINK_LENGTH]

    def manifest(self, namespace: str, *, missing: Sequence[tuple[int, int]] = ()) -> Manifest:
        """Return what the lines come to."""
        return Manifest(
            namespace=namespace,
            events=self._types.total(),
            unreadable=self._unreadable,
            types=dict(sorted(self._types.items())),
            first=self._first,
            last=self.last,
            chain=self._digest.hexdigest(),
            missing=tuple(missing),
        )


def manifest_line(manifest: Manifest) -> bytes:
    """Return the manifest as the last line of an export."""
    content = {"manifest": manifest.model_dump(mode="json")}
    return orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE)


def is_manifest(line: bytes) -> bool:
    """Tell the manifest from an event, which may begin the same but ends in its position."""
    return line.startswith(_MARK) and line.rstrip().endswith(b"}}")


def verify_lines(lines: Iterable[bytes]) -> Manifest:
    """Check an export from its first line to its manifest, and return that.

    Raises ExportDamaged naming the first line that is changed, missing, added or out of order; or
    that the export ends before its manifest.
    """
    tally = Tally()
    number, rest = 0, iter(lines)
    for number, line in enumerate(rest, start=1):
        if is_manifest(line):
            manifest = _checked(line, tally, number)
            if any(following.strip() for following in rest):
                raise ExportDamaged("something follows the manifest", line=number + 1)
            return manifest
        _follow(line, tally, number)
    raise ExportDamaged(
        f"the export ends after {number} lines without its manifest: it was cut off", line=0
    )


def verified_lines(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of one or more exports, each once it is known to be unchanged.

    Lines without links, which a plain export has, are not chained: there is nothing to compare.
    Raises ExportDamaged as `verify_lines` does.
    """
    tally = Tally()
    number = 0
    chained: bool | None = None
    for number, line in enumerate(lines, start=1):
        if is_manifest(line):
            _checked(line, tally, number)
            tally, chained = Tally(), None
        elif line.strip():
            if chained is None:
                chained = _link(line) is not None
            if chained:
                _follow(line, tally, number)
        yield line
    if chained:
        raise ExportDamaged(
            f"the export ends after {number} lines without its manifest: it was cut off",
            line=number + 1,
        )


def _link(line: bytes) -> str | None:
    """Return the link of a line; none for one that makes no event, which its reader will refuse."""
    try:
        return read_line(line).link
    except EventInvalid:
        return None


def _follow(line: bytes, tally: Tally, number: int) -> None:
    """Let the tally take in a line; it must be the one that was written there."""
    try:
        found = read_line(line)
        event_type = None if found.document is None else str(orjson.loads(found.document)["type"])
    except (EventInvalid, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise ExportDamaged(f"is no line of an export: {error}", line=number) from error
    before = tally.last
    link = tally.add(found.linked, position=found.position, event_type=event_type)
    if link != found.link:
        raise ExportDamaged(
            "is not what was written after the line before it: one of them was changed, "
            "removed, added or moved",
            line=number,
        )
    if found.position <= before:
        raise ExportDamaged(f"position {found.position} follows {before}", line=number)


def _checked(line: bytes, tally: Tally, number: int) -> Manifest:
    try:
        manifest = Manifest.model_validate(orjson.loads(line)["manifest"])
    except (orjson.JSONDecodeError, ValidationError) as error:
        why = in_words(error)
        raise ExportDamaged(f"the manifest cannot be read: {why}", line=number) from error
    if manifest != tally.manifest(manifest.namespace, missing=manifest.missing):
        raise ExportDamaged("the manifest counts other lines than there are", line=number)
    return manifest
