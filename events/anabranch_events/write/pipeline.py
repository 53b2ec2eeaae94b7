"""The import pipeline: many events in flight, each acknowledged, in order, each stored once."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterable
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, TypeAlias

import nats.errors
import orjson

from anabranch_events.errors import LogUnavailable
from anabranch_events.event.codec import CONTENT_TYPE
from anabranch_events.jetstream.api import Refused, parsed, translated
from anabranch_events.jetstream.direct_get import EVENT_ID
from anabranch_events.jetstream.stream import DUPLICATE_WINDOW_S
from anabranch_events.transport.connection import RETRY_PAUSE_S
from anabranch_events.transport.inbox import NO_RESPONDERS, STATUS, Forbidden, Unanswered
from anabranch_events.transport.standstill import stood_still
from anabranch_events.write.append import Outgoing, check_same, not_stored, subject_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from types import TracebackType

    from nats.aio.subscription import Subscription

    from anabranch_events.errors import AnabranchError
    from anabranch_events.event.envelope import Event
    from anabranch_events.jetstream.documents import Documents
    from anabranch_events.jetstream.ended import EndedNamespaces
    from anabranch_events.transport.connection import Connection

WINDOW_EVENTS: Final = 4000
WINDOW_BYTES: Final = 8 * 1024 * 1024
_TURN_EVENTS: Final = 100
_TURN_BYTES: Final = 1024 * 1024
_FIRST_PATIENCE_S: Final = 0.5
_CONTENT: Final = f"Content-Type: {CONTENT_TYPE}\r\n"


Written: TypeAlias = "tuple[Event, bytes]"
"""An event and its document. A plain tuple: there are many."""


class ImportProgress(NamedTuple):
    """The progress of an import: so many events are stored, the last of them at `position`."""

    events: int
    position: int


async def ingest(
    pipeline: Pipeline,
    documents: Documents,
    events: AsyncIterable[Event] | Iterable[Event],
    *,
    ended: EndedNamespaces,
) -> ImportProgress:
    """Store `events` in their order and return how many there were, and where the last stands.

    Raises EventInvalid when an id belongs to another session's event, InputInvalid, NamespaceEnded,
    LogFull, LogUnavailable, LogRefused. The events reported before are then stored, and any part of
    those in flight.
    """
    met = set[str]()
    async with pipeline:
        async for turn in _turns(events):
            living = set[str]()
            written: list[Written] = []
            size = 0
            for event in turn:
                if event.namespace not in living:
                    await ended.refuse(event.namespace)
                    living.add(event.namespace)
                    met.add(event.namespace)
                document = await documents.written(event)
                written.append((event, document))
                size += len(document)
                if size >= _TURN_BYTES:
                    await pipeline.send(written)
                    written, size = [], 0
            await pipeline.send(written)
        done = await pipeline.finish()
    await documents.confirm_open(met)
    return done


async def _turns(events: AsyncIterable[Event] | Iterable[Event]) -> AsyncIterator[list[Event]]:
    """Yield the events of either kind of iterable in lists of one turn's length."""
    if isinstance(events, AsyncIterable):
        turn: list[Event] = []
        async for event in events:
            turn.append(event)
            if len(turn) == _TURN_EVENTS:
                yield turn
                turn = []
        yield turn
    else:
        iterator = iter(events)
        while turn := list(islice(iterator, _TURN_EVENTS)):
            yield turn


class Pipeline:
    """Events on their way: at most `WINDOW_EVENTS` sent and not acknowledged, in order.

    The server takes the messages of one connection in order: the stored part of the window is
    always its beginning. After a lost connection the window is therefore sent again from the oldest
    event that was not acknowledged. The first goes alone until it is acknowledged. An event stored
    already is recognised by its id.
    """

    def __init__(
        self,
        connection: Connection,
        documents: Documents,
        *,
        progress: Callable[[ImportProgress], None] | None,
    ) -> None:
        self._connection = connection
        self._documents = documents
        self._progress = progress
        self._prefix = ""
        self._subscription: Subscription | None = None
        self._window: deque[Written] = deque()
        self._window_bytes = 0
        self._oldest = 0  # the number of the window's first event: so many are done
        self._ahead: dict[int, tuple[int, bool]] = {}  # acknowledged before the oldest
        self._doubted: list[tuple[Written, int]] = []
        self._reported = ImportProgress(0, 0)
        self._position = 0  # where the last that is done stands
        self._newest = 0  # the last position that was given to one of ours
        self._lost = False
        self._first_sent = False
        self._moved_at = 0.0  # when something was last acknowledged, or sent into an empty window
        self._retrying_since = 0.0  # 0 while there is progress
        self._failure: AnabranchError | None = None
        self._changed = asyncio.Event()
        # Past the window in which the server knows ids again, nothing may be sent a second time.
        self._patience_s = min(connection.timeout_s, DUPLICATE_WINDOW_S / 2)

    async def __aenter__(self) -> Self:
        inbox = self._connection.client.new_inbox()
        self._prefix = f"{inbox}."
        self._connection.on_lost(self._on_lost)
        self._connection.on_forbidden(self._on_forbidden)
        try:
            self._subscription = await self._connection.client.listen(f"{inbox}.>", self._receive)
        except (nats.errors.Error, OSError) as error:
            self._forget()
            self._connection.fail(error)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._forget()
        if self._subscription is not None:
            with contextlib.suppress(nats.errors.Error, OSError):
                await self._subscription.unsubscribe()

    def _forget(self) -> None:
        self._connection.forget_lost(self._on_lost)
        self._connection.forget_forbidden(self._on_forbidden)

    async def send(self, events: list[Written]) -> None:
        """Send events, and wait while the window is full. Raises the errors of `ingest`."""
        if not events:
            return
        number = self._oldest + len(self._window)
        self._window.extend(events)
        self._window_bytes += _size(events)
        if not self._first_sent:
            self._lost = True  # Alone, as after a loss: a refusal is heard before more is sent.
        if not self._lost:
            await self._publish(number, events)
            await asyncio.sleep(0)  # Sending and acknowledging go on side by side.
            await self._report()
        if self._lost or self._failure or self._is_full(1):
            await self._wait_while(lambda: self._is_full(2))

    async def finish(self) -> ImportProgress:
        """Wait until everything is acknowledged. Raises the errors of `ingest`."""
        await self._wait_while(lambda: bool(self._window))
        return self._done

    @property
    def _done(self) -> ImportProgress:
        return ImportProgress(self._oldest, self._position)

    def _is_full(self, share: int) -> bool:
        return (
            len(self._window) >= WINDOW_EVENTS // share
            or self._window_bytes >= WINDOW_BYTES // share
        )

    async def _wait_while(self, waiting: Callable[[], bool]) -> None:
        """Wait, and send again after a lost connection, as long as there is progress."""
        while True:
            self._changed.clear()
            if self._failure is not None:
                raise self._failure
            if self._lost:
                await self._send_again()
            elif self._doubted:
                await self._report()
            elif waiting():
                await self._progressed(self._patience_s)
            else:
                break
        await self._report()

    async def _progressed(self, patience_s: float) -> None:
        """Return when something was acknowledged or went wrong. Raises LogUnavailable, LogFull."""
        deadline = time.monotonic() + patience_s
        try:
            async with asyncio.timeout(patience_s):
                await self._changed.wait()
        except TimeoutError:
            if stood_still(deadline):
                return
            silence = self._connection.unavailable(Unanswered("no acknowledgement came"))
            if isinstance(silence, LogUnavailable):
                raise await not_stored(self._connection, silence) from None
            raise silence from None

    async def _send_again(self) -> None:
        """Send the window from its beginning, the first event alone until it is acknowledged.

        A server that just came back answers before its streams are there. A stream that appears in
        the middle of the window would store its end without its beginning.
        """
        if not self._window:
            self._lost = self._first_sent = False
            return
        self._check_resendable()
        deadline = self._retrying_since + self._patience_s
        first = self._oldest
        while self._oldest == first and self._failure is None:
            try:
                await self._connection.wait_connected(deadline)
            except Unanswered as error:
                self._connection.fail(error)
            self._lost = False
            self._changed.clear()
            await self._publish(first, [self._window[0]])
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_FIRST_PATIENCE_S):
                    await self._changed.wait()
            if stood_still(deadline):
                deadline = time.monotonic() + self._patience_s
            elif time.monotonic() > deadline:
                self._changed.clear()
                await self._progressed(0)
            elif self._oldest == first:
                await asyncio.sleep(RETRY_PAUSE_S)
        if not self._lost:
            self._first_sent = True
            rest = max(self._oldest, first + 1)
            await self._publish(rest, list(self._window)[rest - self._oldest :])

    def _check_resendable(self) -> None:
        """Raise LogUnavailable where sending again could store something twice, or out of order."""
        now = time.monotonic()
        if self._first_sent:
            if not self._connection.client.hands_over:
                raise self._connection.unavailable(Unanswered("the connection was lost"))
            if now > self._moved_at + DUPLICATE_WINDOW_S / 2:
                raise self._connection.unavailable(Unanswered("the connection was lost long ago"))
        self._retrying_since = self._retrying_since or now

    async def _publish(self, number: int, events: list[Written]) -> None:
        """Send `events`, whose first has this number."""
        messages = [
            (
                subject_of(event),
                f"{self._prefix}{place}",
                f"{EVENT_ID}: {event.id}\r\n{_CONTENT}",
                document,
            )
            for place, (event, document) in enumerate(events, start=number)
        ]
        if self._oldest == number:
            self._moved_at = time.monotonic()
        try:
            await self._connection.publish_all(messages)
        except Unanswered:
            self._lost = True

    async def _report(self) -> None:
        """Check that ids the server knew are those of our events, and report the progress."""
        done, doubted, self._doubted = self._done, self._doubted, []
        await asyncio.gather(
            *(
                check_same(self._connection, _outgoing_of(written, self._documents), position)
                for written, position in doubted
            )
        )
        if self._progress is not None and done != self._reported:
            self._reported = done
            self._progress(done)

    def _on_lost(self) -> None:
        self._lost = True
        self._changed.set()

    def _on_forbidden(self, subject: str) -> bool:
        """Give up where the server forbids an event on its way; tell whether it is one of ours."""
        ours = [event for event, _ in self._window if subject_of(event).lower() == subject]
        if ours:
            self._fail(self._connection.refused(Forbidden(subject_of(ours[0]))))
        return bool(ours)

    def _receive(
        self, subject: str, reply: str, data: bytes, headers: dict[str, str] | None
    ) -> None:
        """Take an acknowledgement or a refusal; the number in the subject names the event."""
        del reply
        number = int(subject[len(self._prefix) :])
        if number < self._oldest:
            return
        if not data and headers and headers.get(STATUS) == NO_RESPONDERS:
            self._on_lost()  # Nobody is there, not yet or no longer: as good as lost.
            return
        try:
            answer: dict[str, Any] = parsed(data)
        except Refused as refused:
            self._fail(translated(refused))
            return
        except orjson.JSONDecodeError:
            return
        self._ahead[number] = answer["seq"], bool(answer.get("duplicate"))
        while (found := self._ahead.pop(self._oldest, None)) is not None:
            self._take(found[0], known=found[1])
        self._changed.set()

    def _take(self, position: int, *, known: bool) -> None:
        """Strike the oldest event off the window."""
        written = self._window.popleft()
        self._window_bytes -= len(written[1])
        self._oldest += 1
        self._moved_at = time.monotonic()
        self._retrying_since = 0.0
        self._position = position
        if known:
            self._doubted.append((written, position))
        elif position < self._newest:
            self._fail(
                LogUnavailable(
                    f"event {written[0].id} was stored at {position}, after events that follow it",
                    fix="look at the server's log: it dropped what it was sent",
                )
            )
        else:
            self._newest = position

    def _fail(self, failure: AnabranchError) -> None:
        self._failure = self._failure or failure
        self._changed.set()


def _size(events: list[Written]) -> int:
    return sum([len(document) for _, document in events])


def _outgoing_of(written: Written, documents: Documents) -> Outgoing:
    """Return an event of the window as an outgoing one."""
    event, document = written
    return Outgoing(event, subject_of(event), document, None, documents=documents)
