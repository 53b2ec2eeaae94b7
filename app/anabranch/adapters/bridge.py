"""The bridge from a framework's threads and loops to the loop that a memory lives on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from anabranch.errors import LoopBlocked, MemoryNotOpen
from anabranch.loop_thread import LOOP, Face

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")
W = TypeVar("W")


class Bridge(Generic[W]):
    """One open memory, called from plain code or from any event loop.

    A synchronous memory lives on the loop of `anabranch.sync`. Any other lives on the loop that
    runs when the bridge is made, or else on the first one that awaits it.
    """

    def __init__(self, memory: W | Face[W]) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._has_own_loop = isinstance(memory, Face)
        if isinstance(memory, Face):
            self.memory: W = memory._wrapped  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # The face's own object, for its own loop.
        else:
            self.memory = memory
            self._loop = _running()

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        """Run `call` on the memory's loop from plain code.

        Raises LoopBlocked on that loop itself, and MemoryNotOpen where it does not run.
        """
        if self._has_own_loop:
            return LOOP.run(call)
        here = _running()
        if here is not None and self._loop in {here, None}:
            call.close()
            raise LoopBlocked
        if self._loop is None or self._loop.is_closed():
            call.close()
            raise MemoryNotOpen
        return asyncio.run_coroutine_threadsafe(call, self._loop).result()

    async def arun(self, call: Coroutine[Any, Any, T]) -> T:
        """Await `call` on the memory's loop, from whichever loop runs here."""
        if self._has_own_loop:
            return await asyncio.to_thread(LOOP.run, call)
        here = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = here
        if self._loop is here:
            return await call
        if self._loop.is_closed():
            call.close()
            raise MemoryNotOpen
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(call, self._loop))


def _running() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
