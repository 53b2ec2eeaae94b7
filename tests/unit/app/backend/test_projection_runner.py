"""Ending the projections of a process."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from anabranch.backend.projection_runner import end_task


async def test_a_task_that_loses_a_cancellation_ends_all_the_same() -> None:
    """A cancellation that is swallowed on its way is repeated until the task has ended."""
    begun = asyncio.Event()

    async def deaf_once() -> None:
        with suppress(asyncio.CancelledError):
            begun.set()
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    task = asyncio.create_task(deaf_once())
    await begun.wait()

    await end_task(task)

    assert task.cancelled()
