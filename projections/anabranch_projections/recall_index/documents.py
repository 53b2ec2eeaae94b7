"""Insights as they were written: text, names and tags, one packed piece a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import numpy as np

from anabranch_recall.moment import Document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

NOTHING: Final = Document("", (), (), "")
_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Document)


class DocumentBlock(NamedTuple):
    """Documents of consecutive rows from `first` on: pieces of `packed`, cut by `starts`."""

    first: int
    starts: NDArray[np.uint64]
    packed: NDArray[np.uint8]

    @property
    def end(self) -> int:
        """The row after the last."""
        return self.first + len(self.starts) - 1

    def piece(self, row: int) -> bytes:
        """Return a row's document as it is packed; empty for one that was forgotten."""
        at = row - self.first
        return self.packed[int(self.starts[at]) : int(self.starts[at + 1])].tobytes()


def pack_document(document: Document) -> bytes:
    """Return a document as bytes."""
    return _ENCODER.encode(document)


def unpack_document(piece: bytes) -> Document:
    """Return a document from its bytes."""
    return _DECODER.decode(piece) if piece else NOTHING


def document_block(first: int, pieces: Sequence[bytes]) -> DocumentBlock:
    """Return the documents of consecutive rows as one block."""
    starts = np.zeros(len(pieces) + 1, np.uint64)
    np.cumsum([len(piece) for piece in pieces], out=starts[1:])
    return DocumentBlock(first, starts, np.frombuffer(b"".join(pieces), np.uint8))


def joined_documents(blocks: Sequence[DocumentBlock]) -> DocumentBlock:
    """Return documents of consecutive rows as one block."""
    lengths = np.concatenate([np.diff(block.starts) for block in blocks])
    starts = np.zeros(len(lengths) + 1, np.uint64)
    np.cumsum(lengths, out=starts[1:])
    return DocumentBlock(blocks[0].first, starts, np.concatenate([each.packed for each in blocks]))
