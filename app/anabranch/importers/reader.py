"""The seam of the readers: which files a tool wrote, and what they tell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from anabranch_events.transport.address import without_secrets

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    from anabranch.importers.files.candidates import Candidate
    from anabranch.importers.records.model import Record


@dataclass(frozen=True, slots=True)
class Source:
    """Files that belong together: a conversation with its sub-agents and forks, or a database.

    `keys` name the lines that are known to be in it before it is read. A database of a server has
    an `address`, and no files. Files `beside` say more of it, and may be written after the others;
    so do those that are `shared` with other sources.
    """

    tool: str
    files: tuple[Path, ...]
    project: str | None = None
    keys: tuple[str, ...] = ()
    address: str | None = None
    beside: tuple[Path, ...] = ()
    shared: tuple[Path, ...] = ()

    @property
    def path(self) -> Path:
        """The first of its files, or its address without a password: its name to people."""
        return self.files[0] if self.files else Path(without_secrets(self.address or ""))

    @property
    def bytes(self) -> int:
        """The size of its files together, of those that are still there."""
        return sum(found.st_size for path in self.files if (found := _stat(path)))

    @property
    def modified(self) -> datetime:
        """The time at which one of its files was last written; now for a server's database.

        A database has its latest changes in a `-wal` beside its file.
        """
        if not self.files:
            return datetime.now(UTC)
        beside = (path.with_name(f"{path.name}-wal") for path in self.files)
        newest = max(map(_written, (*self.files, *beside)))
        return datetime.fromtimestamp(newest, UTC)


def _written(path: Path) -> float:
    found = _stat(path)
    return found.st_mtime if found else 0.0


def _stat(path: Path) -> os.stat_result | None:
    """Return what is known of a file; it may go at any moment, a -wal above all."""
    try:
        return path.stat()
    except OSError:
        return None


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


def data_folder(home: Path, environment: Mapping[str, str]) -> Path:
    """Return where programs keep their data, as the XDG base directories have it."""
    data = environment.get("XDG_DATA_HOME")
    return Path(data) if data else home / ".local" / "share"
