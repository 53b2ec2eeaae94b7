"""Cancellations that the driver loses, and how they are kept."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator


@contextmanager
def cancellation_kept() -> Generator[None]:
    """Raise CancelledError at the end where the task was cancelled in the block, and went on.

    nats-py 2.16 waits by `asyncio.wait_for`. Before Python 3.12 that returns an answer that comes
    together with a cancellation, and the task is never ended.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    try:
        yield
    finally:
        if task and task.cancelling() > before:
            raise asyncio.CancelledError
