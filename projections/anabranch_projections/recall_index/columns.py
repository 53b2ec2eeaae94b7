"""The columns of one namespace: one value an insight, in the order in which they were recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from anabranch_projections.recall_index.codes import Codes, own_table
from anabranch_projections.recall_index.entries import DAY_MS
from anabranch_projections.recall_index.growing import Growing
from anabranch_recall.moment import NEVER, Columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from anabranch_projections.recall_index.entries import Learned
    from anabranch_recall.text.features import Features

NO_TIME: Final = np.iinfo(np.int64).min
CODED: Final = ("session", "kind", "agent", "subject")
KEPT: Final = (
    *("position", "recorded_at", "session", "kind", "agent", "subject", "confidence", "day"),
    *("valid_from", "valid_until", "before", "length", "substance", "asks"),
)
"""The columns that a segment holds; the others follow from later entries."""
_TYPES: Final[Mapping[str, Any]] = {
    "position": np.int64,
    "recorded_at": np.int64,
    "session": np.int32,
    "kind": np.int32,
    "agent": np.int32,
    "subject": np.int32,
    "confidence": np.float32,
    "day": np.int32,
    "valid_from": np.int64,
    "valid_until": np.int64,
    "retired": np.int64,
    "before": np.int32,
    "length": np.int32,
    "substance": np.float32,
    "asks": np.bool_,
    "alive": np.bool_,
    "scale": np.float32,
}


class NamespaceColumns:
    """Grows row by row, or by a segment's rows at once."""

    def __init__(self) -> None:
        self._columns = {name: Growing(dtype) for name, dtype in _TYPES.items()}
        self._ids = Growing(np.uint8, width=16)
        self._new: list[tuple[Any, ...]] = []
        self._rows: dict[bytes, int] = {}
        self._last_in: dict[int, int] = {}
        self.codes = {name: Codes() for name in CODED}

    def __len__(self) -> int:
        return len(self._rows)

    def append(self, entry: Learned, features: Features, *, agent: str) -> int:
        """Add an insight that is not there yet; return its row."""
        row = len(self)
        session = self.codes["session"].add(entry.session_id)
        self._new.append(
            (
                *(id_bytes(entry.insight_id), entry.position, entry.time, session),
                self.codes["kind"].add(entry.kind),
                self.codes["agent"].add(agent),
                self.codes["subject"].add(features.subject),
                *(entry.confidence, day_number(entry)),
                NO_TIME if entry.valid_from is None else entry.valid_from,
                NEVER if entry.valid_until is None else entry.valid_until,
                *(NEVER, self._last_in.get(session, -1), len(features.stems)),
                *(features.substance, features.asks, True, 0.0),
            )
        )
        self._last_in[session] = row
        self._rows[self._new[-1][0]] = row
        return row

    def settle(self) -> None:
        """Bring the rows that were added one by one into the columns, all at once."""
        if not self._new:
            return
        ids, *columns = zip(*self._new, strict=True)
        for name, values in zip(_TYPES, columns, strict=True):
            self._columns[name].extend(np.asarray(values, _TYPES[name]))
        self._ids.extend(np.frombuffer(b"".join(ids), np.uint8).reshape(-1, 16))
        self._new.clear()

    def extend(
        self,
        ids: NDArray[np.uint8],
        columns: Mapping[str, NDArray[Any]],
        tables: Mapping[str, Sequence[str]],
    ) -> None:
        """Add the rows of a segment, whose codes stand for the words in `tables`."""
        self.settle()
        first, count = len(self), len(ids)
        columns = dict(columns)
        for name in CODED:
            ours = self.codes[name].add_all(tables[name])
            columns[name] = ours[columns[name]]
        for name in KEPT:
            self._columns[name].extend(columns[name])
        self._columns["retired"].extend(np.full(count, NEVER, np.int64))
        self._columns["alive"].extend(np.ones(count, np.bool_))
        self._columns["scale"].extend(np.zeros(count, np.float32))
        sessions, rows = columns["session"], range(first, first + count)
        self._last_in.update(zip(sessions.tolist(), rows, strict=True))
        self._ids.extend(ids)
        raw = ids.tobytes()
        self._rows.update((raw[16 * at : 16 * at + 16], first + at) for at in range(count))

    def kept(
        self, first: int, end: int
    ) -> tuple[NDArray[np.uint8], dict[str, NDArray[Any]], dict[str, list[str]]]:
        """Return rows for a segment: ids, columns with codes of their own, and their tables."""
        self.settle()
        columns = {name: self._columns[name].cut(end, start=first).copy() for name in KEPT}
        tables: dict[str, list[str]] = {}
        for name in CODED:
            columns[name], tables[name] = own_table(columns[name], self.codes[name])
        return self._ids.cut(end, start=first).copy(), columns, tables

    def cut(self, end: int) -> Columns:
        """Return the columns up to a row, as views."""
        self.settle()
        return Columns(**{name: column.cut(end) for name, column in self._columns.items()})

    def count(self, position: int) -> int:
        """Return how many insights were recorded up to a position."""
        self.settle()
        positions = self._columns["position"].cut(len(self))
        return int(np.searchsorted(positions, position, side="right"))

    def row(self, insight_id: str) -> int | None:
        """Return the row of an insight, None when it is not there."""
        return self._rows.get(id_bytes(insight_id))

    def ids(self, rows: NDArray[np.int64]) -> list[str]:
        """Return the ids of insights."""
        digits = self._ids.cut(len(self._ids))[rows].tobytes().hex()
        return [_canonical(digits[at : at + 32]) for at in range(0, len(digits), 32)]

    def retire(self, row: int, position: int) -> None:
        """Say at which position an insight ended."""
        self.settle()
        self._columns["retired"].put(row, position)

    def forget(self, row: int) -> None:
        """Take out of the columns what an insight said."""
        self.settle()
        for name, value in self.forgotten_values().items():
            self._columns[name].put(row, value)

    def forgotten_values(self) -> dict[str, Any]:
        """Return what stands in the columns of a forgotten insight."""
        nobody = self.codes["subject"].add("")
        gone = {"subject": nobody, "length": 0, "substance": 0.0, "asks": False}
        return {**gone, "alive": False, "scale": 0.0}

    def scale(self, first: int, scales: NDArray[np.float32]) -> None:
        """Set the scales of vectors that came in; a forgotten insight gets none."""
        self.settle()
        alive = self._columns["alive"].cut(first + len(scales), start=first)
        self._columns["scale"].put_all(first, np.where(alive, scales, np.float32(0.0)))

    @property
    def nbytes(self) -> int:
        """The columns' memory in bytes, without the table of ids."""
        return self._ids.nbytes + sum(each.nbytes for each in self._columns.values())


def id_bytes(insight_id: str) -> bytes:
    """Return a canonical UUID as 16 bytes."""
    return bytes.fromhex(insight_id.replace("-", ""))


def _canonical(digits: str) -> str:
    parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    return "-".join(parts)


def day_number(entry: Learned) -> int:
    """Return the day that an insight speaks of: from when it holds, or when it was recorded."""
    return (entry.time if entry.valid_from is None else entry.valid_from) // DAY_MS
