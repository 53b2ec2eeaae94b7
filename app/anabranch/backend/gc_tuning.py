"""Python's garbage collections in a process whose work is events by the thousand.

Those are `up`, `rebuild`, `worker` and `think`, not programs that others write.
"""

from __future__ import annotations

import gc
from typing import Final

_THRESHOLDS: Final = (100_000, 20, 50)
"""Of the three generations; Python's own are 700, 10 and 10."""


def collect_seldom() -> None:
    """Have Python look for cycles seldom, from now on, in the whole process.

    Events that stream through have no cycles: reference counts free them. Two batches on their way
    are some 50,000 objects that outlive the young generations. By Python's own thresholds it would
    go through them, and through all there is, again and again. Of a worker on empty branches that
    was a fifth of its processor time.
    """
    gc.set_threshold(*_THRESHOLDS)
