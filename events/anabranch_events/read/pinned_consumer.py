"""A consumer that several processes share: the server pins it to one reader at a time.

The server delivers only to the request that carries its pin. When the holder has been silent for
`PIN_S`, a bidder gets the pin. The pin saves rivals their work; it is no fence.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import nats.errors
import orjson

from anabranch_events.errors import LogRewound, LogUnavailable
from anabranch_events.jetstream import direct_get
from anabranch_events.jetstream.api import CONSUMER_NOT_FOUND, STREAM, Refused, ask, translated
from anabranch_events.jetstream.stream import SUBJECT_PREFIX, read_bounds
from anabranch_events.read.consumer import Consumer
from anabranch_events.transport.inbox import STATUS, Unanswered
from anabranch_events.transport.parser import RECORD_REPLY

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from nats.aio.msg import Msg

    from anabranch_events.event.recorded import Recorded
    from anabranch_events.jetstream.documents import Documents
    from anabranch_events.transport.connection import Connection

PIN_S: Final = 3.0
"""The time that a silent holder keeps the pin."""
BEAT_S: Final = 0.75
BID_S: Final = 1.5
INACTIVE_S: Final = 7 * 24 * 3600
RECORDS_MAX: Final = 1000
BYTES_MAX: Final = 8 * 1024 * 1024
_PAUSE_S: Final = 0.1
_GROUP: Final = "projectors"
_PIN_ID: Final = "Nats-Pin-Id"
_WRONG_PIN: Final = "423"
_NS: Final = 1_000_000_000


class PinLost(Exception):
    """The pin is lost: take it again, and begin at the checkpoint."""


class PinnedConsumer:
    """One process's place at the consumer `name`, which is made if it is not there."""

    def __init__(self, connection: Connection, documents: Documents, *, name: str) -> None:
        self._connection = connection
        self._documents = documents
        self._name = name
        self._pin_id: str | None = None
        self._beaten_at = 0.0
        self._consumer: _PinnedRequests | None = None

    @asynccontextmanager
    async def taken(self, checkpoint: Callable[[], Awaitable[int]]) -> AsyncGenerator[None]:
        """Wait until the pin is ours, hold it for the length of the block, and let it go.

        `checkpoint` returns the position up to which the log is done. Waiting outlives outages of
        the log. Raises the errors of `checkpoint`, and LogRefused.
        """
        await self._take(checkpoint)
        holding = asyncio.create_task(self._hold(), name=f"{self._name} holds the pin")
        try:
            yield
        except PinLost:
            raise  # It may still be ours: taking it again is quick then.
        except BaseException:
            await self._release()
            raise
        else:
            await self._release()
        finally:
            holding.cancel()
            await asyncio.gather(holding, return_exceptions=True)

    async def batches(self, *, after: int) -> AsyncGenerator[list[Recorded], None]:
        """Yield everything after `after`, which must be the checkpoint, as it comes, for ever.

        Raises PinLost when another holds the pin, when the connection was lost and at a gap;
        LogRewound when the log ends before `after`.
        """
        if self._pin_id is None:
            raise PinLost("the pin is not ours")
        consumer = self._consumer = _PinnedRequests(
            self._connection, name=self._name, pin_id=self._pin_id, after=after
        )
        try:
            await consumer.open()
            while True:
                await consumer.ask_for_more()
                if consumer.buffer:
                    yield await self._next(consumer)
                elif consumer.broken is not None:
                    raise PinLost(consumer.broken)
                else:
                    await consumer.wait()
        except Refused as refused:
            raise translated(refused) from refused
        finally:
            self._consumer = None
            await consumer.close()

    async def _next(self, consumer: Consumer) -> list[Recorded]:
        """Take the buffered records, within bounds, with large data put back."""
        batch: list[Recorded] = []
        size = 0
        while consumer.buffer and len(batch) < RECORDS_MAX and size < BYTES_MAX:
            record = consumer.take()
            here = self._documents.opened_here(record)
            batch.append(await self._documents.opened(record) if here is None else here)
            size += len(batch[-1].raw)
        return batch

    async def _take(self, checkpoint: Callable[[], Awaitable[int]]) -> None:
        inbox = self._connection.client.new_inbox()
        won: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def hear(message: Msg) -> None:
            pin_id = (message.headers or {}).get(_PIN_ID)
            if message.reply.startswith(RECORD_REPLY) and pin_id and not won.done():
                won.set_result(pin_id)

        subscription = await self._subscribed(inbox, hear)
        try:
            while not won.done():
                try:
                    if await self._is_ours():
                        return
                    await self._bid(inbox)
                    await asyncio.wait({won}, timeout=BEAT_S)
                    if not won.done():
                        await self._prompt_delivery(checkpoint)
                except (Unanswered, LogUnavailable):
                    await asyncio.sleep(_PAUSE_S)
            self._pin_id, self._beaten_at = won.result(), time.monotonic()
        except Refused as refused:
            raise translated(refused) from refused
        finally:
            with contextlib.suppress(nats.errors.Error, OSError):
                await subscription.unsubscribe()

    async def _subscribed(self, inbox: str, hear: Callable[[Msg], Awaitable[None]]) -> Any:
        try:
            return await self._connection.client.subscribe(inbox, cb=hear)
        except (nats.errors.Error, OSError) as error:
            self._connection.fail(error)

    async def _bid(self, inbox: str) -> None:
        """Ask for one record, which brings the pin when nobody has it.

        A bid is short: that of a process that is frozen by now wins nothing.
        """
        request = {"group": _GROUP, "batch": 1, "expires": int(BID_S * _NS)}
        await self._connection.publish(
            _next_subject(self._name), orjson.dumps(request), reply=inbox
        )

    async def _prompt_delivery(self, checkpoint: Callable[[], Awaitable[int]]) -> None:
        """Prompt a delivery when nobody holds the pin: the pin comes with a record.

        So the records that a dead holder had read and not finished do not wait until more come. A
        reset goes to the checkpoint at most: a holder of the pin that it hits misses nothing.
        """
        info = await self._info()
        if _holder(info) is not None or info["num_pending"]:
            return
        position = max(1, await checkpoint())
        if info["delivered"]["stream_seq"] != position - 1:
            await _reset(self._connection, self._name, position)

    async def _is_ours(self) -> bool:
        """Tell whether the pin is still ours, after a short outage."""
        if self._pin_id is not None and _holder(await self._info()) != self._pin_id:
            self._pin_id = None
        self._beaten_at = time.monotonic()
        return self._pin_id is not None

    async def _info(self) -> dict[str, Any]:
        """Return the server's description of the consumer, which is made if it is not there."""
        try:
            return await ask(self._connection, f"CONSUMER.INFO.{STREAM}.{self._name}")
        except Refused as refused:
            if refused.code != CONSUMER_NOT_FOUND:
                raise
        request = {"stream_name": STREAM, "config": _config(self._name)}
        return await ask(self._connection, f"CONSUMER.CREATE.{STREAM}.{self._name}", request)

    async def _hold(self) -> None:
        """Keep the pin, until it is lost."""
        while True:
            asked_at = time.monotonic()
            status = await self._beat()
            # A process that was frozen learns it from the clock.
            if status == _WRONG_PIN or time.monotonic() - self._beaten_at >= PIN_S:
                break
            if status is not None:
                self._beaten_at = asked_at
            await asyncio.sleep(BEAT_S)
        self._pin_id = None
        if self._consumer is not None:
            self._consumer.break_off("another holds the pin" if status else "the pin has expired")

    async def _beat(self) -> str | None:
        """Ask for less than any record has: the pin is renewed and nothing delivered."""
        request = {
            "group": _GROUP,
            "id": self._pin_id,
            "batch": 1,
            "max_bytes": 1,
            "no_wait": True,
        }
        subject, payload = _next_subject(self._name), orjson.dumps(request)
        try:
            answer = await self._connection.request(subject, payload, timeout_s=BEAT_S)
        except Unanswered:
            return None
        return (answer.headers or {}).get(STATUS)

    async def _release(self) -> None:
        """Let the pin go, if it is ours: the next holder need not wait until it expires."""
        pin_id, self._pin_id = self._pin_id, None
        if pin_id is None:
            return
        with contextlib.suppress(TimeoutError, Unanswered, Refused, LogUnavailable):
            async with asyncio.timeout(BEAT_S):
                if _holder(await self._info()) == pin_id:
                    await self._connection.publish(
                        f"$JS.API.CONSUMER.UNPIN.{STREAM}.{self._name}",
                        orjson.dumps({"group": _GROUP}),
                    )


class _PinnedRequests(Consumer):
    """Pull requests with the pin, after the shared consumer was reset to a position."""

    def __init__(self, connection: Connection, *, name: str, pin_id: str, after: int) -> None:
        super().__init__(connection, after=after)
        self._name = name
        self._pin_id = pin_id
        self._first = 0

    async def open(self) -> None:
        """Reset the consumer. Raises Refused, LogUnavailable, LogRewound."""
        await self._listen()
        self._first = await self._first_position()
        info = await _reset(self._connection, self._name, self.position + 1)
        self.caught_up = info["num_pending"] == 0

    async def close(self) -> None:
        """Unsubscribe; the consumer stays."""
        await self._unsubscribe()

    def break_off(self, reason: str) -> None:
        """Break, and drop the buffer."""
        self.broken = reason
        self.buffer.clear()
        self._wake.set()

    def _request(self) -> dict[str, Any]:
        request = {**super()._request(), "idle_heartbeat": int(BEAT_S * _NS)}
        return {**request, "group": _GROUP, "id": self._pin_id}

    def _buffer_record(self, subject: str, raw: bytes, fields: list[str]) -> None:
        begins = self._sequence == 0
        super()._buffer_record(subject, raw, fields)
        if begins and self.buffer and self.buffer[0].position != self._first:
            # Another process reset the consumer after us, before anything was delivered.
            self.break_off(f"position {self._first} should have come first")

    def _note_status(self, headers: dict[str, str]) -> None:
        super()._note_status(headers)
        delivered = headers.get("Nats-Last-Consumer")
        if delivered is not None and int(delivered) != self._sequence and self.broken is None:
            self.break_off("somebody else moved the consumer")

    async def _first_position(self) -> int:
        """Return the position that must come first; erased ones are passed by."""
        last = (await read_bounds(self._connection)).last
        if last < self.position:
            raise LogRewound(position=self.position, last=last)
        following = {"seq": self.position + 1, "next_by_subj": f"{SUBJECT_PREFIX}>"}
        found = await direct_get.get(self._connection, following) if last > self.position else None
        return last + 1 if found is None else direct_get.position_of(found)


def _config(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "durable_name": name,
        "deliver_policy": "all",
        "ack_policy": "none",
        "replay_policy": "instant",
        "priority_policy": "pinned_client",
        "priority_groups": [_GROUP],
        "priority_timeout": int(PIN_S * _NS),
        "inactive_threshold": INACTIVE_S * _NS,
    }


def _holder(info: dict[str, Any]) -> str | None:
    """Return the id of the current pin, or None."""
    for group in info.get("priority_groups") or ():
        if group["group"] == _GROUP:
            found: str | None = group.get("pinned_client_id")
            return found
    return None


async def _reset(connection: Connection, name: str, position: int) -> dict[str, Any]:
    return await ask(connection, f"CONSUMER.RESET.{STREAM}.{name}", {"seq": position})


def _next_subject(name: str) -> str:
    return f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{name}"
