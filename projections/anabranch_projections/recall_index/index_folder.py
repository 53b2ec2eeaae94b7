"""The index on disk: files of segments and vectors, a manifest, and who may write them."""

from __future__ import annotations

import logging
import secrets
import shutil
from itertools import count
from typing import IO, TYPE_CHECKING, Final, NamedTuple, TypeVar

from anabranch_projections.recall_index.compaction import Work, work_due
from anabranch_projections.recall_index.damage import Damaged
from anabranch_projections.recall_index.manifest import (
    Files,
    Listed,
    Manifest,
    read_manifest,
    write_manifest,
)
from anabranch_projections.recall_index.namespace_index import NamespaceIndex, Stored
from anabranch_projections.recall_index.segment_file import (
    read_segment,
    read_vectors,
    write_segment,
    write_vectors,
)
from anabranch_projections.recall_index.writer import LOCK, locked, named

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from anabranch_projections.recall_index.segment import Segment
    from anabranch_projections.recall_index.vectors import VectorBlock

T = TypeVar("T")

LOGGER: Final = logging.getLogger(__name__)


class Piece(NamedTuple):
    """A piece of compaction whose file is written: what the index consists of from then on."""

    of: NamespaceIndex
    files: Files
    stored: Stored


class IndexFolder:
    """The indexes of all namespaces of a log, in a folder; each is loaded when it is asked for.

    One process writes, others of the same home read what it has written. Open it with `open`.
    `lost` says why it began anew, when it did.
    """

    def __init__(self, folder: Path, manifest: Manifest, *, dimension: int) -> None:
        self._folder = folder
        self._dimension = dimension
        self._manifest = manifest
        self._loaded: dict[str, NamespaceIndex] = {}
        self._used: dict[str, int] = {}
        self._uses = count()
        self._lock: IO[bytes] | None = None
        self.writer: str | None = None
        """The name of this process as the one that writes; None where another one does."""
        self.position = manifest.position
        self.lost: str | None = None

    @classmethod
    def open(cls, folder: Path, *, log: str, source: str, dimension: int) -> IndexFolder:
        """Return the index of a log in `folder`, as far as it stands there whole.

        `source` names what else decides its content. One that is damaged, of another log or of
        another source is dropped, and begins anew.
        """
        folder.mkdir(parents=True, exist_ok=True)
        lock = locked(folder)
        manifest, lost = _manifest(folder, Manifest(log=log, source=source))
        found = cls(folder, manifest, dimension=dimension)
        found._lock = lock
        found.lost = lost
        if lost is not None:
            LOGGER.warning("the recall index in %s is built anew: %s", folder, lost)
        if lock is not None:
            found.writer = named(lock)
            _remove_unlisted(folder, manifest)
        return found

    @property
    def writable(self) -> bool:
        """True where this process may write; otherwise another one does."""
        return self._lock is not None

    @property
    def namespaces(self) -> list[str]:
        """The namespaces that have something in the index."""
        return sorted({*self._manifest.namespaces, *self._loaded})

    def close(self) -> None:
        """Let another process write. It reads again from the log all that was not flushed."""
        self._loaded.clear()
        if self._lock is not None:
            self._lock.close()
            self._lock = self.writer = None

    def index(self, namespace: str) -> NamespaceIndex:
        """Return the index of a namespace, loaded or new. Raises Damaged."""
        index = self.known(namespace)
        if index is None:
            index = self._loaded[namespace] = self._load(namespace)
        return index

    def known(self, namespace: str) -> NamespaceIndex | None:
        """Return the index of a namespace if it is in memory; any thread may ask."""
        self._used[namespace] = next(self._uses)
        return self._loaded.get(namespace)

    @property
    def loaded(self) -> list[NamespaceIndex]:
        """The indexes in memory."""
        return list(self._loaded.values())

    def flush(self, position: int) -> None:
        """Write all that stands in no file yet; the index stands at `position` of the log then."""
        namespaces = dict(self._manifest.namespaces)
        for name, index in self._loaded.items():
            files = namespaces.get(name, Files())
            if index.open_rows or index.open_changes:
                files = self._flush_words(index, files)
            if index.open_vector_rows:
                files = self._flush_vectors(index, files)
            if files != Files():
                namespaces[name] = files
        self._write(namespaces, position=position)

    def compact(self) -> bool:
        """Do one piece of compaction, the most pressing; return whether there was any."""
        piece = self.prepare()
        if piece is not None:
            self.place(piece)
        return piece is not None

    def prepare(self) -> Piece | None:
        """Write the file of the most pressing piece of compaction; None when there is none.

        Forgotten insights are taken out of the files that hold them, small files are joined. Events
        may be taken in meanwhile, and nothing may be flushed.
        """
        for name, index in list(self._loaded.items()):
            work = work_due(index)
            if work is not None:
                return self._prepared(name, index, work)
        return None

    def place(self, piece: Piece) -> None:
        """Put a written file in the place of those it stands for; readers keep what they have."""
        if self._loaded.get(piece.of.namespace) is not piece.of:  # It was dropped meanwhile.
            _remove_unlisted(self._folder, self._manifest)
            return
        files = {**self._manifest.namespaces, piece.of.namespace: piece.files}
        self._write(files, position=self.position)
        piece.of.replace(piece.stored)

    def unload(self, bytes_max: int) -> list[str]:
        """Unload namespaces, the least recently used first, until the others fit; name them.

        The one used last stays, and so does what is not flushed or waits for vectors.
        """
        unloaded: list[str] = []
        sizes = {name: index.nbytes for name, index in self._loaded.items()}
        by_use = sorted(self._loaded, key=lambda name: self._used.get(name, -1))
        for name in by_use[:-1]:
            index = self._loaded[name]
            unflushed = index.open_rows or index.open_changes or index.open_vector_rows
            unflushed = unflushed or index.vector_rows < len(index)
            if sum(sizes.values()) <= bytes_max:
                break
            if not unflushed:
                del self._loaded[name], sizes[name]
                unloaded.append(name)
        return unloaded

    def begin_anew(self, reason: str) -> None:
        """Drop all that was indexed, because of `reason`."""
        LOGGER.warning("the recall index in %s is built anew: %s", self._folder, reason)
        self.lost = reason
        self._loaded.clear()
        self._manifest = Manifest(log=self._manifest.log, source=self._manifest.source)
        self.position = 0
        if self.writable:
            _clear(self._folder)

    def drop(self, namespace: str) -> None:
        """Drop all that is indexed of a namespace, its files first."""
        self._loaded.pop(namespace, None)
        left = {
            name: files for name, files in self._manifest.namespaces.items() if name != namespace
        }
        self._manifest = Manifest(self._manifest.log, self._manifest.source, self.position, left)
        if self.writable:
            write_manifest(self._folder, self._manifest)
            shutil.rmtree(self._folder / namespace, ignore_errors=True)

    def drop_vectors(self, namespace: str, reason: str) -> None:
        """Drop the vectors of a namespace, because of `reason`: they are fetched again."""
        LOGGER.warning("the vectors of namespace %s are indexed anew: %s", namespace, reason)
        self._loaded.pop(namespace, None)
        files = self._manifest.namespaces[namespace]
        kept = {**self._manifest.namespaces, namespace: Files(segments=files.segments)}
        self._manifest = Manifest(self._manifest.log, self._manifest.source, self.position, kept)
        if self.writable:
            write_manifest(self._folder, self._manifest)
            _remove_unlisted(self._folder, self._manifest)

    def _load(self, namespace: str) -> NamespaceIndex:
        index = NamespaceIndex(namespace, dimension=self._dimension)
        files = self._manifest.namespaces.get(namespace, Files())
        try:
            for each in files.segments:
                index.add_segment(read_segment(self._folder / each.name, each.written))
        except Damaged:
            if not self._is_stale():
                raise
            return self._load(namespace)
        try:
            for each in files.vectors:
                index.add_vector_block(*read_vectors(self._folder / each.name, each.written))
        except Damaged as damage:
            if not self._is_stale():
                self.drop_vectors(namespace, str(damage))
            return self._load(namespace)
        return index

    def _is_stale(self) -> bool:
        """Tell whether the one that writes has put other files in the place of those we know."""
        if self.writable:
            return False
        found, lost = _manifest(self._folder, self._manifest)
        stale = lost is None and found.names != self._manifest.names
        if stale:
            self._manifest = found
        return stale

    def _flush_words(self, index: NamespaceIndex, files: Files) -> Files:
        listed, segment = self._written_segment(index.namespace, index.open_segment())
        index.store(segment)
        return Files((*files.segments, listed), files.vectors)

    def _flush_vectors(self, index: NamespaceIndex, files: Files) -> Files:
        listed, block = self._written_vectors(index.namespace, index.open_vectors())
        index.store_vectors(block)
        return Files(files.segments, (*files.vectors, listed))

    def _prepared(self, name: str, index: NamespaceIndex, work: Work) -> Piece:
        files, stored = self._manifest.namespaces[name], index.stored
        place = slice(work.start, work.end)
        if work.vectors is not None:
            listed, block = self._written_vectors(name, work.vectors)
            files = Files(files.segments, _placed(files.vectors, place, listed))
            stored = stored._replace(vectors=_placed(stored.vectors, place, block))
        elif work.segment is not None:
            new, segment = self._written_segment(name, work.segment)
            files = Files(_placed(files.segments, place, new), files.vectors)
            stored = stored._replace(segments=_placed(stored.segments, place, segment))
        return Piece(index, files, stored)

    def _written_segment(self, namespace: str, segment: Segment) -> tuple[Listed, Segment]:
        """Write a segment and return it as it is mapped from its file."""
        path = self._new_path(namespace, "words", segment.first)
        written = write_segment(path, segment)
        name = str(path.relative_to(self._folder))
        return Listed(name, len(segment.ids), *written), read_segment(path, written)

    def _written_vectors(self, namespace: str, block: VectorBlock) -> tuple[Listed, VectorBlock]:
        path = self._new_path(namespace, "vectors", block.first)
        written = write_vectors(path, block)
        name = str(path.relative_to(self._folder))
        return Listed(name, len(block.codes), *written), read_vectors(path, written).block

    def _new_path(self, namespace: str, kind: str, first: int) -> Path:
        folder = self._folder / namespace
        folder.mkdir(exist_ok=True)
        return folder / f"{kind}-{first:010d}-{secrets.token_hex(4)}.seg"

    def _write(self, namespaces: dict[str, Files], *, position: int) -> None:
        manifest = Manifest(self._manifest.log, self._manifest.source, position, namespaces)
        write_manifest(self._folder, manifest)
        gone = self._manifest.names - manifest.names
        self._manifest, self.position = manifest, position
        for name in gone:
            (self._folder / name).unlink(missing_ok=True)


def drop_namespace(folder: Path, namespace: str) -> bool:
    """Drop a namespace from an index that nobody writes; return False where somebody does.

    The one that writes follows the log, and drops it by itself.
    """
    if not folder.is_dir():
        return True
    lock = locked(folder)
    if lock is None:
        return False
    with lock:
        try:
            found = read_manifest(folder)
        except Damaged:  # It begins anew when it is opened next.
            found = None
        if found is not None:
            left = {name: files for name, files in found.namespaces.items() if name != namespace}
            write_manifest(folder, Manifest(found.log, found.source, found.position, left))
        shutil.rmtree(folder / namespace, ignore_errors=True)
    return True


def drop_older(folder: Path, mark: str) -> bool:
    """Drop an index whose source lacks `mark`, where nobody writes; tell whether none is left.

    The one that writes begins anew by itself, once it learns that its source is another.
    """
    if not folder.is_dir():
        return True
    try:
        found = read_manifest(folder)
    except Damaged:  # It begins anew when it is opened next.
        found = None
    names = found.names if found is not None and mark in found.source else set[str]()
    lock = locked(folder)
    if lock is None:
        return all(str(path.relative_to(folder)) in names for path in _files(folder))
    with lock:
        if not names:
            _clear(folder)
    return True


def _placed(items: tuple[T, ...], place: slice, new: T) -> tuple[T, ...]:
    return (*items[: place.start], new, *items[place.stop :])


def _manifest(folder: Path, fresh: Manifest) -> tuple[Manifest, str | None]:
    """Return the manifest to go on from, and why that is a fresh one where there was another."""
    try:
        found = read_manifest(folder)
    except Damaged as damage:
        return fresh, str(damage)
    if found is None:
        return fresh, None
    if found.log != fresh.log:
        return fresh, "it is of another log"
    if found.source != fresh.source:
        return fresh, f"it was made by {found.source}, not by {fresh.source}"
    return found, None


def _files(folder: Path) -> Iterator[Path]:
    yield from folder.glob("*/*.seg")
    yield from folder.glob("*/*.partial")
    yield from folder.glob("*.partial")


def _remove_unlisted(folder: Path, manifest: Manifest) -> None:
    """Remove files that no manifest names: a writer was killed before it could say so."""
    names = manifest.names
    for path in _files(folder):
        if str(path.relative_to(folder)) not in names:
            path.unlink(missing_ok=True)


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != LOCK:
            path.unlink(missing_ok=True)
