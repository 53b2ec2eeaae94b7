"""Waiting for what must come: no moment is met by luck, and no machine is too slow."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_S: Final = 240.0
"""How long a test waits for what must come. It is met only by what would never come."""
FOREVER_S: Final = 3600.0
"""A limit given to the code under test that no test reaches: what ends sooner has not waited."""
_LOOK_S: Final = 0.005


async def until(holds: Callable[[], bool]) -> None:
    """Return once `holds` is true. Raises TimeoutError where it never is."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - what it looks at tells nobody
            await asyncio.sleep(_LOOK_S)
