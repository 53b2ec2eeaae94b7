"""Compaction: what was forgotten leaves the files that hold it, and small files are joined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from anabranch_projections.recall_index.segment import merged
from anabranch_projections.recall_index.vectors import joined_vectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch_projections.recall_index.namespace_index import NamespaceIndex
    from anabranch_projections.recall_index.segment import Segment
    from anabranch_projections.recall_index.vectors import VectorBlock

ROWS_MAX: Final = 65_536
"""The most rows of a file that was joined: it bounds each piece of work."""
GROWTH: Final = 3


class Work(NamedTuple):
    """The replacement of the files from `start` up to `end`: a segment, or a block."""

    start: int
    end: int
    segment: Segment | None = None
    vectors: VectorBlock | None = None


def work_due(index: NamespaceIndex) -> Work | None:
    """Return the most pressing compaction, erasing before joining. None when all is well."""
    stored = index.stored
    for at, segment in enumerate(stored.segments):
        gone = index.erasable(segment)
        if gone:
            return Work(at, at + 1, segment=segment.without(gone))
    for at, block in enumerate(stored.vectors):
        gone = index.erasable_vectors(block)
        if gone:
            return Work(at, at + 1, vectors=block.without(gone))
    start = merge_due([len(each.ids) for each in stored.segments])
    if start is not None:
        return Work(start, len(stored.segments), segment=merged(stored.segments[start:]))
    start = merge_due([len(each.codes) for each in stored.vectors])
    if start is not None:
        return Work(start, len(stored.vectors), vectors=joined_vectors(stored.vectors[start:]))
    return None


def merge_due(sizes: Sequence[int]) -> int | None:
    """Return from which file on the last ones should be joined, None when they are fine.

    A file that is not much larger than those after it is joined with them. So there are few files,
    and each row is written anew a few times only.
    """
    start, total = len(sizes) - 1, sum(sizes[-1:])
    while start > 0 and sizes[start - 1] <= GROWTH * max(total, 1):
        if total + sizes[start - 1] > ROWS_MAX:
            break
        start -= 1
        total += sizes[start]
    return start if 0 <= start < len(sizes) - 1 else None
