"""The files of exports: plain, or compressed as their names end."""

from __future__ import annotations

import gzip
import io
import os
import stat
import sys
import zlib
from contextlib import ExitStack, contextmanager
from secrets import token_hex
from typing import TYPE_CHECKING, BinaryIO, Final, cast

import zstandard

from anabranch.errors import ExportDamaged, InputInvalid
from anabranch.importers.files.zstd import ZstdFile
from anabranch_events.errors import LogDamaged

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

LINE_BYTES_MAX: Final = 128 * 1024 * 1024
"""More than any event has: 64 MiB, and what JSON needs to spell it."""

_BUFFER_BYTES: Final = 128 * 1024


class Lines:
    """The lines of a file, counted; `done` of `total` bytes of the file are read."""

    def __init__(self, opened: BinaryIO, file: BinaryIO, total: int) -> None:
        self._opened = opened
        self._file = file
        self.total = total
        self.number = 0

    @property
    def done(self) -> int:
        """The number of bytes read of the file; 0 for a pipe."""
        return self._file.tell() if self.total else 0

    def __iter__(self) -> Iterator[bytes]:
        """Yield line by line. Raises ExportDamaged where the compression is broken or cut off."""
        while line := self._next():
            self.number += 1
            if len(line) >= LINE_BYTES_MAX:
                raise ExportDamaged("is longer than any event", line=self.number)
            yield line

    def _next(self) -> bytes:
        try:
            return self._opened.readline(LINE_BYTES_MAX)
        except (EOFError, OSError, zlib.error, zstandard.ZstdError) as error:
            raise ExportDamaged(
                f"the file cannot be read on from here: {error}", line=self.number + 1
            ) from error


@contextmanager
def reading(path: Path) -> Generator[Lines]:
    """Open a file of lines; `-` is stdin. Raises InputInvalid where that cannot be."""
    if str(path) == "-":
        yield Lines(sys.stdin.buffer, sys.stdin.buffer, 0)
        return
    with ExitStack() as stack:
        file = stack.enter_context(_opened(path, "rb"))
        total = path.stat().st_size if path.is_file() else 0
        content = file
        if path.suffix == ".gz":
            content = cast("BinaryIO", stack.enter_context(gzip.GzipFile(fileobj=file)))
        elif path.suffix == ".zst":
            buffered = io.BufferedReader(ZstdFile(file), _BUFFER_BYTES)
            content = cast("BinaryIO", stack.enter_context(buffered))
        yield Lines(content, file, total)


@contextmanager
def writing(path: Path) -> Generator[BinaryIO]:
    """Open a file to be written; it gets its name once it is whole, and replaces one of that name.

    A file that LogDamaged ends is whole, too: its manifest lists what is missing. Raises
    InputInvalid where the file cannot be opened.
    """
    if path.exists() and not path.is_file():
        with _packed(path, path.suffix) as target:  # A pipe, or a device.
            yield target
        return
    damaged: LogDamaged | None = None
    with replacing(path.resolve()) as unfinished, _packed(unfinished, path.suffix) as target:
        try:
            yield target
        except LogDamaged as error:
            damaged = error
    if damaged is not None:
        raise damaged


@contextmanager
def replacing(path: Path) -> Generator[Path]:
    """Give an empty file beside `path`, which at the end takes its place; after an error it goes.

    It is on the disk before it has the name, and has the mode of the file that was there. A kill
    leaves it, under a name of its own that ends in `.part`. Raises InputInvalid where it cannot be.
    """
    if not path.name:
        raise InputInvalid(f"{path} is no file", field="path", fix="name a file in a folder")
    unfinished = path.with_name(f".{path.name}.{token_hex(4)}.part")
    _opened(unfinished, "xb", named=path).close()
    try:
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else None
        if mode is not None:
            unfinished.chmod(mode | stat.S_IRUSR | stat.S_IWUSR)
        yield unfinished
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
        if mode is not None:
            unfinished.chmod(mode)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def _packed(path: Path, suffix: str) -> Generator[BinaryIO]:
    with ExitStack() as stack:
        file = stack.enter_context(_opened(path, "wb"))
        if suffix == ".gz":
            packed = gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0)
            yield cast("BinaryIO", stack.enter_context(packed))
        elif suffix == ".zst":
            writer = zstandard.ZstdCompressor(write_checksum=True).stream_writer(
                file, closefd=False
            )
            yield cast("BinaryIO", stack.enter_context(writer))
        else:
            yield file


def _opened(path: Path, mode: str, *, named: Path | None = None) -> BinaryIO:
    try:
        return cast("BinaryIO", path.open(mode))
    except OSError as error:
        raise InputInvalid(
            f"{named or path} cannot be opened: {error.strerror or error}",
            field="file",
            fix="check the path and its permissions",
        ) from error
