"""The content of Zstandard files: of all their frames, and an error where one was cut off."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO, Final

import zstandard

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_PACKED_BYTES: Final = 512
"""Read at a time, and held unpacked: a block of four bytes may hold 128 KiB, which makes 16 MiB."""


class ZstdFile(io.RawIOBase):
    """The content of a Zstandard file, to be read once; raises EOFError where it was cut off.

    The library's own readers end there as if all had been read
    (findings/zstandard_ends_a_file_that_was_cut_off_as_a_whole_one.sh).
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._packed = b""
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._content = memoryview(b"")

    def readable(self) -> bool:
        """Tell that it is read from."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill the beginning of a buffer; return the number of bytes, 0 at the end."""
        view = memoryview(buffer).cast("B")
        while not self._content:
            self._packed = self._packed or self._file.read(_PACKED_BYTES)
            if not self._packed:
                if self._frame is not None:
                    raise EOFError("the compressed file ends before its end was marked")
                return 0
            self._unpack()
        taken = self._content[: len(view)]
        view[: len(taken)] = taken
        self._content = self._content[len(taken) :]
        return len(taken)

    def _unpack(self) -> None:
        if self._frame is None:
            self._frame = zstandard.ZstdDecompressor().decompressobj()
        packed, self._packed = self._packed, b""
        self._content = memoryview(self._frame.decompress(packed))
        if self._frame.eof:
            self._packed = self._frame.unused_data
            self._frame = None
