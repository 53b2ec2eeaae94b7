"""The event loop of the synchronous face: one a process, in a thread of its own.

It runs while a memory is open and ends with the last one. Any number of threads may call.
"""

from __future__ import annotations

import asyncio
import concurrent.futures.thread  # pyright: ignore[reportUnusedImport]  # Its own `_register_atexit` has to come before ours.
import logging
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, Self, TypeVar

from anabranch.errors import LoopBlocked, MemoryNotOpen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator

AHEAD_MAX: Final = 256
CLEAN_UP_S: Final = 30.0

_log: Final = logging.getLogger("anabranch")

T = TypeVar("T")
W = TypeVar("W")


class LoopThread:
    """An event loop in a thread, which runs for as long as somebody holds it."""

    _changing: threading.Lock
    _lock: threading.Lock
    _holders: int
    _loop: asyncio.AbstractEventLoop | None
    _thread: threading.Thread | None
    _released: asyncio.Event

    def __init__(self) -> None:
        self._forget()
        os.register_at_fork(after_in_child=self._forget)

    def hold(self) -> None:
        """Start the loop, or keep it; each `hold` wants its `release`."""
        with self._changing:
            if self._holders == 0:
                self._start()
            self._holders += 1

    def release(self) -> None:
        """Let the loop go; the last one ends it, with what still runs on it, and its thread."""
        with self._changing:
            self._holders = max(0, self._holders - 1)
            if self._holders or self._thread is None:
                return
            with self._lock:
                loop, self._loop = self._loop, None
            if loop is not None:
                loop.call_soon_threadsafe(self._released.set)
            self._thread.join()
            self._thread = None

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop; return its result, or raise its error, in this thread.

        Ctrl-C here cancels it there, and waits until it has cleaned up. Raises MemoryNotOpen where
        no loop runs, and LoopBlocked in the loop's own thread.
        """
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise LoopBlocked
        call = _Call(coroutine)
        try:
            if not self._post(call.start):
                raise MemoryNotOpen
            return call.result.result()
        except asyncio.CancelledError:
            if self._loop is None:
                raise MemoryNotOpen from None
            raise
        finally:
            if not call.result.done():
                if self._post(call.cancel):
                    concurrent.futures.wait([call.result], CLEAN_UP_S)
                else:
                    coroutine.close()

    def iterate(self, events: AsyncIterator[T]) -> Iterator[T]:
        """Yield what an async iterator gives; some of it is read ahead."""
        ahead = _ReadAhead(events)
        try:
            while batch := self.run(ahead.batch()):
                yield from batch
        finally:
            self._post(ahead.stop)

    def _forget(self) -> None:
        """Begin with no loop: also in a forked child, where the thread does not exist."""
        self._changing = threading.Lock()
        self._lock = threading.Lock()
        self._holders = 0
        self._loop = None
        self._thread = None
        self._released = asyncio.Event()

    def _start(self) -> None:
        started = threading.Event()
        self._released = asyncio.Event()
        self._thread = threading.Thread(
            target=asyncio.run, args=(self._serve(started),), name="anabranch", daemon=True
        )
        self._thread.start()
        started.wait()

    async def _serve(self, started: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        started.set()
        await self._released.wait()

    def _post(self, work: Callable[[], object]) -> bool:
        """Have the loop call `work`, if it runs: then it will, before it ends."""
        with self._lock:
            if self._loop is None:
                return False
            self._loop.call_soon_threadsafe(work)
            return True


class _Call(Generic[T]):
    """One coroutine on the loop, and the thread that waits for it."""

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self.result: concurrent.futures.Future[T] = concurrent.futures.Future()
        self._coroutine = coroutine
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self.result.done():  # It was cancelled before.
            return
        self._task = asyncio.get_running_loop().create_task(self._work())
        self._task.add_done_callback(self._ended)

    def cancel(self) -> None:
        if self._task is None:
            self._ended(None)
        else:
            self._task.cancel()

    async def _work(self) -> None:
        try:
            self.result.set_result(await self._coroutine)
        except BaseException as error:  # noqa: BLE001 - it belongs to the thread that waits; some would end the loop.
            self.result.set_exception(error)

    def _ended(self, _: asyncio.Task[None] | None) -> None:
        if not self.result.done():  # It was cancelled before it began.
            self._coroutine.close()
            self.result.set_exception(asyncio.CancelledError())


class _End:
    """The end of an async iterator, or the error that ended it."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class _ReadAhead(Generic[T]):
    """An async iterator that is read ahead: the caller's thread waits once a batch."""

    def __init__(self, events: AsyncIterator[T]) -> None:
        self._events = events
        self._read: asyncio.Queue[T | _End] = asyncio.Queue(AHEAD_MAX)
        self._reading: asyncio.Task[None] | None = None
        self._end: _End | None = None

    async def batch(self) -> list[T]:
        """Return what was read by now, at least one; nothing at the end."""
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_on())
        found: list[T] = []
        while self._end is None and not (found and self._read.empty()):
            one = await self._read.get()
            if isinstance(one, _End):
                self._end = one
            else:
                found.append(one)
        if not found and self._end is not None and self._end.error is not None:
            raise self._end.error
        return found

    def stop(self) -> None:
        """Read no further."""
        if self._reading is not None:
            self._reading.cancel()

    async def _read_on(self) -> None:
        end = _End(None)
        try:
            async for one in self._events:
                await self._read.put(one)
        except Exception as error:  # noqa: BLE001 - the caller's thread gets it.
            end = _End(error)
        finally:
            close = getattr(self._events, "aclose", None)
            if close is not None:
                await close()
        await self._read.put(end)


class Face(Generic[W]):
    """A synchronous face of one object: its calls run on the loop."""

    def __init__(self, wrapped: W) -> None:
        self._wrapped = wrapped

    def __repr__(self) -> str:
        return repr(self._wrapped)


class Openable(Protocol):
    """An object that `async with` opens and closes."""

    async def __aenter__(self) -> object: ...

    async def __aexit__(self, *error: object) -> None: ...


OpenableT = TypeVar("OpenableT", bound=Openable)


class OpenFace(Face[OpenableT]):
    """A synchronous face that is opened, and closed again: once, whoever does."""

    def __init__(self, wrapped: OpenableT) -> None:
        super().__init__(wrapped)
        self._opening = threading.Lock()
        self._is_open = False

    def __enter__(self) -> Self:
        with self._opening:
            if not self._is_open:
                LOOP.hold()
                try:
                    LOOP.run(self._wrapped.__aenter__())
                except BaseException:
                    LOOP.release()
                    raise
                self._is_open = True
                _OPEN.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it, and end the servers that it started; closing it again does nothing."""
        with self._opening:
            if not self._is_open:
                return
            self._is_open = False
            _OPEN.discard(self)
            try:
                LOOP.run(self._wrapped.__aexit__(None, None, None))
            finally:
                LOOP.release()


LOOP: Final = LoopThread()
"""The one loop of this process."""

_OPEN: Final[set[OpenFace[Any]]] = set()


def _close_all() -> None:
    """Close what a script has left open."""
    for face in tuple(_OPEN):
        try:
            face.close()
        except Exception as error:  # noqa: BLE001 - the others are still to be closed.
            _log.warning("a memory was left open, and closing it failed: %s", error)


os.register_at_fork(after_in_child=_OPEN.clear)
# Handlers of `atexit` come after the threads of all executors have ended, and closing needs those.
# Nothing public comes before. Without it the servers see that their owner has gone, and end.
with suppress(KeyError, RuntimeError):
    vars(threading)["_register_atexit"](_close_all)
