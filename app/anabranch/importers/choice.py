"""Choice among the conversations that were found: by project, by time, and by exclusion."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from anabranch.importers.records.model import Broken, Opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from anabranch.importers.reader import Reader, Source
    from anabranch.importers.records.model import Record

CLOCKS_APART_MAX: Final = timedelta(days=1)
"""By which a record's time may be after that of its file: another machine's clock wrote it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Says which conversations are wanted. A conversation goes with its sub-agents and forks.

    A project is named by its folder, the last part of that, or a pattern. With `since` a
    conversation is wanted in which something happened then or later.
    """

    projects: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    since: datetime | None = None

    def wants(self, source: Source) -> bool:
        """Tell without reading it whether a source may hold what is wanted, by tool and time."""
        if source.tool in self.excluded:
            return False
        return self.since is None or source.modified >= self.since - CLOCKS_APART_MAX

    def chosen(self, source: Source, reader: Reader) -> Iterator[Record]:
        """Yield the records of the wanted conversations. With `since` a source is read twice."""
        if self.since is None and not self.projects and not self.excluded:
            yield from reader.read(source)
            return
        recent = self._recent(source, reader) if self.since is not None else None
        root_of: dict[str, str] = {}
        wanted: dict[str, bool] = {}
        for record in reader.read(source):
            if isinstance(record, Opened):
                above = root_of.get(record.parent or "", record.key)
                root_of.setdefault(record.key, above)
                if above == record.key:
                    is_recent = recent is None or record.key in recent
                    wanted[record.key] = is_recent and self._wants(record, source)
            root = root_of.get(_line_of(record) or "")
            if root is None or wanted.get(root, True):
                yield record

    def _wants(self, opened: Opened, source: Source) -> bool:
        found = opened.attributes.get("project") or source.project
        project = str(found) if found else None
        if any(_is(project, name) for name in self.excluded):
            return False
        return not self.projects or any(_is(project, name) for name in self.projects)

    def _recent(self, source: Source, reader: Reader) -> set[str]:
        """Return the roots of the conversations in which something happened since then."""
        root_of: dict[str, str] = {}
        found: set[str] = set()
        for record in reader.read(source):
            if isinstance(record, Opened):
                root_of.setdefault(record.key, root_of.get(record.parent or "", record.key))
            time = getattr(record, "time", None)
            root = root_of.get(_line_of(record) or "")
            if root is not None and self.since is not None and (time is None or time >= self.since):
                found.update({root} if time is not None else ())
        return found


def _line_of(record: Record) -> str | None:
    if isinstance(record, Opened):
        return record.key
    return None if isinstance(record, Broken) else record.line


def _is(project: str | None, name: str) -> bool:
    """Tell whether a project is the one that is named: by its path, its last part, or a pattern."""
    if project is None:
        return False
    return project == name or PurePath(project).name == name or fnmatchcase(project, name)
