"""The nats-py client, with quickly read headers and a short way for streams of messages."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import urlparse

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.protocol.parser import Parser

from anabranch_events.transport.cancellation import cancellation_kept
from anabranch_events.transport.parser import QuickParser

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nats.aio.client import Srv
    from nats.aio.subscription import Subscription

    from anabranch_events.transport.parser import Receive

_SETTLE_TIMEOUT_S: Final = 10.0
_CANCELLINGS_MAX: Final = 20
_CANCELLING_S: Final = 0.05
_FRAME_BYTES: Final = len(b"NATS/1.0\r\n" + b"\r\n")


Outbound: TypeAlias = tuple[str, str, str, bytes]
"""A message to send: subject, reply, headers, data.

Headers are ASCII; each line ends in CR and LF.
"""


class QuickClient(Client):
    """The driver's client, without the costs of every message in a long stream.

    The driver looks at every character of every header's name: half the cost of reading the log. It
    takes every message through an object, a queue and a task. Should a later driver work otherwise,
    both merely get slower again. `hands_over` says that the short way stands; without it `listen`
    takes the driver's own.
    """

    def __init__(self) -> None:
        super().__init__()
        self.hands_over = is_known(Client)
        self.locate: Callable[[], tuple[str, str | None] | None] | None = None
        """Asked before each new connection: the server's address and token by now."""
        self._parser = QuickParser(self, note=self._note)
        if self.hands_over:
            self._ps = self._parser

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        timeout: float = 0.5,  # noqa: ASYNC109 - the driver's
        old_style: bool = False,
        headers: dict[str, Any] | None = None,
    ) -> Msg:
        """Request as the driver does; a cancellation that comes with the answer is not lost."""
        with cancellation_kept():
            return await super().request(subject, payload, timeout, old_style, headers)

    async def listen(self, subject: str, receive: Receive) -> Subscription:
        """Subscribe; `receive` is called for each message as it is read off the wire."""

        async def from_driver(message: Msg) -> None:
            receive(message.subject, message.reply, message.data, message.headers)

        subscription = await self.subscribe(subject, cb=from_driver)
        if self.hands_over:
            self._parser.receivers[b"%d" % subscription._id] = receive  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # the driver's number for it
        return subscription

    def message(self, subject: str, reply: str, data: bytes, headers: dict[str, str] | None) -> Msg:
        """Return the driver's message for the parts that a receiver is given."""
        return Msg(self, subject, reply, data, headers)

    async def publish_all(self, messages: Sequence[Outbound]) -> None:
        """Publish messages whose subjects and headers are known to be well-formed.

        The driver checks each character of each of them and builds each header anew.
        """
        if not self.hands_over:
            for subject, reply, headers, data in messages:
                lines = self._parse_header_lines(headers.encode())
                await self.publish(subject, data, reply, lines)
            return
        parts: list[bytes] = []
        size = 0
        for subject, reply, headers, data in messages:
            before, length = len(headers) + _FRAME_BYTES, len(data)
            command = f"PUB {subject} {reply} {length}"
            if headers:
                sizes = f"{before} {before + length}"
                command = f"HPUB {subject} {reply} {sizes}\r\nNATS/1.0\r\n{headers}"
            parts.append(command.encode())
            parts.append(data)
            size += length
        parts.append(b"")
        self.stats["out_msgs"] += len(messages)
        self.stats["out_bytes"] += size
        await self._send_command(b"\r\n".join(parts))
        await self._flush_pending()

    def forget_unsent(self) -> bool:
        """Drop messages unsent at the loss of the connection; tell whether that can be done.

        The driver would send them first thing on the next connection. Those sent before may be
        lost: the end of a series would arrive without its middle.
        """
        if not self.hands_over:
            return False
        self._pending: list[bytes] = []
        self._pending_data_size = 0
        return True

    def abort(self) -> None:
        """End the connection without waiting for a server that may be frozen."""
        writer = getattr(self._transport, "_io_writer", None)
        if isinstance(writer, asyncio.StreamWriter):
            writer.transport.abort()

    async def end_reconnecting(self) -> None:
        """Stop the reconnecting of a client that was closed.

        A cancellation that meets a refused connection is lost, and the driver would try for ever.
        """
        task: asyncio.Task[None] | None = getattr(self, "_reconnection_task", None)
        for _ in range(_CANCELLINGS_MAX):
            if task is None or task.done():
                return
            task.cancel()
            await asyncio.wait({task}, timeout=_CANCELLING_S)

    async def _attempt_reconnect(self) -> None:
        self.abort()
        await super()._attempt_reconnect()

    async def _connect_to_server(self, s: Srv) -> None:
        self.abort()  # A silent server that took it would stay connected otherwise.
        found = None if self.locate is None else self.locate()
        if found is not None:
            address, self.options["token"] = found
            s.uri = urlparse(address)
        await super()._connect_to_server(s)

    def _remove_sub(self, sid: int, max_msgs: int = 0) -> None:
        self._parser.receivers.pop(b"%d" % sid, None)
        super()._remove_sub(sid, max_msgs)

    async def _process_msg(  # pyright: ignore[reportIncompatibleMethodOverride]  # any shape passes
        self, *arrived: Any
    ) -> None:
        """Give a receiver a message with its headers, or let the driver process it."""
        sid, subject, reply, data, raw = arrived
        receive = self._parser.receivers.get(b"%d" % sid)
        if receive is None:
            await super()._process_msg(*arrived)
            return
        self.stats["in_msgs"] += 1
        self.stats["in_bytes"] += len(data)
        headers = await self._process_headers(raw) if raw else None
        try:
            receive(subject.decode(), reply.decode(), data, headers)
        except Exception as error:  # noqa: BLE001 - as the driver does: the connection goes on
            await self._note(error)

    async def _note(self, error: Exception) -> None:
        """Report an error like the driver."""
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


async def settled(client: Client) -> None:
    """Return once the server has taken in all that `client` sent before, subscriptions included.

    The driver's `flush` lets its question overtake the messages to be flushed: a message does not
    (findings/nats_py_flush_overtakes_what_it_flushes.sh). Raises nats.errors.TimeoutError.
    """
    inbox = client.new_inbox()
    own = await client.subscribe(inbox)
    await client.publish(inbox)
    with cancellation_kept():
        await own.next_msg(timeout=_SETTLE_TIMEOUT_S)
    await own.unsubscribe()


def is_known(driver: type[Client]) -> bool:
    """Tell whether the driver keeps and processes messages in the way that is cut short here."""
    process: Any = getattr(driver, "_process_msg", None)
    parse: Any = getattr(driver, "_process_headers", None)
    forget: Any = getattr(driver, "_remove_sub", None)
    fields = vars(driver())
    return (
        type(fields.get("_ps")) is Parser
        and inspect.iscoroutinefunction(Parser.parse)
        and [*inspect.signature(Parser.parse).parameters] == ["self", "data"]
        and isinstance(getattr(fields["_ps"], "buf", None), bytearray)
        and fields.get("_pending") == []
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
