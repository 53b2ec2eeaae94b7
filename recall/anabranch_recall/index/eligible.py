"""Which insights may answer: namespace, position, scope and filters as one mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from anabranch_recall.moment import NEVER, milliseconds
from anabranch_recall.question import Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from numpy.typing import NDArray

    from anabranch_recall.filters import Filters
    from anabranch_recall.moment import Mask, Moment, Rows
    from anabranch_recall.question import Question


@dataclass(frozen=True, slots=True)
class Eligible:
    """The insights that may answer. A slot is a place among them; `rows` is None when all may.

    `retired` has for every row the position at which it ended, by the events in reach.
    """

    rows: Rows | None
    total: int
    retired: NDArray[np.int64]

    @property
    def count(self) -> int:
        """Their number."""
        return self.total if self.rows is None else len(self.rows)

    def of(self, column: NDArray[Any]) -> NDArray[Any]:
        """Return a column's values for the eligible ones."""
        return column if self.rows is None else column[self.rows]

    def row(self, slot: int) -> int:
        """Return the row at a slot."""
        return slot if self.rows is None else int(self.rows[slot])

    def rows_at(self, slots: Rows) -> Rows:
        """Return the rows at slots."""
        return slots if self.rows is None else self.rows[slots]

    def slots(self, rows: Rows) -> tuple[Rows, Mask | slice]:
        """Return the slots of those of `rows` that are eligible, and which of them are."""
        if self.rows is None:
            return rows, slice(None)
        at = np.searchsorted(self.rows, rows)
        found = self.rows[np.minimum(at, len(self.rows) - 1)] == rows if len(self.rows) else at < 0
        return at[found], found


def eligible(moment: Moment, question: Question, *, at: datetime | None = None) -> Eligible:
    """Return what may answer `question` at a moment of its namespace.

    `at` is the time in the world at which it must hold, where the question names none.
    """
    columns = moment.columns
    mask = columns.alive.copy()
    retired = _retired(moment, question)
    if not question.include_retired:
        mask &= retired > moment.position
    if question.scope is not Scope.NAMESPACE:
        mask &= _in_scope(moment, question)
    filters = question.filters
    if filters.valid_at is not None:
        at = filters.valid_at
    elif question.include_retired:
        at = None
    if at is not None:
        mask &= _valid(moment, milliseconds(at), retired)
    for part in _filtered(moment, filters):
        mask &= part
    total = len(mask)
    return Eligible(None if mask.all() else np.flatnonzero(mask), total, retired)


def forgotten_since(moment: Moment) -> int:
    """Return how many insights held at a moment whose text was forgotten later."""
    columns = moment.columns
    return int(np.count_nonzero(~columns.alive & (columns.retired > moment.position)))


def _retired(moment: Moment, question: Question) -> NDArray[np.int64]:
    """Return where each row ended: in a namespace by any event, in a scope by those it sees."""
    if question.scope is Scope.NAMESPACE:
        return moment.columns.retired
    retired = np.full(len(moment.columns.position), NEVER, np.int64)
    for row, position in moment.ended(question.session_id or "", question.scope.value).items():
        retired[row] = position
    return retired


def _in_scope(moment: Moment, question: Question) -> Mask:
    windows = moment.windows(question.session_id or "", question.scope.value)
    columns = moment.columns
    until = _table(moment, "session", windows, count=_codes(columns.session))
    return columns.position <= until[columns.session]


def _filtered(moment: Moment, filters: Filters) -> Iterator[Mask]:
    columns = moment.columns
    for tag in dict.fromkeys(filters.tags):
        tagged = np.zeros(len(columns.position), np.bool_)
        tagged[moment.tagged(tag)] = True
        yield tagged
    if filters.kinds:
        yield np.isin(columns.kind, [moment.code("kind", each) for each in filters.kinds])
    for kind in filters.kinds_left_out:
        if (code := moment.code("kind", kind)) >= 0:
            yield columns.kind != code
    if filters.agent is not None:
        yield columns.agent == moment.code("agent", filters.agent)
    if filters.role is not None:
        sessions = dict.fromkeys(moment.sessions_in_role([filters.role]), 1)
        known = _table(moment, "session", sessions, count=_codes(columns.session))
        yield known[columns.session] > 0
    if filters.confidence_min > 0:
        yield columns.confidence >= np.float32(filters.confidence_min)
    if filters.since is not None:
        yield columns.recorded_at >= milliseconds(filters.since)
    if filters.until is not None:
        yield columns.recorded_at <= milliseconds(filters.until)


def _valid(moment: Moment, at: int, retired: NDArray[np.int64]) -> Mask:
    """Return what holds at a time; an end that is out of reach changes no validity."""
    columns = moment.columns
    until = columns.valid_until
    ended = {
        row: until
        for row, until in moment.ended_validity().items()
        if retired[row] <= moment.position
    }
    if ended:
        until = until.copy()
        until[list(ended)] = list(ended.values())
    return (columns.valid_from <= at) & (until > at)


def _table(
    moment: Moment, column: str, values: Mapping[str, int], *, count: int
) -> NDArray[np.int64]:
    """Return a value for each code of a column, 0 where `values` says nothing."""
    table = np.zeros(count, np.int64)
    for word, value in values.items():
        code = moment.code(column, word)
        if 0 <= code < count:
            table[code] = value
    return table


def _codes(column: NDArray[np.int32]) -> int:
    return int(column.max(initial=-1)) + 1
