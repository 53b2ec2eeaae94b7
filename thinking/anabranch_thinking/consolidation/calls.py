"""Calls of a chat model in one process: few at a time, and equal questions are one call."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

CALLS_MAX: Final = 4
WAITING_MAX: Final = 8
"""Those who wait for a call at the same time, a quarter of the requests that a service works on."""


@dataclass(slots=True)
class _Call(Generic[T]):
    task: asyncio.Future[T]
    waiting: int = 0


class Calls(Generic[T]):
    """The calls that run, by their question. A call ends when nobody waits for it any more."""

    def __init__(self) -> None:
        self._running: dict[tuple[asyncio.AbstractEventLoop, str], _Call[T]] = {}

    @property
    def waiting(self) -> int:
        """The number of those who wait for a call."""
        return sum(one.waiting for one in self._running.values())

    async def shared(self, question: str, call: Callable[[], Awaitable[T]]) -> T | None:
        """Return what `call` gives, or what the call that runs for the question does.

        None where too many run, or too many wait: then nothing is called.
        """
        place = (asyncio.get_running_loop(), question)
        one = self._running.get(place)
        if self.waiting >= WAITING_MAX:
            return None
        if one is None:
            if len(self._running) >= CALLS_MAX:
                return None
            one = self._running[place] = _Call(asyncio.ensure_future(call()))
        one.waiting += 1
        try:
            return await asyncio.shield(one.task)
        finally:
            one.waiting -= 1
            if one.task.done() or not one.waiting:
                one.task.cancel()
                if self._running.get(place) is one:
                    del self._running[place]
