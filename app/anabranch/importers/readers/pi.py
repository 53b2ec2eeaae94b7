"""pi: `sessions/--folder--/<time>_<id>.jsonl`, a tree of entries a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.files.cache import FileCache
from anabranch.importers.files.lines import lines, plain_name, records
from anabranch.importers.reader import Source
from anabranch.importers.readers.abandoned import Course
from anabranch.importers.readers.pi_entries import Entries, id_of, node_of
from anabranch.importers.records.families import Family, Head, Link, Member, families_of
from anabranch.importers.records.model import Broken, Opened
from anabranch.importers.records.values import kind_of, text_of, time_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from anabranch.importers.files.candidates import Candidate
    from anabranch.importers.files.lines import ReadLines
    from anabranch.importers.records.chains import Node
    from anabranch.importers.records.model import Record


_IDS: Final = ("id", "parentId", "targetId", "entryId")


class PiReader:
    """Reads the sessions of pi."""

    tool = "pi"
    versions = "0.13 to 1.6.0"

    def places(self, home: Path, environment: Mapping[str, str]) -> list[Path]:
        """Return the folder of sessions."""
        agent = environment.get("PI_CODING_AGENT_DIR")
        return [(Path(agent) if agent else home / ".pi" / "agent") / "sessions"]

    def claims(self, candidate: Candidate) -> bool:
        """Tell by the header."""
        if candidate.suffix != ".jsonl" or not candidate.first_records:
            return False
        header = candidate.first_records[0]
        return kind_of(header) == "session" and "id" in header and "cwd" in header

    def sources(self, files: Sequence[Path]) -> list[Source]:
        """Group sessions with their forks."""
        return [
            Source(
                self.tool,
                tuple(head.path for head in family),
                project=next((head.project for head in family if head.project), None),
                keys=tuple(dict.fromkeys(head.session_id for head in family)),
            )
            for family in families_of([_head(path) for path in files])
        ]

    def read(self, source: Source) -> Iterator[Record]:
        """Yield the records of a session and its forks."""
        read = FileCache().lines
        heads = [_head(path, read) for path in source.files]
        family = Family(heads, links=lambda head: _links(head.path, read))
        for root in family.roots():
            origin = next(iter(sorted(root.origins)), None)
            yield from _Session(root, family, heads, read).records(parent=origin)


@dataclass(slots=True)
class Header(Head):
    """A session's header, and its first entry."""

    version: str | None = None


def _head(path: Path, read: ReadLines = lines) -> Header:
    head = Header(path, plain_name(path).removesuffix(".jsonl").rpartition("_")[2])
    named: dict[str, str] = {}
    before: str | None = None
    for number, record in enumerate(records(path, read)):
        if isinstance(record, Broken):
            continue
        _, found = record
        if kind_of(found) != "session":
            head.first_id = id_of(_entry(found, number, before, named))
            break
        head.session_id = text_of(found.get("id")) or head.session_id
        head.origin = _session_in(text_of(found.get("parentSession")))
        head.project = text_of(found.get("cwd"))
        head.time = time_of(found.get("timestamp"))
    return head


def _session_in(path: str | None) -> str | None:
    """Return the session that a path names: what stands after the last `_` of its file's name."""
    if not path:
        return None
    return path.replace("\\", "/").rpartition("/")[2].removesuffix(".jsonl").rpartition("_")[2]


def _entries(path: Path, read: ReadLines) -> Iterator[dict[str, Any] | Broken]:
    """Yield a file's entries; one that had no id is named by its line, and hangs on the one before.

    A later release gives such entries ids when it opens the file, and puts each behind the time;
    its own come first. Their names stay, so that what was imported before is known again.
    """
    before: str | None = None
    named: dict[str, str] = {}
    for number, record in enumerate(records(path, read)):
        if isinstance(record, Broken):
            yield record
            continue
        _, found = record
        if kind_of(found) == "session":
            continue
        entry = _entry(found, number, before, named)
        before = str(entry["id"])
        yield entry


def _entry(
    found: dict[str, Any], number: int, before: str | None, named: dict[str, str]
) -> dict[str, Any]:
    """Return an entry with its id; `named` are those that had none, by the ids they got."""
    given = text_of(found.get("id"))
    if given is None:
        found = {**found, "id": f"entry-{number}", "parentId": before}
    elif _got_id_later(found):
        named[given] = f"entry-{number}"
    if named:
        told = {name: named[one] for name in _IDS if (one := text_of(found.get(name))) in named}
        found = {**found, **told}
    return found


def _got_id_later(entry: dict[str, Any]) -> bool:
    """Tell whether an id was added to an entry that was written without one: it stands behind."""
    names = list(entry)
    return "timestamp" in names and names.index("timestamp") < names.index("id")


def _links(path: Path, read: ReadLines) -> Iterator[Link]:
    names: dict[str, str] = {}
    for entry in _entries(path, read):
        if not isinstance(entry, Broken):
            names[str(entry["id"])] = id_of(entry)
            parent = text_of(entry.get("parentId"))
            yield Link(id_of(entry), names.get(parent, parent) if parent else None)


class _Session(Entries):
    """A session's file, with the forks that leave it."""

    def __init__(
        self, member: Member, family: Family[Header], heads: Sequence[Header], read: ReadLines
    ) -> None:
        super().__init__(member.session_id)
        self._read = read
        self._member = member
        self._family = family
        self._heads = heads

    def records(self, *, parent: str | None) -> Iterator[Record]:
        """Yield the session's records; `parent` is the line that a fork left."""
        head = next(head for head in self._heads if head.session_id == self.key)
        yield Opened(
            key=self.key,
            source_id=self.key,
            kind="fork" if parent else "main",
            parent=parent,
            time=head.time,
            attributes={"project": head.project} if head.project else {},
        )
        for path in self._member.paths:
            yield from self._of_file(path)
        for fork in self._family.left_over(self.key):
            yield from self._fork(fork, self.key)
        yield from self.counted()

    def _of_file(self, path: Path) -> Iterator[Record]:
        course = Course(self.key, lambda: self._nodes(path))
        for entry in _entries(path, self._read):
            if isinstance(entry, Broken):
                yield entry
                continue
            if self._family.is_inherited(self.key, path, id_of(entry)):
                self.left_out["inherited"] += 1
                continue
            time = time_of(entry.get("timestamp"))
            yield from course.at(id_of(entry), time)
            yield from self.said(entry, course.line)
            for fork in self._family.leaving(self.key, id_of(entry)):
                yield from self._fork(fork, course.line)
            yield from course.left(time)

    def _fork(self, fork: Member, line: str) -> Iterator[Record]:
        session = _Session(fork, self._family, self._heads, self._read)
        yield from session.records(parent=line)

    def _nodes(self, path: Path) -> Iterator[Node]:
        for entry in _entries(path, self._read):
            if not isinstance(entry, Broken) and not self._family.is_inherited(
                self.key, path, id_of(entry)
            ):
                yield node_of(entry)
