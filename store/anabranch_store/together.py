"""Coroutines that end together: nothing works on for a caller that has its error."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

T = TypeVar("T")


async def together(works: Iterable[Coroutine[None, None, T]]) -> list[T]:
    """Return their results, in order. The first error ends the others, and is raised by itself."""
    try:
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(work) for work in works]
    except ExceptionGroup as failed:
        first = failed.exceptions[0]
        raise first from first.__cause__
    return [one.result() for one in running]
