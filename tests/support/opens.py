"""Counts of the files that are opened while something runs, as the interpreter tells them."""

from __future__ import annotations

import os
import sys
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator

_counts: list[Counter[str]] = []
_is_heard = False


@contextmanager
def opens() -> Generator[Counter[str]]:
    """Count the files that are opened by path, and the databases; a temporary one has no name."""
    global _is_heard  # noqa: PLW0603 - a hook stays for ever, so there is one.
    if not _is_heard:
        sys.addaudithook(_heard)
        _is_heard = True
    counted: Counter[str] = Counter()
    _counts.append(counted)
    try:
        yield counted
    finally:
        _counts.remove(counted)


def _heard(event: str, given: tuple[Any, ...]) -> None:
    if not _counts or event not in {"open", "sqlite3.connect"} or isinstance(given[0], int):
        return
    name = os.fsdecode(given[0])
    for counted in _counts:
        counted[name if event == "open" else f"database {name}"] += 1
