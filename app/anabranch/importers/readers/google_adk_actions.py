"""Actions of an event of the Agent Development Kit 1.x: the texts in a pickle.

A pickle is a program. None is run here: its steps are listed, and the texts in them compared.
"""

from __future__ import annotations

import pickletools
import struct
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_REWOUND: Final = "rewind_before_invocation_id"
_SUMMARY: Final = "compacted_content"
_MARKS: Final = frozenset({"MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"})
_KEPT: Final = frozenset({"GET", "BINGET", "LONG_BINGET"})
_UNREADABLE: Final = (ValueError, struct.error, OverflowError, EOFError)


def actions_in(pickled: bytes) -> dict[str, Any]:
    """Return the rewind and the summary of an event's actions; raise ValueError if it is broken."""
    found: dict[str, Any] = {}
    texts: list[str] = []
    before: str | None = None
    in_summary = False
    for text in _steps(pickled):
        in_summary = in_summary or text == _SUMMARY
        if before == _REWOUND:
            found.setdefault(_REWOUND, text)
        if text is not None and before == "text" and in_summary:
            texts.append(text)
        before = text
    if texts:
        found["compaction"] = {_SUMMARY: {"parts": [{"text": text} for text in texts]}}
    return found


def _steps(pickled: bytes) -> Iterator[str | None]:
    """Yield each step of a pickle: the text that it gives, None for any other."""
    kept: dict[int, str | None] = {}
    last: str | None = None
    try:
        for code, given, _ in pickletools.genops(pickled):
            if code.name in _MARKS:
                kept[len(kept) if given is None else given] = last
                continue
            if code.name in _KEPT:
                last = kept.get(int(given or 0))
            else:
                last = given if "UNICODE" in code.name else None
            yield last
    except _UNREADABLE as error:
        raise ValueError(str(error)) from error
