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

    A server whose disk fills may have stored a part of the last batch, too. The same lines may be
    given again: what is stored is left out then.
    """
    try:
        yield
    except AnabranchError as error:
        stored = count()
        if stored:
            noun = "event is" if stored == 1 else "events are"
            error.message += f"; of these lines at least {stored:,} {noun} stored"
            error.args = (error.message,)
        raise
