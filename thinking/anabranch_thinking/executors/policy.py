"""The policy of attempts: the failures that are tried again, the pauses, and the limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anabranch_events.errors import InputInvalid
from anabranch_thinking.errors import DoNotRetry, RetryLater
from anabranch_thinking.sessions.findings import ERROR_LENGTH_MAX, lead

if TYPE_CHECKING:
    from collections.abc import Sequence

ATTEMPTS_MAX: Final = 5
"""The attempts at a branch whose workers die, or that asks for another one, at most."""

ERRORS_LENGTH_MAX: Final = 20 * ERROR_LENGTH_MAX
BACKOFF_S: Final = 0.5
BACKOFF_MAX_S: Final = 30.0


def tries_again(error: Exception, *, attempt: int, retries: int) -> bool:
    """Tell whether the branch is tried again after its `attempt`-th attempt failed."""
    if isinstance(error, DoNotRetry | InputInvalid):
        return False
    if isinstance(error, RetryLater):
        return attempt < max(ATTEMPTS_MAX, retries + 1)
    return attempt <= retries


def pause_s(error: Exception, *, attempt: int) -> float:
    """Return the seconds until the next attempt: twice as long each time."""
    if isinstance(error, RetryLater):
        return max(0.0, error.delay_s)
    return float(min(BACKOFF_MAX_S, BACKOFF_S * 2.0 ** (attempt - 1)))


def attempts_max(retries: int) -> int:
    """Return the number of claims after which a branch is put aside, whatever became of them."""
    return max(ATTEMPTS_MAX, retries + 1)


def given_up(errors: Sequence[str], *, handed_back: int = 0) -> str:
    """Return the reason for putting a branch aside: the errors of all its own attempts."""
    count = len(errors)
    heading = f"given up after {count} attempt{'' if count == 1 else 's'}"
    if handed_back:
        heading += (
            f", beside {handed_back} that {'was' if handed_back == 1 else 'were'} handed back"
        )
    return lead("\n".join([heading, *errors]), length_max=ERRORS_LENGTH_MAX)
