"""A cut: the index of a namespace as of a position. The ranker reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch_projections.recall_index.documents import unpack_document
from anabranch_projections.recall_index.postings import NAME, TAG, hash_of, joined
from anabranch_projections.recall_index.vectors import asked, cosines_of, products, products_of
from anabranch_recall.moment import Document, Postings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from anabranch_projections.recall_index.columns import NamespaceColumns
    from anabranch_projections.recall_index.conflicts import Conflicts
    from anabranch_projections.recall_index.consolidations import ConsolidationHistory
    from anabranch_projections.recall_index.endings import Endings
    from anabranch_projections.recall_index.links import Links
    from anabranch_projections.recall_index.postings import OpenPostings
    from anabranch_projections.recall_index.segment import Segment
    from anabranch_projections.recall_index.session_lines import SessionLines
    from anabranch_projections.recall_index.vectors import VectorBlock
    from anabranch_recall.moment import (
        Columns,
        ConflictThen,
        Consolidations,
        Floats,
        LinkThen,
        Rows,
    )


class Cut:
    """A `Moment` of one namespace; see there for what each method returns."""

    def __init__(
        self,
        *,
        position: int,
        count: int,
        namespace_columns: NamespaceColumns,
        lines: SessionLines,
        links_history: Links,
        conflicts_history: Conflicts,
        consolidation_history: ConsolidationHistory,
        endings: Endings,
        segments: Sequence[Segment],
        open_postings: OpenPostings,
        open_documents: list[bytes],
        vectors: Sequence[VectorBlock],
    ) -> None:
        self.position = position
        self.columns: Columns = _as_of(
            namespace_columns, count, lapsed=endings.lapsed(position) if count else {}
        )
        self._count = count
        self._of = namespace_columns
        self._lines = lines
        self._links = links_history
        self._conflicts = conflicts_history
        self._consolidations = consolidation_history
        self._endings = endings
        self._segments = [each for each in segments if each.first < count]
        self._open = open_postings
        self._open_documents = open_documents
        self._open_first = segments[-1].end if segments else 0
        self._vectors = [each for each in vectors if each.first < count]
        self._ahead: dict[bytes, NDArray[np.float32]] = {}
        self._found: dict[str, Postings] = {}

    def term(self, stem: str) -> Postings:
        """Return the insights that have a stem; one that was looked up is kept."""
        found = self._found.get(stem)
        if found is None:
            found = self._found[stem] = self._find(stem)
        return found

    def named(self, name: str) -> Postings:
        """Return the insights that mention a name."""
        return self._find(NAME + name)

    def tagged(self, tag: str) -> Rows:
        """Return the insights that carry a tag."""
        return self._find(TAG + tag).rows

    def code(self, column: str, value: str) -> int:
        """Return the code of a value of a column, -1 for none."""
        return self._of.codes[column].find(value)

    def value(self, column: str, code: int) -> str:
        """Return the value of a code of a column."""
        return self._of.codes[column].word(code)

    def similarities(self, vector: NDArray[np.float32], rows: Rows | None) -> Floats:
        """Return the cosine of each of `rows`, or of all, from one byte a number."""
        question = asked(vector)
        scales = self.columns.scale.astype(float)
        known = self._ahead.get(vector.tobytes())
        if known is not None:
            found = (known if rows is None else known[rows]).astype(float)
        elif rows is None:
            found = products(self._vectors, [question], end=self._count)[0].astype(float)
        else:
            found = products_of(self._vectors, question, rows)
        found *= scales if rows is None else scales[rows]
        found *= question.scale
        return found

    def look_ahead(self, vectors: Sequence[NDArray[np.float32]]) -> None:
        """Go through the vectors once for several questions; `similarities` knows them then."""
        questions = [asked(each) for each in vectors]
        found = products(self._vectors, questions, end=self._count)
        self._ahead.update(zip((each.tobytes() for each in vectors), found, strict=True))

    def exact_similarities(self, vector: NDArray[np.float32], rows: Rows) -> Floats:
        """Return the cosine of each of ascending `rows` from the vectors as they were made."""
        return cosines_of(self._vectors, vector, rows)

    def document(self, row: int) -> Document:
        """Return what was written; nothing where it was forgotten."""
        for segment in self._segments:
            if row < segment.end:
                return unpack_document(segment.documents.piece(row))
        return unpack_document(self._open_documents[row - self._open_first])

    def insight_ids(self, rows: Rows) -> list[str]:
        """Return the ids of insights."""
        return self._of.ids(rows)

    def row(self, insight_id: str) -> int | None:
        """Return the row of an insight, None when it is not there yet."""
        row = self._of.row(insight_id)
        return row if row is not None and row < self._count else None

    def conflicts(self, insight_id: str) -> list[ConflictThen]:
        """Return the conflicts of an insight that were open, the oldest first."""
        return self._conflicts.then(insight_id, self.position)

    def consolidations(self) -> Consolidations:
        """Return the consolidations that were recorded."""
        return self._consolidations.then(self.position)

    def links(self, insight_id: str) -> list[LinkThen]:
        """Return the associations of an insight as they stood."""
        return self._links.then(insight_id, self.position)

    def windows(self, session_id: str, scope: str) -> dict[str, int]:
        """Return the last position that counts, for each session in a scope."""
        return self._lines.windows(session_id, scope, until=self.position)

    def ended(self, session_id: str, scope: str) -> dict[int, int]:
        """Return where insights ended by the events that a scope sees, by row."""
        seen = self._lines.seen(session_id, scope, until=self.position)
        found = self._endings.within(seen)
        rows = {self.row(insight_id): position for insight_id, position in found.items()}
        return {row: position for row, position in rows.items() if row is not None}

    def sessions_in_role(self, roles: Sequence[str]) -> list[str]:
        """Return the sessions that had begun in one of `roles`."""
        return self._lines.in_role(roles, until=self.position)

    def ended_validity(self) -> dict[int, int]:
        """Return until when insights held in the world, where their end said so by then."""
        found = self._endings.validity(self.position)
        rows = {self.row(insight_id): until for insight_id, until in found.items()}
        return {row: until for row, until in rows.items() if row is not None}

    def _find(self, key: str) -> Postings:
        sought = hash_of(key)
        parts = [each.postings.find(sought) for each in self._segments]
        if self._open_first < self._count:
            parts.append(self._open.find(key))
        found = joined(parts)
        end = int(found.rows.searchsorted(self._count))
        return Postings(found.rows[:end], found.counts[:end])


def _as_of(of: NamespaceColumns, count: int, *, lapsed: Mapping[str, int]) -> Columns:
    """Return the columns up to a row, with the ends of insights that hold again by now."""
    columns = of.cut(count)
    rows = {of.row(insight_id): position for insight_id, position in lapsed.items()}
    known = {row: position for row, position in rows.items() if row is not None and row < count}
    if not known:
        return columns
    retired = columns.retired.copy()
    retired[list(known)] = list(known.values())
    return columns._replace(retired=retired)
