"""One ephemeral pull consumer: requests kept in flight, arrivals in a bounded buffer."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import nats.errors
import orjson

from anabranch_events.event.binary_mode import structured
from anabranch_events.event.identifiers import new_id
from anabranch_events.event.recorded import Recorded
from anabranch_events.jetstream.api import STREAM, Refused, ask
from anabranch_events.transport.inbox import NO_RESPONDERS, STATUS, Unanswered
from anabranch_events.transport.parser import RECORD_REPLY

if TYPE_CHECKING:
    from nats.aio.subscription import Subscription

    from anabranch_events.transport.connection import Connection

WINDOW_RECORDS: Final = 2000
REQUEST_RECORDS: Final = 1000
REQUEST_BYTES: Final = 4 * 1024 * 1024
BUFFER_BYTES_MAX: Final = 8 * 1024 * 1024
HEARTBEAT_S: Final = 0.75
HEARTBEATS_MISSED_MAX: Final = 2.5
EXPIRES_S: Final = 30
INACTIVE_S: Final = 60
_LAST_CHANCE_S: Final = 0.05
_NS: Final = 1_000_000_000
_HEARTBEAT: Final = "100"
_BAD_REQUEST: Final = "400"
_REQUEST_ENDED: Final = {
    "Request Timeout",
    "Message Size Exceeds MaxBytes",
    "Batch Completed",
    "Exceeded MaxWaiting",
}


class Consumer:
    """Records after a position, as they arrive. A `broken` consumer must be replaced.

    A gap in the consumer's own sequence breaks it, and so does a lost connection, a consumer that
    is gone, or silence. When it is `refused`, a replacement would be too. `position` is the last
    one it buffered.
    """

    def __init__(self, connection: Connection, *, after: int) -> None:
        self.position = after
        self.buffer: deque[Recorded] = deque()
        self.broken: str | None = None
        self.refused: str | None = None
        self.caught_up = False
        self._connection = connection
        self._name = f"read-{new_id()}"
        self._subscription: Subscription | None = None
        self._inbox = connection.client.new_inbox()
        self._buffered_bytes = 0
        self._outstanding = 0
        self._sequence = 0
        self._wake = asyncio.Event()

    async def open(self) -> None:
        """Make the consumer on the server. Raises Refused, LogUnavailable."""
        await self._listen()
        info = await ask(
            self._connection,
            f"CONSUMER.CREATE.{STREAM}.{self._name}",
            {"stream_name": STREAM, "config": self._config()},
        )
        self.caught_up = info["num_pending"] == 0

    async def close(self) -> None:
        """Unsubscribe, and let the server forget the consumer; it would by itself after 60 s."""
        if not await self._unsubscribe():
            return
        with contextlib.suppress(Unanswered):
            await self._connection.publish(f"$JS.API.CONSUMER.DELETE.{STREAM}.{self._name}", b"")

    async def _listen(self) -> None:
        self._connection.on_lost(self._lost)
        self._subscription = await self._connection.client.listen(self._inbox, self._receive)

    async def _unsubscribe(self) -> bool:
        """Unsubscribe; tell whether there was a subscription."""
        self._connection.forget_lost(self._lost)
        if self._subscription is None:
            return False
        with contextlib.suppress(nats.errors.Error, OSError):
            await self._subscription.unsubscribe()
        return True

    def take(self) -> Recorded:
        """Remove and return the oldest record of the buffer."""
        record = self.buffer.popleft()
        self._buffered_bytes -= len(record.raw)
        return record

    async def ask_for_more(self) -> None:
        """Keep requests in flight as long as the buffer has room."""
        expected = self._outstanding + len(self.buffer)
        if (
            self.broken is not None
            or expected > WINDOW_RECORDS - REQUEST_RECORDS
            or self._buffered_bytes > BUFFER_BYTES_MAX
        ):
            return
        self._outstanding += REQUEST_RECORDS
        try:
            await self._connection.publish(
                f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{self._name}",
                orjson.dumps(self._request()),
                reply=self._inbox,
            )
        except Unanswered as error:
            self.broken = str(error)

    async def wait(self) -> None:
        """Return when something came, or when two heartbeats are missing: then it is broken."""
        self._wake.clear()
        try:
            async with asyncio.timeout(HEARTBEATS_MISSED_MAX * HEARTBEAT_S):
                await self._wake.wait()
        except TimeoutError:
            await asyncio.sleep(_LAST_CHANCE_S)  # Arrivals during a busy spell are read only now.
            if not self._wake.is_set():
                self.broken = "the server is silent"

    async def look(self) -> None:
        """Ask whether anything is still to come: a message that is damaged on disk never does.

        Raises LogUnavailable.
        """
        try:
            info = await ask(self._connection, f"CONSUMER.INFO.{STREAM}.{self._name}")
        except Refused as refused:
            self.broken = str(refused)
            return
        delivered: int = info["delivered"]["consumer_seq"]
        self.caught_up = info["num_pending"] == 0 and delivered == self._sequence

    def _request(self) -> dict[str, Any]:
        return {
            "batch": REQUEST_RECORDS,
            "max_bytes": max(REQUEST_BYTES, 2 * self._connection.client.max_payload),
            "expires": int(EXPIRES_S * _NS),
            "idle_heartbeat": int(HEARTBEAT_S * _NS),
        }

    def _config(self) -> dict[str, Any]:
        return {
            "name": self._name,
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": self.position + 1,
            "ack_policy": "none",
            "replay_policy": "instant",
            "inactive_threshold": INACTIVE_S * _NS,
            "mem_storage": True,
            "num_replicas": 1,
        }

    def _lost(self) -> None:
        self.broken = "the connection was lost"
        self._wake.set()

    def _receive(
        self, subject: str, reply: str, data: bytes, headers: dict[str, str] | None
    ) -> None:
        if reply.startswith(RECORD_REPLY):
            raw = data if headers is None else structured(headers, data)
            self._buffer_record(subject, raw, reply.split("."))
        else:
            self._note_status(headers or {})
        self._wake.set()

    def _buffer_record(self, subject: str, raw: bytes, fields: list[str]) -> None:
        """Take in one record. `fields` are those of the server's reply subject, in its two forms.

        $JS.ACK.<stream>.<consumer>.<delivered>.<sseq>.<cseq>.<time>.<pending>, and with a domain
        and an account hash before the stream.
        """
        if self.broken is not None:
            return
        start = 5 if len(fields) == 9 else 7
        position, sequence = int(fields[start]), int(fields[start + 1])
        if sequence != self._sequence + 1:
            self.broken = f"a gap before position {position}"
            return
        self._sequence = sequence
        self._outstanding -= 1
        self.position = position
        self.caught_up = fields[start + 3] == "0"
        _, _, namespace, session_id = subject.split(".", 3)
        stored_us = int(fields[start + 2]) // 1000
        self.buffer.append(Recorded(position, namespace, session_id, raw, stored_us))
        self._buffered_bytes += len(raw)

    def _note_status(self, headers: dict[str, str]) -> None:
        """Note the server's status of the requests in flight."""
        status, description = headers.get(STATUS), headers.get("Description", "")
        if status == _HEARTBEAT:
            return
        if "Nats-Pending-Messages" in headers and description in _REQUEST_ENDED:
            self._outstanding -= int(headers["Nats-Pending-Messages"])
        elif status == NO_RESPONDERS:
            self.broken = "the consumer is gone"
        elif status == _BAD_REQUEST:
            self.refused = self.broken = description
        else:
            self.broken = f"{status} {description}"
