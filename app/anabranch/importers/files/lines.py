"""JSON Lines read as a stream: plain, gzip or zstd, a record at a time, broken lines named."""

from __future__ import annotations

import gzip
import io
import zlib
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any, Final, cast

import msgspec
import orjson
import zstandard

from anabranch.importers.files.zstd import ZstdFile
from anabranch.importers.records.model import Broken

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

UNREADABLE: Final = (OSError, EOFError, ValueError, zlib.error, zstandard.ZstdError)
"""A file that is gone, that may not be read, or whose compression is damaged."""
LINE_BYTES_MAX: Final = 64 * 1024 * 1024
_BUFFER: Final = 1024 * 1024
_COMPRESSED: Final = (".gz", ".zst")


def why_unread(error: Exception) -> str:
    """Return why a file was not read, without its name, which stands beside that."""
    said = error.strerror if isinstance(error, OSError) else None
    return said or str(error) or type(error).__name__


class Line(msgspec.Struct, frozen=True, gc=False):
    """A whole line of a file and its number, from 1 on."""

    number: int
    data: bytes


def plain_name(path: Path) -> str:
    """Return the file's name without the suffix of a compression."""
    return path.stem if path.suffix in _COMPRESSED else path.name


@contextmanager
def opened(path: Path) -> Generator[IO[bytes]]:
    """Open a file for reading only, decompressed."""
    with path.open("rb", buffering=_BUFFER) as file:
        if path.suffix == ".gz":
            with gzip.open(file, "rb") as unpacked:
                yield cast("IO[bytes]", unpacked)
        elif path.suffix == ".zst":
            with io.BufferedReader(ZstdFile(file), _BUFFER) as unpacked:
                yield unpacked
        else:
            yield file


def lines(path: Path) -> Iterator[Line | Broken]:
    """Yield the lines of a file that are not empty; memory is that of the longest line.

    A line longer than 64 MiB is yielded as broken. The last line may be without an end.
    """
    number = 0
    try:
        with opened(path) as file:
            while data := file.readline(LINE_BYTES_MAX + 1):
                number += 1
                if len(data) > LINE_BYTES_MAX and not data.endswith(b"\n"):
                    yield Broken(path=path, number=number, reason="is longer than 64 MiB")
                    _pass_over(file)
                elif not data.isspace():
                    yield Line(number, data)
    except UNREADABLE as error:
        yield Broken(path=path, number=number + 1, reason=str(error), more=False)


def _pass_over(file: IO[bytes]) -> None:
    while (data := file.readline(_BUFFER)) and not data.endswith(b"\n"):
        pass


def first_lines(path: Path, *, count: int, size: int) -> list[bytes]:
    """Return the first whole lines that begin within `size` bytes. Raises UNREADABLE."""
    found: list[bytes] = []
    with opened(path) as file:
        while len(found) < count and size > 0 and (data := file.readline(LINE_BYTES_MAX)):
            found.append(data)
            size -= len(data)
    return found


def whole(path: Path) -> bytes | Broken:
    """Return all bytes of a file, decompressed, or why they cannot be read."""
    try:
        with opened(path) as file:
            return file.read()
    except UNREADABLE as error:
        return Broken(path=path, number=0, reason=str(error), more=False)


def holds(path: Path, wanted: bytes) -> bool:
    """Tell whether a file has these bytes anywhere; it is not cut into lines for that.

    One that cannot be read has none: who reads its lines hears why.
    """
    with suppress(*UNREADABLE), opened(path) as file:
        end = b""
        while chunk := file.read(_BUFFER):
            if wanted in chunk or wanted in end + chunk[: len(wanted)]:
                return True
            end = chunk[-len(wanted) :]
    return False


def document(path: Path) -> dict[str, Any] | Broken:
    """Return the JSON object that a whole file is, or why it is none."""
    data = whole(path)
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


def records(path: Path) -> Iterator[tuple[int, dict[str, Any]] | Broken]:
    """Yield the JSON object on each line with the line's number."""
    for line in lines(path):
        if isinstance(line, Broken):
            yield line
            continue
        found = parsed(path, line)
        yield found if isinstance(found, Broken) else (line.number, found)


def parsed(path: Path, line: Line) -> dict[str, Any] | Broken:
    """Return the JSON object on a line, or why it is none."""
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
