"""The insights of an index that have the words of a question's identifiers."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Final

import numpy as np

from anabranch_recall.text.identifiers import Held, held
from anabranch_recall.text.words import stems

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch_recall.index.eligible import Eligible
    from anabranch_recall.moment import Floats, Moment, Rows

READ_MAX: Final = 200
"""The best insights with all words of an identifier, of which the texts are read."""


def identified(
    moment: Moment,
    identifiers: Sequence[str],
    reach: Eligible,
    total: Floats,
    *,
    pooled: Sequence[int],
) -> dict[int, Held]:
    """Return which identifiers the insights that have all words of one have, by their slots.

    Read are those among the `pooled` slots, and the `READ_MAX` that are best by `total`, the newest
    of equal ones first.
    """
    having = {one: _having(moment, one, reach) for one in identifiers}
    any_of = reduce(np.union1d, having.values(), np.empty(0, np.int64))
    best = any_of[np.lexsort((-any_of, -total[any_of]))[:READ_MAX]]
    read = np.union1d(best, np.intersect1d(any_of, np.asarray(pooled, np.int64)))
    has = {one: np.isin(read, slots).tolist() for one, slots in having.items()}
    return {
        slot: held(
            (one for one, there in has.items() if there[place]),
            moment.document(reach.row(slot)).said,
        )
        for place, slot in enumerate(read.tolist())
    }


def _having(moment: Moment, identifier: str, reach: Eligible) -> Rows:
    """Return the slots of the insights that have all words of an identifier."""
    rows = [moment.term(stem).rows for stem in dict.fromkeys(stems(identifier))]
    slots, _ = reach.slots(reduce(_both, sorted(rows, key=len) or [np.empty(0, np.int64)]))
    return slots.astype(np.int64)


def _both(some: Rows, others: Rows) -> Rows:
    return np.intersect1d(some, others, assume_unique=True)
