"""The trace an event belongs to: a W3C `traceparent`, stored in its message's header."""

from __future__ import annotations

import re
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator

TRACEPARENT: Final = "traceparent"
VARIABLE: Final = "TRACEPARENT"
"""The variable of a process's environment that says the same."""
_FORM: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)
_current: ContextVar[str | None] = ContextVar("anabranch_traceparent", default=None)


@contextmanager
def traced(traceparent: str | None) -> Generator[None]:
    """Tie the appends of this block to a trace; a malformed `traceparent` is no trace."""
    known = traceparent if traceparent and _FORM.fullmatch(traceparent) else None
    token = _current.set(known)
    try:
        yield
    finally:
        _current.reset(token)


def traceparent_here() -> str | None:
    """Return the trace of appends made here."""
    return _current.get()
