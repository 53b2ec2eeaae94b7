"""The nats-py client, with headers read as quickly as Python can, and a short way for the many."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from nats.aio.client import Client

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nats.aio.client import Srv
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

RECORD_REPLY: Final = "$JS.ACK."
_RECORD_REPLY: Final = RECORD_REPLY.encode()
_STRUCTURED: Final = b"application/cloudevents"
_FRAME_BYTES: Final = len(b"NATS/1.0\r\n" + b"\r\n")


class Outbound(NamedTuple):
    """A message to send. Each line of its `headers` ends in CR and LF."""

    subject: str
    reply: str
    headers: bytes
    data: bytes


class Receive(Protocol):
    """Takes what arrives, at once.

    Headers of a stored message that a consumer delivers are left out where they say that it is a
    structured CloudEvent: its reader has no use for them.
    """

    def __call__(
        self, subject: str, reply: str, data: bytes, headers: dict[str, str] | None
    ) -> None:
        """Take one message."""
        ...


class QuickClient(Client):
    """The driver's client, without what it spends on every message of a long stream of them.

    It looks at every character of every header's name, which is half the cost of reading the log,
    and takes every message through an object, a queue and a task. Should the driver come to work
    otherwise, both merely get slower again: `hands_over` says whether the short way stands, and
    without it `listen` takes the driver's own.
    """

    def __init__(self) -> None:
        super().__init__()
        self._receivers: dict[object, Receive] = {}
        self.hands_over = is_known(Client)

    async def listen(self, subject: str, receive: Receive) -> Subscription:
        """Subscribe; `receive` is called for each message as it is read off the wire."""

        async def from_driver(message: Msg) -> None:
            receive(message.subject, message.reply, message.data, message.headers)

        subscription = await self.subscribe(subject, cb=from_driver)
        if self.hands_over:
            self._receivers[subscription._id] = receive  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # the driver's number for it
        return subscription

    async def publish_all(self, messages: Sequence[Outbound]) -> None:
        """Publish messages whose subjects and headers are known to be well-formed.

        The driver checks each character of each of them and builds each header anew.
        """
        if not self.hands_over:
            for subject, reply, headers, data in messages:
                await self.publish(subject, data, reply, self._parse_header_lines(headers))
            return
        commands = [
            b"HPUB %b %b %d %d\r\nNATS/1.0\r\n%b\r\n%b\r\n"
            % (
                subject.encode(),
                reply.encode(),
                len(headers) + _FRAME_BYTES,
                len(headers) + _FRAME_BYTES + len(data),
                headers,
                data,
            )
            for subject, reply, headers, data in messages
        ]
        self.stats["out_msgs"] += len(messages)
        self.stats["out_bytes"] += sum(len(message.data) for message in messages)
        await self._send_command(b"".join(commands))
        await self._flush_pending()

    def forget_unsent(self) -> bool:
        """Drop what was not sent before the connection was lost; tell whether that can be done.

        The driver would send it first thing on the next connection, though what had been sent
        before it may be lost: the end of a series without its middle.
        """
        if not self.hands_over:
            return False
        self._pending: list[bytes] = []
        self._pending_data_size = 0
        return True

    def abort(self) -> None:
        """End the connection without waiting until a server that may be frozen takes the rest."""
        writer = getattr(self._transport, "_io_writer", None)
        if isinstance(writer, asyncio.StreamWriter):
            writer.transport.abort()

    async def _attempt_reconnect(self) -> None:
        self.abort()
        await super()._attempt_reconnect()

    async def _connect_to_server(self, s: Srv) -> None:
        self.abort()  # One that took the connection and said nothing would stay open otherwise.
        await super()._connect_to_server(s)

    def _remove_sub(self, sid: int, max_msgs: int = 0) -> None:
        self._receivers.pop(sid, None)
        super()._remove_sub(sid, max_msgs)

    async def _process_msg(  # pyright: ignore[reportIncompatibleMethodOverride]  # any shape passes
        self, *arrived: Any
    ) -> None:
        """Hand a message over, or let the driver process it."""
        receive = self._receivers.get(arrived[0]) if self._receivers else None
        if receive is None:
            await super()._process_msg(*arrived)
            return
        _, subject, reply, data, raw = arrived
        self.stats["in_msgs"] += 1
        self.stats["in_bytes"] += len(data)
        is_record = reply.startswith(_RECORD_REPLY)
        wanted = raw and not (is_record and _STRUCTURED in raw)
        headers = await self._process_headers(raw) if wanted else None
        try:
            receive(subject.decode(), reply.decode(), data, headers)
        except Exception as error:  # noqa: BLE001 - as the driver does: the connection goes on
            await self._error_cb(error)

    @staticmethod
    def _parse_header_lines(raw: bytes) -> dict[str, str]:
        """Return the headers of a message; names that are not one ASCII word are left out."""
        found: dict[str, str] = {}
        for line in raw.decode("utf-8", "replace").split("\r\n"):
            name, separator, value = line.partition(":")
            words = name.split()
            if separator and len(words) == 1 and words[0].isascii():
                found[words[0]] = value.strip(" \t\n\r\x0b\x0c")
        return found


def is_known(driver: type[Client]) -> bool:
    """Tell whether the driver keeps and processes messages in the way that is cut short here."""
    process: Any = getattr(driver, "_process_msg", None)
    parse: Any = getattr(driver, "_process_headers", None)
    forget: Any = getattr(driver, "_remove_sub", None)
    fields = vars(driver())
    return (
        fields.get("_pending") == []
        and fields.get("_pending_data_size") == 0
        and inspect.iscoroutinefunction(process)
        and [*inspect.signature(process).parameters]
        == ["self", "sid", "subject", "reply", "data", "headers"]
        and inspect.iscoroutinefunction(parse)
        and [*inspect.signature(parse).parameters] == ["self", "headers"]
        and callable(forget)
        and inspect.iscoroutinefunction(getattr(driver, "_send_command", None))
        and inspect.iscoroutinefunction(getattr(driver, "_flush_pending", None))
    )
