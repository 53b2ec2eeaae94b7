"""NATS protocol parser. Messages for a registered receiver are delivered in batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from nats.protocol.parser import Parser

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nats.aio.client import Client

RECORD_REPLY: Final = "$JS.ACK."
_RECORD_REPLY: Final = RECORD_REPLY.encode()
_STRUCTURED: Final = b"application/cloudevents"
_OURS: Final = b"Content-Type: application/cloudevents+json\r\n\r\n"
_LINE_END: Final = b"\r\n"
_WITH_HEADERS: Final = b"HMSG"
_MESSAGES: Final = (_WITH_HEADERS, b"MSG")


class Receive(Protocol):
    """A receiver of messages, called at once for each.

    Headers of a stored message that a consumer delivers are left out where they name a structured
    CloudEvent: its reader has no use for them.
    """

    def __call__(
        self, subject: str, reply: str, data: bytes, headers: dict[str, str] | None
    ) -> None:
        """Take one message."""
        ...


def needs_headers(reply: bytes, headers: bytes) -> bool:
    """Tell whether a receiver wants a message's headers."""
    return not (
        reply.startswith(_RECORD_REPLY) and (headers.endswith(_OURS) or _STRUCTURED in headers)
    )


class QuickParser(Parser):
    """The driver's parser, given whole frames only, and only those it has to see.

    It tries up to seven patterns on the beginning of its buffer, and awaits each message it finds.
    A message for one of `receivers`, by the subscription's number, goes straight there when it has
    no headers, or none that are wanted. `note` gets the exceptions of receivers.
    """

    def __init__(self, client: Client, *, note: Callable[[Exception], Awaitable[None]]) -> None:
        self.receivers: dict[bytes, Receive] = {}
        self._note = note
        self._errors: list[Exception] = []
        self._stats = client.stats
        super().__init__(client)

    def reset(self) -> None:
        """Forget the half-read frame of a connection that is gone."""
        super().reset()
        self._begun: list[bytes] = []  # the pieces of a frame's beginning
        self._missing = 0  # how many bytes, at least, come before it can be whole
        self._parsed = b""

    async def parse(self, data: bytes = b"") -> None:
        """Parse bytes off the wire."""
        if self._begun:
            self._begun.append(data)
            self._missing -= len(data)
            if self._missing > 0:
                return
            data, self._begun = b"".join(self._begun), []
        self._parsed = data
        start, end = self._hand_over(data, 0)
        while end <= len(data):
            await super().parse(data[start:end])
            if self._parsed is not data:
                return  # The connection was given up meanwhile.
            start, end = self._hand_over(data, end)
        while self._errors:
            await self._note(self._errors.pop())
        if start < len(data):
            self._begun, self._missing = [data[start:]], end - len(data)

    def _hand_over(self, data: bytes, start: int) -> tuple[int, int]:
        """Hand over messages from `start` on; return where a frame for the driver begins and ends.

        The end is past the data when the frame is not whole, by one byte or by all that is missing.
        """
        count = size = 0
        end = len(data) + 1
        while (line_end := data.find(_LINE_END, start)) >= 0:
            fields = data[start:line_end].split()
            body = line_end + 2
            if len(fields) < 4 or fields[0] not in _MESSAGES or not fields[-1].isdigit():
                end = body
                break
            end = body + int(fields[-1]) + 2
            receive = self.receivers.get(fields[2])
            if receive is None or end > len(data):
                break
            reply = fields[3] if len(fields) > 4 else b""
            if fields[0] == _WITH_HEADERS:
                head = data[body : body + int(fields[-2])]
                if len(fields) != 6 or needs_headers(reply, head):
                    break
                body += len(head)
            try:
                receive(fields[1].decode(), reply.decode(), data[body : end - 2], None)
            except Exception as error:  # noqa: BLE001 - as the driver does: the connection goes on
                self._errors.append(error)
            count += 1
            size += end - 2 - body
            start, end = end, len(data) + 1
        self._stats["in_msgs"] += count
        self._stats["in_bytes"] += size
        return start, end
