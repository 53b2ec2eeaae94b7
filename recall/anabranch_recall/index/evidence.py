"""Evidence: the insights that a standing consolidation cites."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from anabranch_recall.index.eligible import Eligible
    from anabranch_recall.moment import Mask, Moment


def is_evidence(moment: Moment, reach: Eligible) -> Mask:
    """Tell for each slot whether a standing consolidation cites the insight.

    A consolidation stands while its text is not forgotten, and all that it cites holds and may
    answer. Of those that say one fact the last stands for it, and is no evidence.
    """
    total, found = reach.total, moment.consolidations()
    cited = np.zeros(total + 1, np.bool_)  # The last place is for what is not there.
    if len(found.starts):
        rows = np.where((found.rows < 0) | (found.rows >= total), total, found.rows)
        lengths = np.diff(found.starts, append=len(rows))
        holds = np.append(_may_answer(reach) & (reach.retired > moment.position), False)
        stands = np.logical_and.reduceat(holds[rows], found.starts) & ~found.erased
        positions = np.append(moment.columns.position, -1)[rows]
        last = positions == np.repeat(np.maximum.reduceat(positions, found.starts), lengths)
        spared = last & np.repeat(found.restated, lengths)
        cited[rows[np.repeat(stands, lengths) & ~spared]] = True
    of_slots: Mask = reach.of(cited[:total])
    return of_slots


def _may_answer(reach: Eligible) -> Mask:
    if reach.rows is None:
        return np.ones(reach.total, np.bool_)
    found = np.zeros(reach.total, np.bool_)
    found[reach.rows] = True
    return found
