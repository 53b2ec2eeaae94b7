"""A file of arrays: written once and whole, mapped into memory, every byte under a checksum.

The layout stands in docs/reference/recall-index.md.
"""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np

from anabranch_projections.recall_index.damage import Damaged

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

MAGIC: Final = b"ANBRIDX\n"
FORMAT: Final = 1
ALIGNED: Final = 64
_FIXED: Final = struct.Struct("<8sIII")
_TYPES: Final = frozenset({"|b1", "|i1", "|u1", "<u2", "<i4", "<u4", "<f4", "<i8", "<u8"})


class Section(msgspec.Struct, frozen=True, array_like=True):
    """One array in the file: where its bytes stand, and their checksum."""

    name: str
    type: str
    shape: tuple[int, ...]
    start: int
    checksum: int

    @property
    def size(self) -> int:
        """Its length in bytes."""
        size = np.dtype(self.type).itemsize
        for each in self.shape:
            size *= each
        return size


class Header(msgspec.Struct, frozen=True):
    """The content of a file. `facts` are the few numbers and words that are no arrays."""

    kind: str
    facts: dict[str, int | str]
    sections: list[Section]


class Written(NamedTuple):
    """The length of a file and its header's checksum: together they name its content."""

    size: int
    checksum: int


def write_sections(
    path: Path, kind: str, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, int | str]
) -> Written:
    """Write arrays as a file that is there whole or not at all, also after a loss of power."""
    contents = {name: _little_endian(array) for name, array in arrays.items()}
    header = _header(kind, contents, dict(facts))
    checksum = zlib.crc32(header)
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        file.write(_FIXED.pack(MAGIC, FORMAT, len(header), checksum))
        file.write(header)
        for array in contents.values():
            file.write(b"\0" * (-file.tell() % ALIGNED))
            file.write(_bytes(array))
        size = file.tell()
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)
    sync_folder(path.parent)
    return Written(size, checksum)


def read_sections(path: Path, kind: str, expected: Written) -> tuple[Header, dict[str, Any]]:
    """Map a file and return its header and its arrays, after a look at every byte.

    Raises Damaged when anything differs from what was written.
    """
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size != expected.size:
                raise Damaged(path.name, "its length is not the one that was written")
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise Damaged(path.name, str(error)) from error
    header = _checked_header(path.name, mapped, kind, expected)
    return header, {each.name: _checked(path.name, mapped, each) for each in header.sections}


def sync_folder(folder: Path) -> None:
    """Make sure that what was renamed in a folder stays so, also after a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _header(kind: str, arrays: Mapping[str, NDArray[Any]], facts: dict[str, int | str]) -> bytes:
    """Return the header as bytes; where sections start depends on its length, so it is padded."""
    sections = [
        Section(
            name,
            array.dtype.str,
            array.shape,
            0,
            zlib.crc32(_bytes(array)),
        )
        for name, array in arrays.items()
    ]
    room = len(msgspec.json.encode(Header(kind, facts, sections))) + 24 * len(sections)
    start = _FIXED.size + room
    placed: list[Section] = []
    for each in sections:
        start += -start % ALIGNED
        placed.append(msgspec.structs.replace(each, start=start))
        start += each.size
    return msgspec.json.encode(Header(kind, facts, placed)).ljust(room)


def _checked_header(name: str, mapped: mmap.mmap, kind: str, expected: Written) -> Header:
    if len(mapped) < _FIXED.size:
        raise Damaged(name, "it ends within its first bytes")
    magic, version, length, checksum = _FIXED.unpack_from(mapped)
    if magic != MAGIC or version != FORMAT:
        raise Damaged(name, f"it is of another format than {FORMAT}")
    raw = mapped[_FIXED.size : _FIXED.size + length]
    if len(raw) != length or zlib.crc32(raw) != checksum or checksum != expected.checksum:
        raise Damaged(name, "its header is not the one that was written")
    header = msgspec.json.decode(raw, type=Header)
    if header.kind != kind:
        raise Damaged(name, f"it holds {header.kind}, not {kind}")
    return header


def _checked(name: str, mapped: mmap.mmap, section: Section) -> NDArray[Any]:
    if section.type not in _TYPES or section.start + section.size > len(mapped):
        raise Damaged(name, f"section {section.name} does not fit into it")
    count = section.size // np.dtype(section.type).itemsize
    if not count:
        return np.zeros(section.shape, section.type)
    array = np.frombuffer(mapped, section.type, count=count, offset=section.start)
    if zlib.crc32(_bytes(array)) != section.checksum:
        raise Damaged(name, f"section {section.name} is not what was written")
    return array.reshape(section.shape)


def _little_endian(array: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))


def _bytes(array: NDArray[Any]) -> memoryview:
    return array.reshape(-1).view(np.uint8).data
