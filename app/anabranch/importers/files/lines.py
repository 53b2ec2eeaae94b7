"""JSON Lines read as a stream: plain, gzip or zstd, a record at a time, broken lines named."""

from __future__ import annotations

import gzip
import io
import os
import re
import zlib
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, cast

import msgspec
import orjson
import zstandard

from anabranch.importers.files.zstd import ZstdFile
from anabranch.importers.records.model import Broken

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

    from _typeshed import WriteableBuffer

UNREADABLE: Final = (OSError, EOFError, ValueError, zlib.error, zstandard.ZstdError)
"""A file that is gone, that may not be read, or whose compression is damaged."""
ReadLines: TypeAlias = "Callable[[Path], Iterator[Line | Broken]]"
"""Gives the lines of a file: `lines`, or those of a cache."""
LINE_BYTES_MAX: Final = 64 * 1024 * 1024
_BUFFER: Final = 1024 * 1024
BOM: Final = b"\xef\xbb\xbf"
"""Some editors put it before a text; JSON has none."""
_HAS_TIME: Final = re.compile(rb'"(?:timestamp|startTime)":').search
_IS_ONE: Final = re.compile(rb'"(?:timestamp|startTime|uuid|id)":').search
"""Of a line that nobody writes twice: the same words may well be said again."""
_COPIES_MAX: Final = 16
_COMPRESSED: Final = (".gz", ".zst")


def why_unread(error: Exception) -> str:
    """Return why a file was not read, without its name, which stands beside that."""
    said = error.strerror if isinstance(error, OSError) else None
    return said or str(error) or type(error).__name__


class Line(msgspec.Struct, gc=False):
    """A whole line of a file and its number, from 1 on."""

    number: int
    data: bytes
    record: dict[str, Any] | Broken | None = None
    """Its JSON object, or why it is none, once that was asked for."""


class Extent(NamedTuple):
    """A file, and how long it was when it was looked at."""

    device: int
    inode: int
    size: int


class _Beginning(io.RawIOBase):
    """The first bytes of a file: what is written behind them is not there."""

    def __init__(self, file: io.FileIO, size: int) -> None:
        self._file = file
        self._left = size

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read some bytes into a buffer; none are left at the end."""
        count = self._file.readinto(memoryview(buffer).cast("B")[: self._left]) or 0
        self._left -= count
        return count


def plain_name(path: Path) -> str:
    """Return the file's name without the suffix of a compression."""
    return path.stem if path.suffix in _COMPRESSED else path.name


def extent_of(path: Path) -> Extent | None:
    """Return which file is at a path, and how long it is; None where that cannot be known."""
    try:
        return _extent(path.stat())
    except OSError:
        return None


def _extent(found: os.stat_result) -> Extent:
    return Extent(found.st_dev, found.st_ino, found.st_size)


@contextmanager
def opened(
    path: Path, *, extent: Extent | None = None, buffer: int = _BUFFER
) -> Generator[IO[bytes]]:
    """Open a file for reading only, decompressed; with an `extent` only that of it.

    Raises OSError, also for one that was written anew since its extent was known.
    """
    file: io.BufferedReader[Any]
    with path.open("rb", buffering=0) as raw:
        if extent is None:
            file = io.BufferedReader(raw, buffer)
        else:
            now = _extent(os.fstat(raw.fileno()))
            if now[:2] != extent[:2] or now.size < extent.size:
                raise OSError("it was written anew while it was read")
            file = io.BufferedReader(_Beginning(raw, extent.size), buffer)
        if path.suffix == ".gz":
            with gzip.open(file, "rb") as unpacked:
                yield cast("IO[bytes]", unpacked)
        elif path.suffix == ".zst":
            with io.BufferedReader(ZstdFile(file), buffer) as unpacked:
                yield unpacked
        else:
            yield file


def lines(path: Path, *, extent: Extent | None = None) -> Iterator[Line | Broken]:
    """Yield the lines of a file that are not empty; memory is that of the longest line.

    A line longer than 64 MiB is yielded as broken. The last line may be without an end. With an
    `extent` only the lines within it are yielded. A line with an id or a time that stands twice in
    a row is yielded once. So is the whole of a file that was put behind itself. Zero bytes, which a
    crash leaves, are yielded as broken, and then the line without them.
    """
    number = 0
    copies = _Copies(path, extent)
    try:
        with opened(path, extent=extent) as file, closing(copies):
            while data := file.readline(LINE_BYTES_MAX + 1):
                number += 1
                if len(data) > LINE_BYTES_MAX and not data.endswith(b"\n"):
                    yield Broken(path=path, number=number, reason="is longer than 64 MiB")
                    _pass_over(file)
                elif data.isspace() or not (data := copies.new_in(data)):
                    continue
                elif data[0] == 0 or data.endswith((b"\0", b"\0\n", b"\0\r\n")):
                    yield Broken(path=path, number=number, reason="has zero bytes for what is lost")
                    if bare := data.strip(b"\0\r\n"):
                        yield Line(number, bare)
                else:
                    yield Line(number, data if number > 1 else data.removeprefix(BOM))
    except UNREADABLE as error:
        yield Broken(path=path, number=number + 1, reason=str(error), more=False)


class _Copies:
    """Knows the lines of a file again that repeat the one before, or the file from its beginning.

    Its first line with a time tells where a copy begins: others may well come again. So does its
    first line behind another, in one line with it: that one had no end. No long line is kept, so
    none is one of these. The beginning is read again beside its copy.
    """

    def __init__(self, path: Path, extent: Extent | None) -> None:
        self._path, self._extent = path, extent
        self._opening = self._first = self._last = b""
        self._beside = ExitStack()
        self._again: IO[bytes] | None = None
        self._found = 0

    def new_in(self, data: bytes) -> bytes:
        """Return what of a line is no copy; to be called with each line that is not empty."""
        if self._again is not None:
            if self._next() == _ended(data):
                return b""
            self.close()
        before = self._before_opening(data)
        found = b"" if self._has(_ended(before)) else before
        if before is not data:
            self._begin_again(after=self._opening)
        return found

    def _before_opening(self, data: bytes) -> bytes:
        """Return a line without the file's first line at its end, where that followed another."""
        if not self._opening:
            self._opening = _ended(data) if len(data) <= _BUFFER else b"\n"
        before = _ended(data).removesuffix(self._opening)
        joined = before.endswith(b"}") and self._opening.lstrip(BOM).startswith(b"{")
        return before if joined and self._found < _COPIES_MAX else data

    def _has(self, data: bytes) -> bool:
        """Tell whether a whole line is a copy."""
        if len(data) > _BUFFER:
            self._last = b""
            return False
        is_last, self._last = data == self._last, data
        if is_last:
            return _IS_ONE(data) is not None
        if not self._first and _HAS_TIME(data):
            self._first = data
        elif data == self._first and self._found < _COPIES_MAX:
            self._begin_again(after=data)
            return True
        return False

    def _begin_again(self, *, after: bytes) -> None:
        """Read the beginning again from behind a line of it."""
        self.close()
        self._found += 1
        self._again = self._beside.enter_context(opened(self._path, extent=self._extent))
        while (found := self._next()) and found != after:
            pass

    def close(self) -> None:
        """Let go of the beginning."""
        self._again = None
        self._beside.close()

    def _next(self) -> bytes:
        """Return the next line of the beginning that is not empty."""
        while self._again is not None and (data := self._again.readline(LINE_BYTES_MAX)):
            if not data.isspace():
                return _ended(data)
        return b""


def _ended(data: bytes) -> bytes:
    """Return a line with its end, which the last one may lack."""
    return data if data.endswith(b"\n") else data + b"\n"


def _pass_over(file: IO[bytes]) -> None:
    while (data := file.readline(_BUFFER)) and not data.endswith(b"\n"):
        pass


def whole(path: Path) -> bytes | Broken:
    """Return all bytes of a file, decompressed, or why they cannot be read."""
    try:
        with opened(path) as file:
            return file.read().removeprefix(BOM)
    except UNREADABLE as error:
        return Broken(path=path, number=0, reason=str(error), more=False)


def holds(path: Path, wanted: bytes, *, extent: Extent | None = None) -> bool:
    """Tell whether a file has these bytes anywhere; it is not cut into lines for that.

    One that cannot be read has none: who reads its lines hears why.
    """
    with suppress(*UNREADABLE), opened(path, extent=extent) as file:
        end = b""
        while chunk := file.read(_BUFFER):
            if wanted in chunk or wanted in end + chunk[: len(wanted)]:
                return True
            end = chunk[-len(wanted) :]
    return False


def document(path: Path) -> dict[str, Any] | Broken:
    """Return the JSON object that a whole file is, or why it is none."""
    return document_in(path, whole(path))


def document_in(path: Path, data: bytes | Broken) -> dict[str, Any] | Broken:
    """Return the JSON object that a file's bytes are, or why they are none."""
    found = data if isinstance(data, Broken) else parsed(path, Line(1, data))
    return msgspec.structs.replace(found, more=False) if isinstance(found, Broken) else found


def items(path: Path) -> list[msgspec.Raw] | Broken:
    """Return the items of the JSON list that a whole file is, as they stand, or why it is none."""
    data = whole(path)
    if isinstance(data, Broken):
        return data
    try:
        return msgspec.json.decode(data, type=list[msgspec.Raw])
    except msgspec.MsgspecError as error:
        return Broken(path=path, number=0, reason=str(error), more=False)


def records(path: Path, read: ReadLines = lines) -> Iterator[tuple[int, dict[str, Any]] | Broken]:
    """Yield the JSON object on each line with the line's number; `read` gives the lines."""
    for line in read(path):
        if isinstance(line, Broken):
            yield line
            continue
        found = parsed(path, line)
        yield found if isinstance(found, Broken) else (line.number, found)


def parsed(path: Path, line: Line) -> dict[str, Any] | Broken:
    """Return the JSON object on a line, or why it is none."""
    if line.record is None:
        line.record = _parsed(path, line)
    return line.record


def _parsed(path: Path, line: Line) -> dict[str, Any] | Broken:
    try:
        found = orjson.loads(line.data)
    except orjson.JSONDecodeError as error:
        found = _repaired(line.data)
        if found is None:
            return Broken(path=path, number=line.number, reason=f"is no JSON: {error}")
    if not isinstance(found, dict):
        return Broken(path=path, number=line.number, reason="is no JSON object")
    return found


def _repaired(data: bytes) -> Any:
    """Read JSON with lone surrogates, which some releases wrote; None for what is no JSON."""
    import json

    if b"\\ud" not in data.lower():
        return None
    try:
        text = json.dumps(json.loads(data), ensure_ascii=False)
        return orjson.loads(text.encode("utf-8", "replace"))
    except (ValueError, RecursionError):  # Also what json takes for JSON, and others do not.
        return None
