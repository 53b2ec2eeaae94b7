"""The newest sessions before a position, read window by window: few of many are looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    Row = Mapping[str, Any]
    Read = Callable[..., Awaitable[Sequence[Row]]]

WINDOW: Final = 1000
"""The positions of the first window: sessions are opened every few events."""
_WIDER: Final = 8


async def newest(read: Read, *, before: int, limit: int) -> list[Row]:
    """Return up to `limit` rows of sessions opened before a position, the newest first.

    `read` gives those of a window: from the position `from` on, before `before`, up to `limit`.
    Each window is wider than the one after it: a long log without such sessions takes few of them.
    """
    found: list[Row] = []
    width = WINDOW
    while before > 1 and len(found) < limit:
        first = max(1, before - width)
        found += await read(**{"from": first}, before=before, limit=limit - len(found))
        before, width = first, width * _WIDER
    return found
