"""Waits of a process that did not run meanwhile: it was stopped, or its event loop held."""

from __future__ import annotations

import time
from typing import Final

STOOD_STILL_S: Final = 1.0
"""So much later than its limit ends such a wait."""


def stood_still(deadline: float) -> bool:
    """Tell whether a wait up to `deadline` (monotonic) ended so late that nothing can have run.

    The answer may lie in the socket unread, see
    findings/nats_py_takes_an_answer_that_came_while_it_was_stopped_for_none.sh.
    """
    return time.monotonic() > deadline + STOOD_STILL_S
