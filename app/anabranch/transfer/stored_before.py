"""The events that lie in a log already when an error ends a transfer of lines."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from anabranch.errors import AnabranchError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


@contextmanager
def stored_before(count: Callable[[], int]) -> Generator[None]:
    """Have an error of this block say how many events were stored before it, where some were.

    The same lines may be given again: those events are left out then.
    """
    try:
        yield
    except AnabranchError as error:
        stored = count()
        if stored:
            noun = "event" if stored == 1 else "events"
            error.message += f"; {stored:,} {noun} of these lines had been stored before"
            error.args = (error.message,)
        raise
