"""Turns on a few threads: callers that wait for the same are served together."""

from __future__ import annotations

import asyncio
import os
from math import ceil
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

T = TypeVar("T")
R = TypeVar("R")

THREADS: Final = max(1, os.cpu_count() or 1)
"""More threads than cores do arithmetic no faster, they wait for one another."""


class _Waiting(NamedTuple, Generic[T, R]):
    key: Hashable
    item: T
    done: asyncio.Future[R]


class Turns(Generic[T, R]):
    """Gives a thread, when one is free, its share of the line: those with the key of the first.

    A share is what waits over the number of threads (guided self-scheduling), at most `together`,
    in the order in which they came. For each item `work` gives its result, or the error that only
    its caller gets; a caller has it at once. It serves one event loop.
    """

    def __init__(
        self,
        work: Callable[[Sequence[T]], Iterable[R | Exception]],
        *,
        together: int,
        threads: int = THREADS,
    ) -> None:
        self._work = work
        self._together = together
        self._threads = threads
        self._waiting: list[_Waiting[T, R]] = []
        self._running: set[asyncio.Task[None]] = set()

    async def take(self, key: Hashable, item: T) -> R:
        """Return the result of an item, once a thread was free for it."""
        done: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(key, item, done))
        self._begin()
        return await done

    def _begin(self) -> None:
        while len(self._running) < self._threads and (taken := self._next()):
            running = asyncio.create_task(self._serve(taken))
            self._running.add(running)
            running.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            self._begin()

    def _next(self) -> list[_Waiting[T, R]]:
        """Take the first in line out of it, and those with its key; no caller that left."""
        self._waiting = [each for each in self._waiting if not each.done.done()]
        share = min(self._together, ceil(len(self._waiting) / self._threads))
        taken: list[_Waiting[T, R]] = []
        left: list[_Waiting[T, R]] = []
        for each in self._waiting:
            fits = len(taken) < share and (not taken or each.key == taken[0].key)
            (taken if fits else left).append(each)
        self._waiting = left
        return taken

    async def _serve(self, taken: Sequence[_Waiting[T, R]]) -> None:
        try:
            await asyncio.to_thread(self._work_on, taken, asyncio.get_running_loop())
        except asyncio.CancelledError:  # The loop ends.
            for each in taken:
                each.done.cancel()
            raise

    def _work_on(self, taken: Sequence[_Waiting[T, R]], loop: asyncio.AbstractEventLoop) -> None:
        """Work in this thread; the loop hears of each result when it is there."""
        settled = 0
        try:
            found = self._work([each.item for each in taken])
            for each, result in zip(taken, found, strict=True):
                loop.call_soon_threadsafe(_settle, each.done, result)
                settled += 1
        except Exception as error:  # noqa: BLE001 - each caller that is left gets it.
            for each in taken[settled:]:
                loop.call_soon_threadsafe(_settle, each.done, error)


def _settle(done: asyncio.Future[R], result: R | Exception) -> None:
    """Give a caller its result, unless it left."""
    if done.done():
        return
    if isinstance(result, Exception):
        done.set_exception(result)
    else:
        done.set_result(result)
