"""Postings: which insights have a term, a name or a tag, in row order, and how often.

A stem is its own key; names and tags have one that no stem can be, so that one dictionary serves
all three. In a segment a key is known by 64 bits of its hash: no word of a text stands there.
"""

from __future__ import annotations

from collections import defaultdict
from hashlib import blake2b
from itertools import count
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from anabranch_projections.recall_index.growing import Growing
from anabranch_recall.moment import Postings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

NAME: Final = "name:"
TAG: Final = "tag:"
COUNT_MAX: Final = 0xFFFF
_NOTHING: Final = Postings(np.empty(0, np.int64), np.empty(0, np.int64))


class PackedPostings(NamedTuple):
    """Postings that no longer change, as arrays: what a segment holds.

    `hashes` are those of the keys, ascending; the postings of the key at place i are
    `rows[starts[i]:starts[i + 1]]`.
    """

    hashes: NDArray[np.uint64]
    starts: NDArray[np.uint32]
    rows: NDArray[np.uint32]
    counts: NDArray[np.uint16]

    def find(self, key: int) -> Postings:
        """Return the rows that have a key, ascending, by its hash."""
        at = int(self.hashes.searchsorted(np.uint64(key)))
        if at == len(self.hashes) or self.hashes[at] != key:
            return _NOTHING
        piece = slice(int(self.starts[at]), int(self.starts[at + 1]))
        return Postings(self.rows[piece].astype(np.int64), self.counts[piece].astype(np.int64))


class OpenPostings:
    """Postings of the rows that are in no segment yet: all their keys, one after the other."""

    def __init__(self) -> None:
        self._codes: defaultdict[str, int] = defaultdict(count().__next__)
        self._keys = Growing(np.uint32)
        self._rows = Growing(np.uint32)

    def add(self, row: int, keys: Sequence[str]) -> None:
        """Add a row, higher than those before it, with its keys, as often as it has them."""
        codes = np.fromiter(map(self._codes.__getitem__, keys), np.uint32, len(keys))
        self._rows.extend(np.full(len(keys), row, np.uint32))
        self._keys.extend(codes)

    def find(self, key: str) -> Postings:
        """Return the rows that have a key, ascending."""
        code = self._codes.get(key)
        if code is None:
            return _NOTHING
        keys = self._keys.cut(len(self._keys))
        rows = self._rows.cut(len(keys))[keys == code]
        found, counts = np.unique(rows, return_counts=True)
        return Postings(found.astype(np.int64), np.minimum(counts, COUNT_MAX))

    def packed(self, *, without: Sequence[int] = ()) -> PackedPostings:
        """Return all of it as arrays, `without` some rows."""
        hashes = np.fromiter(map(hash_of, list(self._codes)), np.uint64, len(self._codes))
        keys, rows = self._keys.cut(len(self._keys)), self._rows.cut(len(self._keys))
        each = keys.astype(np.uint64) << np.uint64(32) | rows
        pairs, counts = np.unique(each, return_counts=True)
        return _grouped(
            hashes[pairs >> np.uint64(32)],
            (pairs & np.uint64(0xFFFFFFFF)).astype(np.uint32),
            np.minimum(counts, COUNT_MAX).astype(np.uint16),
            without=without,
        )


def repacked(parts: Sequence[PackedPostings], *, without: Sequence[int] = ()) -> PackedPostings:
    """Return postings of consecutive rows as one, `without` some rows."""
    return _grouped(
        np.concatenate([np.repeat(part.hashes, np.diff(part.starts)) for part in parts]),
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.counts for part in parts]),
        without=without,
    )


def joined(parts: Sequence[Postings]) -> Postings:
    """Return postings of consecutive rows as one."""
    parts = [each for each in parts if len(each.rows)]
    if not parts:
        return _NOTHING
    if len(parts) == 1:
        return parts[0]
    return Postings(
        np.concatenate([each.rows for each in parts]),
        np.concatenate([each.counts for each in parts]),
    )


def hash_of(key: str) -> int:
    """Return 64 bits that stand for a key, the same on every machine."""
    return int.from_bytes(
        blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little"
    )


def _grouped(
    hashes: NDArray[np.uint64],
    rows: NDArray[np.uint32],
    counts: NDArray[np.uint16],
    *,
    without: Sequence[int],
) -> PackedPostings:
    """Group single postings by the hash of their key; rows stay ascending."""
    if len(without):
        stays = ~np.isin(rows, np.asarray(without, np.uint32))
        hashes, rows, counts = hashes[stays], rows[stays], counts[stays]
    order = np.argsort(hashes, kind="stable")
    keys, starts = np.unique(hashes[order], return_index=True)
    return PackedPostings(
        hashes=keys,
        starts=np.append(starts, len(hashes)).astype(np.uint32),
        rows=rows[order],
        counts=counts[order],
    )
