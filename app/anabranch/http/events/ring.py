"""The last events of the log, kept once for all who follow it.

One reader follows the log into a ring of bounded size. A follower has a position and nothing else.
It takes what the ring holds after it, and where the ring has moved on it reads the log. So no
follower has a queue, none is waited for, and none misses an event or gets one twice.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_right
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import orjson

from anabranch.transfer.exported_line import line_of
from anabranch_events.errors import AnabranchError, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable

    from anabranch_events import Log, Recorded

EVENTS_MAX: Final = 4096
BYTES_MAX: Final = 16 * 1024 * 1024
TAKEN_MAX: Final = 256
"""The number of events that a follower takes at a time."""
_OLDER_MAX: Final = 1000
_OLDER_BYTES: Final = 1024 * 1024
_READERS_MAX: Final = 8
"""The number of followers that read older events at the same time."""
_PAUSE_S: Final = 0.5
_FORGOTTEN: Final = b".forgotten.v1"
_log = logging.getLogger("anabranch")


SessionKey: TypeAlias = tuple[str, str]
"""A namespace and the id of a session in it."""


class Framed:
    """An event, and its frame in a stream of server-sent events, made once for all."""

    __slots__ = ("_frame", "recorded")

    def __init__(self, recorded: Recorded) -> None:
        self.recorded = recorded
        self._frame: bytes | None = None

    @property
    def frame(self) -> bytes:
        """The event as server-sent events say it; its id is the position."""
        if self._frame is None:
            data = orjson.dumps(line_of(self.recorded))
            self._frame = b"id: %d\ndata: %b\n\n" % (self.recorded.position, data)
        return self._frame


class Taken(NamedTuple):
    """Events in order, and the position that a follower has come to with them."""

    events: list[Framed]
    position: int


class EventRing:
    """Follows a log from the first follower on, until `close`."""

    def __init__(
        self,
        log: Callable[[], Log],
        *,
        events_max: int = EVENTS_MAX,
        bytes_max: int = BYTES_MAX,
    ) -> None:
        self._log_of = log
        self._events_max = events_max
        self._bytes_max = bytes_max
        self._held: list[Framed] = []
        self._first = 0
        """The place of the oldest event that is held; those before it are let go in bulk."""
        self._bytes = self._let_go = 0
        self._erased: dict[str, int] = {}
        self._start = 0
        """The ring holds every event after this position, up to `_end`."""
        self._end = 0
        self._change = asyncio.Event()
        self._broken: AnabranchError | None = None
        self._closed = False
        self._opening = asyncio.Lock()
        self._readers = asyncio.Semaphore(_READERS_MAX)
        self._task: asyncio.Task[None] | None = None
        self._deaf: Callable[[], object] | None = None
        """Ends the hearing of erasures."""

    @property
    def open(self) -> bool:
        """False once it was closed."""
        return not self._closed

    async def close(self) -> None:
        """Stop reading; every follower ends with what it has."""
        self._closed = True
        self._notify()
        if self._deaf is not None:
            self._deaf()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def erased(self, namespace: str) -> int:
        """Return up to which forgetting a namespace's content has left the log, 0 for none."""
        if namespace not in self._erased:
            log = self._log_of()
            try:
                sealed = await log.is_sealed(namespace)
                self._note_erased(namespace, await log.erasure(namespace).erased() if sealed else 0)
            except AnabranchError:
                return 0  # Its keys are away, or gone: then nothing of it is read either.
        return self._erased[namespace]

    async def followed(
        self, after: int, *, beat_s: float, session: SessionKey | None = None
    ) -> AsyncGenerator[Taken]:
        """Yield the events after a position as they happen, without a gap, until `close`.

        Whatever a follower does with them, it keeps nobody waiting. In a silence it gets no events
        every `beat_s`, and once something was erased. One who wants a `session` only may be spared
        older events of others. Raises LogRewound and LogRefused.
        """
        await self._open()
        position = after
        while not self._closed:
            change = self._change
            if self._broken is not None:
                raise self._broken
            if position < self._start:
                try:
                    taken = await self._older(position, session)
                except Unavailable:  # The server is away for a moment.
                    await asyncio.sleep(_PAUSE_S)
                    continue
                position = taken.position
                yield taken
            elif position < self._end:
                taken = self._after(position)
                position = taken.position
                yield taken
            else:
                with suppress(TimeoutError):
                    async with asyncio.timeout(beat_s):
                        await change.wait()
                if position >= self._end:
                    yield Taken([], position)

    async def _open(self) -> None:
        async with self._opening:
            if self._task is None and not self._closed:
                self._start = self._end = (await self._log_of().bounds()).last
                self._deaf = await self._log_of().tell_erased(self._hear_erased)
                self._task = asyncio.create_task(self._follow())

    async def _older(self, after: int, session: SessionKey | None) -> Taken:
        """Read from the log what the ring has let go: the next part of it."""
        async with self._readers:
            to = self._end
            if session is not None:
                return await self._older_of(session, after, to)
            batches = self._log_of().batches(
                after=after, to=to, records_max=_OLDER_MAX, bytes_max=_OLDER_BYTES
            )
            async with aclosing(batches):
                async for batch in batches:
                    return Taken(list(map(Framed, batch)), batch[-1].position)
        return Taken([], to)

    async def _older_of(self, session: SessionKey, after: int, to: int) -> Taken:
        found: list[Framed] = []
        namespace, session_id = session
        size = 0
        records = self._log_of().read(session_id, namespace=namespace, after=after)
        async with aclosing(records):
            async for recorded in records:
                if recorded.position > to:
                    break
                found.append(Framed(recorded))
                size += len(recorded.raw)
                if len(found) == _OLDER_MAX or size > _OLDER_BYTES:
                    return Taken(found, recorded.position)
        return Taken(found, to)

    def _after(self, position: int) -> Taken:
        """Take what the ring holds after a position, a bounded number of events."""
        first = bisect_right(self._held, position, lo=self._first, key=_position)
        found = self._held[first : first + TAKEN_MAX]
        whole = first + len(found) == len(self._held)
        return Taken(found, self._end if whole else _position(found[-1]))

    async def _follow(self) -> None:
        """Read the log into the ring, again after an error that passes."""
        while True:
            try:
                async with aclosing(self._log_of().batches(after=self._end)) as batches:
                    async for batch in batches:
                        forgotten = await self._last_forgetting(batch)
                        if forgotten:
                            self._let_all_go(forgotten - 1)
                        self._keep(one for one in batch if one.position >= forgotten)
            except Unavailable as error:
                _log.warning("the event stream waits for the log: %s", error.message)
                self._erased.clear()  # Until it is back nothing is heard.
                await asyncio.sleep(_PAUSE_S)
            except AnabranchError as error:
                self._broken = error
                self._notify()
                return

    async def _last_forgetting(self, batch: Iterable[Recorded]) -> int:
        """Return where something is last forgotten in a sealed namespace, 0 for nowhere."""
        last = 0
        for recorded in batch:
            if _FORGOTTEN in recorded.raw and await self._log_of().is_sealed(recorded.namespace):
                last = recorded.position
        return last

    def _hear_erased(self, namespace: str, position: int) -> None:
        """Have every follower hear of it; what is held may have been read before."""
        self._note_erased(namespace, position)
        self._let_all_go(self._end)
        self._notify()

    def _note_erased(self, namespace: str, position: int) -> None:
        self._erased[namespace] = max(position, self._erased.get(namespace, 0))

    def _let_all_go(self, start: int) -> None:
        """Hold nothing up to there any more: it may be forgotten content."""
        self._held.clear()
        self._first = self._bytes = self._let_go = 0
        self._start = start

    def _keep(self, batch: Iterable[Recorded]) -> None:
        for recorded in batch:
            self._held.append(Framed(recorded))
            self._bytes += len(recorded.raw)
            self._end = recorded.position
        while len(self._held) - self._first > self._events_max or self._bytes > self._bytes_max:
            left = self._held[self._first].recorded
            self._first += 1
            self._bytes -= len(left.raw)
            self._let_go += len(left.raw)
            self._start = left.position
        if self._first > self._events_max or self._let_go > self._bytes_max:
            del self._held[: self._first]
            self._first = self._let_go = 0
        self._notify()

    def _notify(self) -> None:
        """Wake everyone who waits for a change; the next one is another event."""
        changed, self._change = self._change, asyncio.Event()
        changed.set()


def _position(framed: Framed) -> int:
    return framed.recorded.position
