"""Segments and blocks of vectors as files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np

from anabranch_projections.recall_index.columns import CODED, KEPT
from anabranch_projections.recall_index.damage import Damaged
from anabranch_projections.recall_index.documents import DocumentBlock
from anabranch_projections.recall_index.postings import PackedPostings
from anabranch_projections.recall_index.section_file import Written, read_sections, write_sections
from anabranch_projections.recall_index.segment import Segment
from anabranch_projections.recall_index.vectors import VectorBlock, quantised

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

WORDS: Final = "words"
VECTORS: Final = "vectors"
_TABLES: Final = msgspec.msgpack.Decoder(dict[str, list[str]])


class ReadVectors(NamedTuple):
    """A block of vectors with the scale of each."""

    block: VectorBlock
    scales: NDArray[np.float32]


def write_segment(path: Path, segment: Segment) -> Written:
    """Write a segment as a file."""
    tables = {name: list(table) for name, table in segment.tables.items()}
    arrays: dict[str, NDArray[Any]] = {
        "ids": segment.ids,
        **{f"column.{name}": segment.columns[name] for name in KEPT},
        **{f"postings.{name}": each for name, each in segment.postings._asdict().items()},
        "documents.starts": segment.documents.starts,
        "documents.packed": segment.documents.packed,
        "tables": _as_bytes(msgspec.msgpack.encode(tables)),
        "changes": _as_bytes(segment.changes),
    }
    return write_sections(
        path, WORDS, arrays, {"first": segment.first, "position": segment.position}
    )


def read_segment(path: Path, expected: Written) -> Segment:
    """Map a segment's file. Raises Damaged."""
    header, arrays = read_sections(path, WORDS, expected)
    try:
        tables = _TABLES.decode(arrays["tables"].tobytes())
        return Segment(
            first=int(header.facts["first"]),
            position=int(header.facts["position"]),
            ids=arrays["ids"],
            columns={name: arrays[f"column.{name}"] for name in KEPT},
            tables={name: tables[name] for name in CODED},
            postings=PackedPostings(
                **{name: arrays[f"postings.{name}"] for name in PackedPostings._fields}
            ),
            documents=DocumentBlock(
                int(header.facts["first"]), arrays["documents.starts"], arrays["documents.packed"]
            ),
            changes=arrays["changes"].tobytes(),
        )
    except (KeyError, msgspec.DecodeError) as error:
        raise Damaged(path.name, f"it holds no {error}") from error


def write_vectors(path: Path, block: VectorBlock) -> Written:
    """Write a block of vectors as a file."""
    _, scales = quantised(block.full)
    arrays: dict[str, NDArray[Any]] = {"codes": block.codes, "full": block.full, "scales": scales}
    return write_sections(path, VECTORS, arrays, {"first": block.first})


def read_vectors(path: Path, expected: Written) -> ReadVectors:
    """Map a file of vectors. Raises Damaged."""
    header, arrays = read_sections(path, VECTORS, expected)
    try:
        block = VectorBlock(int(header.facts["first"]), arrays["codes"], arrays["full"])
        return ReadVectors(block, arrays["scales"])
    except KeyError as error:
        raise Damaged(path.name, f"it holds no {error}") from error


def _as_bytes(raw: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(raw, np.uint8)
