"""The seam of the readers: which files a tool wrote, and what they tell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from anabranch.importers.candidates import Candidate
    from anabranch.importers.records import Record


@dataclass(frozen=True, slots=True)
class Source:
    """Files that belong together: a conversation with its sub-agents and forks, or a database.

    `keys` name the lines that are known to be in it before it is read.
    """

    tool: str
    files: tuple[Path, ...]
    project: str | None = None
    keys: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """The first of its files: its name to people."""
        return self.files[0]

    @property
    def bytes(self) -> int:
        """The size of its files together, of those that are still there."""
        return sum(path.stat().st_size for path in self.files if path.exists())

    @property
    def modified(self) -> datetime:
        """The time at which one of its files was last written."""
        times = [path.stat().st_mtime for path in self.files if path.exists()]
        return datetime.fromtimestamp(max(times, default=0.0), UTC)


class Reader(Protocol):
    """Reads one tool's files. Pure: files in, records out; what it does not know is no error."""

    tool: str
    versions: str
    """The releases whose files the reader was tested with."""

    def places(self, home: Path, environment: Mapping[str, str]) -> list[Path]:
        """Return where the tool keeps its sessions on a machine."""
        ...

    def claims(self, candidate: Candidate) -> bool:
        """Tell by its name and its beginning whether a file is one of the tool's."""
        ...

    def sources(self, files: Sequence[Path]) -> list[Source]:
        """Group the tool's files into sources that can be read one by one."""
        ...

    def read(self, source: Source) -> Iterator[Record]:
        """Yield what the source tells; a line opens where it left its parent."""
        ...
