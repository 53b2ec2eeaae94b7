"""Files and rows that a reader goes through several times: short ones are read once."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from anabranch.importers.files.lines import (
    Line,
    document_in,
    extent_of,
    holds,
    lines,
    whole,
)
from anabranch.importers.records.model import Broken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from anabranch.importers.files.lines import Extent

T = TypeVar("T")
CACHED_BYTES_MAX: Final = 4 * 1024 * 1024
"""Of files, together. Parsed, their JSON takes up to five times as much memory."""

ROW_BYTES: Final = 512
"""The least that a parsed row takes."""


class FileCache:
    """The files of one source as they are read: those last read are kept, as far as they are short.

    A file of lines stays the same from its first reading on: lines that come later are left to the
    next import. A long one that was written anew meanwhile is yielded as broken.
    """

    def __init__(self, *, bytes_max: int | None = None) -> None:
        self._bytes_max = CACHED_BYTES_MAX if bytes_max is None else bytes_max
        self._bytes = 0
        self._lines: OrderedDict[Path, tuple[int, Sequence[Line | Broken]]] = OrderedDict()
        self._documents: OrderedDict[Path, tuple[int, dict[str, Any] | Broken]] = OrderedDict()
        self._extents: dict[Path, Extent | None] = {}
        self._long: set[Path] = set()

    def lines(self, path: Path) -> Iterator[Line | Broken]:
        """Yield the lines of a file; those of a long one are read anew each time."""
        kept = self._kept_lines(path)
        return iter(kept) if kept is not None else lines(path, extent=self._extents[path])

    def holds(self, path: Path, wanted: bytes) -> bool:
        """Tell whether a file has these bytes anywhere, within a line."""
        kept = self._kept_lines(path)
        if kept is None:
            return holds(path, wanted, extent=self._extents[path])
        return any(isinstance(line, Line) and wanted in line.data for line in kept)

    def document(self, path: Path) -> dict[str, Any] | Broken:
        """Return the JSON object that a whole file is, or why it is none; the last is kept."""
        kept = self._documents.get(path)
        if kept is not None:
            self._documents.move_to_end(path)
            return kept[1]
        data = whole(path)
        found = document_in(path, data)
        size = 0 if isinstance(data, Broken) else len(data)
        self._keep(self._documents, path, found, size)
        return found

    def _kept_lines(self, path: Path) -> Sequence[Line | Broken] | None:
        """Return the lines of a short file, None for a long one."""
        kept = self._lines.get(path)
        if kept is not None:
            self._lines.move_to_end(path)
            return kept[1]
        if path not in self._extents:
            self._extents[path] = extent_of(path)
        extent = self._extents[path]
        if path in self._long or (extent is not None and extent.size > self._bytes_max):
            return None
        found: list[Line | Broken] = []
        size = 0
        for line in lines(path, extent=extent):
            found.append(line)
            size += len(line.data) if isinstance(line, Line) else 0
            if size > self._bytes_max:  # A compressed one.
                self._long.add(path)
                return None
        self._keep(self._lines, path, found, size)
        return found

    def _keep(
        self, kept: OrderedDict[Path, tuple[int, T]], path: Path, found: T, size: int
    ) -> None:
        """Keep a file that was read, and drop those that were asked for longest ago."""
        kept[path] = size, found
        self._bytes += size
        while self._bytes > self._bytes_max and len(kept) > 1:
            self._bytes -= kept.popitem(last=False)[1][0]


class RowCache(Generic[T]):
    """Rows of a copied database, parsed: few are kept from the first time on, many made anew.

    `parsed` yields each with the bytes that it was made of.
    """

    def __init__(self, parsed: Callable[[], Iterator[tuple[int, T]]]) -> None:
        self._parsed = parsed
        self._kept: Sequence[T] | None = None

    def __iter__(self) -> Iterator[T]:
        """Yield all rows."""
        if self._kept is not None:
            yield from self._kept
            return
        found: list[T] = []
        size = 0
        for bytes_read, row in self._parsed():
            size += bytes_read + ROW_BYTES
            if size <= CACHED_BYTES_MAX:
                found.append(row)
            else:
                found.clear()
            yield row
        if size <= CACHED_BYTES_MAX:
            self._kept = found
