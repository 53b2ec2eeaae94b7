"""The index of one namespace: columns, postings, vectors, sessions and links, in position order."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from anabranch_projections.recall_index.columns import NamespaceColumns, day_number
from anabranch_projections.recall_index.conflicts import Conflicts
from anabranch_projections.recall_index.consolidations import ConsolidationHistory
from anabranch_projections.recall_index.cut import Cut
from anabranch_projections.recall_index.documents import document_block, pack_document
from anabranch_projections.recall_index.endings import Endings
from anabranch_projections.recall_index.entries import (
    AnyEntry,
    Began,
    Change,
    Cited,
    Consolidated,
    Derived,
    Ended,
    Forgotten,
    Learned,
    Linked,
    Opposed,
    Ran,
    Reconciled,
    Retired,
    SessionErased,
    Unlinked,
    entries_of,
)
from anabranch_projections.recall_index.links import Links
from anabranch_projections.recall_index.postings import NAME, TAG, OpenPostings
from anabranch_projections.recall_index.segment import Segment, encoded_changes
from anabranch_projections.recall_index.session_lines import SessionLines
from anabranch_projections.recall_index.vectors import OpenVectors, VectorBlock
from anabranch_recall.moment import NEVER, Document, day_text
from anabranch_recall.text.features import features

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anabranch_projections.fold.positioned import PositionedEvent
    from anabranch_recall.text.features import Features


class Stored(NamedTuple):
    """The part of an index that is in segments. They never change: a new tuple replaces them."""

    segments: tuple[Segment, ...] = ()
    vectors: tuple[VectorBlock, ...] = ()

    @property
    def rows(self) -> int:
        """The number of rows in segments."""
        return self.segments[-1].end if self.segments else 0

    @property
    def vector_rows(self) -> int:
        """The number of rows with vectors in segments."""
        return self.vectors[-1].end if self.vectors else 0


class NamespaceIndex:
    """Takes in the events of a namespace in log order and answers with cuts at any position.

    One writer; readers on other threads hold a `Cut`, which stays as it is.
    """

    def __init__(self, namespace: str, *, dimension: int) -> None:
        self.namespace = namespace
        self.position = 0
        self.stored = Stored()
        self.dimension = dimension
        self._columns = NamespaceColumns()
        self._lines = SessionLines()
        self._links = Links()
        self._conflicts = Conflicts()
        self._consolidations = ConsolidationHistory(self._columns.row)
        self._erased_sessions: set[str] = set()
        self._endings = Endings()
        self._forgotten: set[str] = set()
        self._derived: dict[str, list[str]] = {}
        self._postings = OpenPostings()
        self._documents: list[bytes] = []
        self._changes: list[Change] = []
        self._vectors = OpenVectors(0, dimension)
        self._vector_rows = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._columns)

    @property
    def open_rows(self) -> int:
        """The number of insights in no segment yet."""
        return len(self) - self.stored.rows

    @property
    def open_changes(self) -> int:
        """The number of changes in no segment yet."""
        return len(self._changes)

    @property
    def open_vector_rows(self) -> int:
        """The number of vectors in no block yet."""
        return self._vector_rows - self.stored.vector_rows

    @property
    def nbytes(self) -> int:
        """Its memory in bytes, about, with the mapped files that recall reads."""
        stored = sum(each.nbytes for each in self.stored.segments)
        codes = sum(each.codes.nbytes for each in self.stored.vectors)
        ids = 200 * len(self)
        own = self._columns.nbytes + self._vectors.nbytes + self._consolidations.nbytes
        return own + stored + codes + ids

    @property
    def vector_rows(self) -> int:
        """The number of insights with a vector, counted from the first."""
        return self._vector_rows

    def has_vectors(self, position: int) -> bool:
        """Tell if every insight recorded up to `position` has its vector."""
        with self._lock:
            return self._columns.count(position) <= self._vector_rows

    def apply(self, at: PositionedEvent) -> None:
        """Take in the next event, unless it breaks a rule of its session's line."""
        if at.position <= self.position:
            return
        with self._lock:
            if not self._lines.breaks_a_rule(at):
                for entry in entries_of(at):
                    self._apply(entry)
            self.position = at.position

    def add_vectors(self, vectors: NDArray[np.float32]) -> None:
        """Give the next insights without a vector theirs; a row of zeros is none."""
        first = self._vector_rows
        vectors = self._of_the_living(first, vectors)
        with self._lock:
            self._columns.scale(first, self._vectors.extend(vectors))
            self._vector_rows = first + len(vectors)

    def texts_without_vectors(self, count: int) -> list[str]:
        """Return the texts of the next insights without a vector, empty where forgotten."""
        end = min(self._vector_rows + count, len(self))
        cut = self.cut()
        return [cut.document(row).said for row in range(self._vector_rows, end)]

    def cut(self, as_of: int | None = None) -> Cut:
        """Return the index as of a position, or as it is."""
        with self._lock:
            position = self.position if as_of is None else min(as_of, self.position)
            return Cut(
                position=position,
                count=self._columns.count(position),
                namespace_columns=self._columns,
                lines=self._lines,
                links_history=self._links,
                conflicts_history=self._conflicts,
                consolidation_history=self._consolidations,
                endings=self._endings,
                segments=self.stored.segments,
                open_postings=self._postings,
                open_documents=self._documents,
                vectors=(*self.stored.vectors, self._vectors.block()),
            )

    def open_segment(self) -> Segment:
        """Return what stands in no segment yet as one. `store` puts it in its place."""
        first, end = self.stored.rows, len(self)
        with self._lock:
            ids, columns, tables = self._columns.kept(first, end)
        return Segment(
            first=first,
            position=self.position,
            ids=ids,
            columns=columns,
            tables=tables,
            postings=self._postings.packed(without=self.forgotten_rows(first, end)),
            documents=document_block(first, self._documents),
            changes=encoded_changes(self._changes),
        )

    def store(self, segment: Segment) -> None:
        """Answer from `segment`, which is the open one, instead of from what it was made of."""
        with self._lock:
            self.stored = self.stored._replace(segments=(*self.stored.segments, segment))
            self._postings, self._documents, self._changes = OpenPostings(), [], []

    def open_vectors(self) -> VectorBlock:
        """Return the vectors that stand in no block yet as one. `store_vectors` places it."""
        return self._vectors.block()

    def store_vectors(self, block: VectorBlock) -> None:
        """Answer from `block`, which is the open one, instead of from what it was made of."""
        with self._lock:
            self.stored = self.stored._replace(vectors=(*self.stored.vectors, block))
            self._vectors = OpenVectors(block.end, self.dimension)

    def replace(self, stored: Stored) -> None:
        """Answer from other segments that hold the same rows."""
        with self._lock:
            self.stored = stored

    def erasable(self, segment: Segment) -> list[int]:
        """Return the rows of forgotten insights whose texts still stand in a segment."""
        gone = self.forgotten_rows(segment.first, segment.end)
        return [row for row in gone if segment.documents.piece(row)]

    def erasable_vectors(self, block: VectorBlock) -> list[int]:
        """Return the rows of forgotten insights whose vectors still stand in a block."""
        gone = self.forgotten_rows(block.first, block.end)
        return [row for row in gone if block.codes[row - block.first].any()]

    def add_segment(self, segment: Segment) -> None:
        """Take in a segment that was read: the rows and changes after those that are here."""
        self._columns.extend(segment.ids, segment.columns, segment.tables)
        self._consolidations.learned_some()
        self.stored = self.stored._replace(segments=(*self.stored.segments, segment))
        for change in segment.decoded_changes():
            self._change(change)
        self._end_known(segment)
        self.position = max(self.position, segment.position)

    def add_vector_block(self, block: VectorBlock, scales: NDArray[np.float32]) -> None:
        """Take in vectors that were read: those of the rows after the ones that have theirs."""
        self._columns.scale(block.first, scales)
        self._vector_rows = block.end
        self.stored = self.stored._replace(vectors=(*self.stored.vectors, block))
        self._vectors = OpenVectors(block.end, self.dimension)

    def forgotten_rows(self, first: int, end: int) -> list[int]:
        """Return the rows of forgotten insights in a stretch of rows."""
        with self._lock:
            alive = self._columns.cut(end).alive[first:end]
        return (np.flatnonzero(~alive) + first).tolist()

    def _of_the_living(self, first: int, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        gone = self.forgotten_rows(first, first + len(vectors))
        if gone:
            vectors = vectors.copy()
            vectors[np.asarray(gone) - first] = 0.0
        return vectors

    def _apply(self, entry: AnyEntry) -> None:
        if isinstance(entry, Learned):
            self._learn(entry)
        elif not isinstance(entry, Derived) or self._columns.row(entry.insight_id) is None:
            self._changes.append(entry)
            self._change(entry)

    def _learn(self, entry: Learned) -> None:
        if self._columns.row(entry.insight_id) is not None:
            return
        day = day_text(day_number(entry))
        found = features(entry.text, day=day, names=entry.names, subject=entry.subject)
        row = self._columns.append(
            entry, found, agent=entry.agent or self._lines.agent(entry.session_id)
        )
        if entry.insight_id in self._forgotten:
            self._documents.append(b"")
        else:
            self._postings.add(row, _keys(entry, found))
            document = Document(entry.text, entry.names, entry.tags, entry.subject)
            self._documents.append(pack_document(document))
        self._consolidations.learned(entry.insight_id, row)
        if entry.insight_id in self._forgotten or self._endings.held(entry.insight_id) is not None:
            self._end_one(entry.insight_id, row)

    def _change(self, change: Change) -> None:
        match change:
            case Began() | Ended() | Ran():
                self._lines.apply(self.namespace, change)
            case Consolidated():
                self._lines.apply(self.namespace, change)
                self._consolidations.record(change, erased=self._joins_erased(change))
            case SessionErased():
                self._erased_sessions.add(change.session_id)
                branches = self._lines.branches(change.session_id)
                self._consolidations.erase((change.session_id, *branches))
            case Retired():
                self._retire(change)
            case Derived():
                self._derive(change)
            case Forgotten():
                self._forget(change.insight_id)
            case _:
                self._change_between(change)

    def _change_between(self, change: Linked | Unlinked | Cited | Opposed | Reconciled) -> None:
        match change:
            case Linked():
                self._links.form(change)
            case Unlinked():
                self._links.sever(change)
            case Cited():
                self._links.cite(change)
            case Opposed():
                self._conflicts.open(change)
            case Reconciled():
                self._conflicts.resolve(change)

    def _joins_erased(self, change: Consolidated) -> bool:
        """Tell whether a consolidation joins a forgotten session, or a branch of one."""
        parents = map(self._lines.parent, change.session_ids)
        return not self._erased_sessions.isdisjoint((*change.session_ids, *parents))

    def _retire(self, change: Retired) -> None:
        for insight_id in self._endings.add(change):
            row = self._columns.row(insight_id)
            if row is not None:
                self._end_one(insight_id, row)

    def _derive(self, change: Derived) -> None:
        for source in change.sources:
            self._derived.setdefault(source, []).append(change.insight_id)
        if not self._forgotten.isdisjoint(change.sources):
            self._forget(change.insight_id)

    def _forget(self, insight_id: str) -> None:
        """Erase an insight, and all that is derived from it."""
        left = [insight_id]
        while left:
            one = left.pop()
            if one in self._forgotten:
                continue
            self._forgotten.add(one)
            row = self._columns.row(one)
            if row is not None:
                self._end_one(one, row)
            left += self._derived.get(one, ())

    def _end_one(self, insight_id: str, row: int) -> None:
        """Lay over a row whether it ended, be that known before it or after."""
        retired = self._endings.held(insight_id)
        self._columns.retire(row, NEVER if retired is None else retired)
        if insight_id in self._forgotten:
            self._columns.forget(row)
            self._vectors.erase(row)
            at = row - self.stored.rows
            if 0 <= at < len(self._documents):
                self._documents[at] = b""

    def _end_known(self, segment: Segment) -> None:
        """Lay over a segment's rows what ended them before they were there."""
        for insight_id in (*self._endings.ended(), *self._forgotten):
            row = self._columns.row(insight_id)
            if row is not None and segment.first <= row < segment.end:
                self._end_one(insight_id, row)


def _keys(entry: Learned, found: Features) -> list[str]:
    """Return the keys of a row, as often as it has them; a name that opens the text twice."""
    names = [NAME + name for name in found.names]
    opening = [NAME + name for name, opens in found.names.items() if opens]
    return [*found.stems, *names, *opening, *(TAG + tag for tag in entry.tags)]
