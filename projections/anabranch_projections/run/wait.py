"""The wait for one's own writes: until a projection has come far enough."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from anabranch_events.errors import WaitTimedOut

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anabranch_events import Log
    from anabranch_store import Graph

ASK_AGAIN_S: Final = 1.0
"""An announcement may be lost; after this time the checkpoint is read instead."""


async def wait_for(
    log: Log, graph: Graph, projection: str, position: int, *, timeout_s: float
) -> int:
    """Return the position of `projection` once it has reached `position`, from any process.

    Raises WaitTimedOut after `timeout_s`; a wait in which the graph's operator has it paused begins
    anew. An announcement is a hint only, for anybody may announce: the checkpoint in this graph
    decides.
    """
    reached, paused = 0, True
    while paused:
        paused = graph.paused
        try:
            async with asyncio.timeout(timeout_s), log.announced(projection) as announced:
                while (reached := await graph.checkpoint(projection)) < position:
                    await _hint(announced, position)
                return reached
        except TimeoutError:
            paused = paused or graph.paused
    raise not_reached(projection, reached, position, timeout_s=timeout_s)


def not_reached(projection: str, reached: int, position: int, *, timeout_s: float) -> WaitTimedOut:
    """Return the error that tells how far a projection came during a wait."""
    return WaitTimedOut(
        f"projection {projection} is at {reached}, not yet at {position}, after {timeout_s:g} s",
        fix="wait longer, or look at its lag with `anabranch status`",
    )


async def _hint(announced: AsyncIterator[int], position: int) -> None:
    """Return once a position is announced that is far enough, or none was for a while."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(ASK_AGAIN_S):
            async for reached in announced:
                if reached >= position:
                    return
