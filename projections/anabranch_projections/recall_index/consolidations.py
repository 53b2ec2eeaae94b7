"""Consolidations with what each cites, in log order: which there were at a position."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anabranch_projections.recall_index.growing import Growing
from anabranch_recall.candidates import RESTATED
from anabranch_recall.moment import Consolidations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from anabranch_projections.recall_index.entries import Consolidated

NOT_THERE = -1
"""The row of a source that was not recorded yet."""


class ConsolidationHistory:
    """The consolidations of one namespace; `row_of` finds the row of an insight that is there."""

    def __init__(self, row_of: Callable[[str], int | None]) -> None:
        self._row_of = row_of
        self._positions = Growing(np.int64)
        self._starts = Growing(np.int64)
        self._rows = Growing(np.int64)
        self._restated = Growing(np.bool_)
        self._erased = Growing(np.bool_)
        self._ids: set[str] = set()
        self._joining: dict[str, list[int]] = {}
        self._awaited: dict[str, list[int]] = {}

    def record(self, entry: Consolidated, *, erased: bool) -> None:
        """Take in a consolidation; only the first of an id counts."""
        if entry.consolidation_id in self._ids:
            return
        self._ids.add(entry.consolidation_id)
        if not entry.sources:
            return
        for session_id in entry.session_ids:
            self._joining.setdefault(session_id, []).append(len(self._positions))
        self._starts.append(len(self._rows))
        for insight_id in entry.sources:
            row = self._row_of(insight_id)
            if row is None:
                self._awaited.setdefault(insight_id, []).append(len(self._rows))
            self._rows.append(NOT_THERE if row is None else row)
        self._restated.append(entry.method == RESTATED)
        self._erased.append(erased)
        # Last: a reader on another thread finds a position only when the rest is there.
        self._positions.append(entry.position)

    def erase(self, session_ids: Iterable[str]) -> None:
        """Note that the texts of all consolidations of these sessions were forgotten."""
        for session_id in session_ids:
            for at in self._joining.get(session_id, ()):
                self._erased.put(at, True)

    def learned(self, insight_id: str, row: int) -> None:
        """Note the row of an insight that came after a consolidation that cites it."""
        for at in self._awaited.pop(insight_id, ()):
            self._rows.put(at, row)

    def learned_some(self) -> None:
        """Look up the insights that are awaited: many rows came at once."""
        for insight_id in tuple(self._awaited):
            row = self._row_of(insight_id)
            if row is not None:
                self.learned(insight_id, row)

    def then(self, position: int) -> Consolidations:
        """Return the consolidations that were recorded up to a position."""
        positions = self._positions.cut(len(self._positions))
        count = int(np.searchsorted(positions, position, side="right"))
        # Before the starts: of a consolidation that comes meanwhile these are not yet counted.
        end = len(self._rows)
        starts = self._starts.cut(count + 1)
        if len(starts) > count:
            end = int(starts[count])
        return Consolidations(
            self._rows.cut(end), starts[:count], self._restated.cut(count), self._erased.cut(count)
        )

    @property
    def nbytes(self) -> int:
        """The memory of its columns in bytes."""
        columns = (self._positions, self._starts, self._rows, self._restated, self._erased)
        return sum(each.nbytes for each in columns)
