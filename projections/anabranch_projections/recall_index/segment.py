"""A segment: the entries of a stretch of the log, as arrays that no longer change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np

from anabranch_projections.recall_index.documents import (
    DocumentBlock,
    document_block,
    joined_documents,
)
from anabranch_projections.recall_index.entries import Change
from anabranch_projections.recall_index.postings import PackedPostings, repacked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

_CHANGES: Final = msgspec.msgpack.Decoder(list[Change])
_ENCODER: Final = msgspec.msgpack.Encoder()


class Segment(NamedTuple):
    """Rows from `first` on with their postings and documents, and what else changed meanwhile.

    `position` is the last position of the log that it takes in.
    """

    first: int
    position: int
    ids: NDArray[np.uint8]
    columns: Mapping[str, NDArray[Any]]
    tables: Mapping[str, Sequence[str]]
    postings: PackedPostings
    documents: DocumentBlock
    changes: bytes

    @property
    def end(self) -> int:
        """The row after the last."""
        return self.first + len(self.ids)

    @property
    def nbytes(self) -> int:
        """The bytes that recall reads: the postings."""
        return sum(each.nbytes for each in self.postings)

    def decoded_changes(self) -> list[Change]:
        """Return what changed beside the rows, in log order."""
        return _CHANGES.decode(self.changes) if self.changes else []

    def without(self, rows: Sequence[int]) -> Segment:
        """Return the segment without what the insights in `rows` said; their rows stay, empty."""
        gone = [row for row in rows if self.first <= row < self.end]
        places = np.asarray(gone, np.int64) - self.first
        columns = {name: column.copy() for name, column in self.columns.items()}
        for name in ("length", "substance", "asks"):
            columns[name][places] = 0
        subjects = [*self.tables["subject"], ""]
        columns["subject"][places] = len(subjects) - 1
        columns["subject"], subjects = _used(columns["subject"], subjects)
        lost = set(gone)
        pieces = [
            b"" if row in lost else self.documents.piece(row) for row in range(self.first, self.end)
        ]
        return self._replace(
            columns=columns,
            tables={**self.tables, "subject": subjects},
            postings=repacked([self.postings], without=gone),
            documents=document_block(self.first, pieces),
        )


def encoded_changes(changes: Sequence[Change]) -> bytes:
    """Return changes as bytes."""
    return _ENCODER.encode(changes)


def merged(segments: Sequence[Segment]) -> Segment:
    """Return segments of consecutive rows as one."""
    first = segments[0]
    columns: dict[str, NDArray[Any]] = {}
    tables: dict[str, Sequence[str]] = {}
    for name in first.columns:
        parts = [each.columns[name] for each in segments]
        if name in first.tables:
            parts, tables[name] = _one_table(parts, [each.tables[name] for each in segments])
        columns[name] = np.concatenate(parts)
    changes = [change for each in segments for change in each.decoded_changes()]
    return Segment(
        first=first.first,
        position=segments[-1].position,
        ids=np.concatenate([each.ids for each in segments]),
        columns=columns,
        tables=tables,
        postings=repacked([each.postings for each in segments]),
        documents=joined_documents([each.documents for each in segments]),
        changes=encoded_changes(changes),
    )


def _one_table(
    columns: Sequence[NDArray[np.int32]], tables: Sequence[Sequence[str]]
) -> tuple[list[NDArray[np.int32]], list[str]]:
    """Return columns with their codes for one table that serves all."""
    codes: dict[str, int] = {}
    recoded: list[NDArray[np.int32]] = []
    for column, table in zip(columns, tables, strict=True):
        ours = [codes.setdefault(word, len(codes)) for word in table]
        recoded.append(np.asarray(ours, np.int32)[column])
    return recoded, list(codes)


def _used(column: NDArray[np.int32], table: Sequence[str]) -> tuple[NDArray[np.int32], list[str]]:
    """Return a column and its table without the words that no row has any more."""
    used, renumbered = np.unique(column, return_inverse=True)
    return renumbered.astype(np.int32), [table[int(code)] for code in used]
