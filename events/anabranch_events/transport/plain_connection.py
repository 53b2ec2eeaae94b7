"""A connection for a few requests to a NATS server on this machine, without the driver.

To import the driver takes longer than such a request, start of the process included. It speaks what
the managed nats-server does for its owner: a token, no TLS, no reconnecting. For all else there is
`Connection`. The protocol: https://docs.nats.io/reference/reference-protocols/nats-protocol
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Final, NamedTuple, Self
from urllib.parse import unquote, urlsplit

import orjson

from anabranch_events.errors import LogUnavailable
from anabranch_events.transport.inbox import NO_RESPONDERS, NobodyListens, Unanswered

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import Mapping

_LINE_BYTES_MAX: Final = 1024 * 1024
_NOBODY: Final = f"NATS/1.0 {NO_RESPONDERS}".encode()


class PlainAnswer(NamedTuple):
    """An answer: its data, and the block of its headers as it came."""

    data: bytes
    headers: bytes

    def header(self, name: str) -> str | None:
        """Return the value of a header; None where it has none of that name."""
        for line in self.headers.split(b"\r\n")[1:]:
            found, _, value = line.partition(b":")
            if found == name.encode():
                return value.decode().strip()
        return None


class PlainConnection:
    """An open connection, one request at a time. Entering it raises LogUnavailable."""

    def __init__(self, url: str, *, token: str | None, timeout_s: float) -> None:
        address = urlsplit(url)
        self._host = address.hostname or "127.0.0.1"
        self._port = address.port or 4222
        self._token = token
        self._user = unquote(address.username or "") or None
        self._password = unquote(address.password or "") or None
        self._timeout_s = timeout_s
        self._inbox = f"_INBOX.{os.urandom(12).hex()}"
        self.payload_max = 0

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(self._timeout_s):
                self._reader, self._writer = await self._opened()
        except (OSError, ValueError, EOFError) as error:
            raise LogUnavailable(
                f"the NATS server at {self._host}:{self._port} does not answer: {error!r}",
                fix="check that it runs",
            ) from error
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def _opened(self) -> tuple[StreamReader, StreamWriter]:
        reader, writer = await asyncio.open_connection(
            self._host, self._port, limit=_LINE_BYTES_MAX
        )
        kind, _, info = (await reader.readline()).partition(b" ")
        if kind != b"INFO":
            writer.close()
            raise ValueError("it is no NATS server")
        self.payload_max = int(orjson.loads(info)["max_payload"])
        wishes = {
            "auth_token": self._token,
            "headers": True,
            "lang": "python",
            "name": "anabranch",
            "no_responders": True,
            "pass": self._password,
            "pedantic": False,
            "user": self._user,
            "verbose": False,
            "version": "plain",
        }
        writer.write(b"CONNECT %b\r\nSUB %b 1\r\n" % (orjson.dumps(wishes), self._inbox.encode()))
        return reader, writer

    async def request(
        self,
        subject: str,
        data: bytes,
        *,
        timeout_s: float,
        headers: Mapping[str, str] | None = None,
    ) -> PlainAnswer:
        """Send one request and return its answer. Raises NobodyListens, and Unanswered."""
        try:
            self._writer.write(_message(subject, self._inbox, data, headers or {}))
            async with asyncio.timeout(timeout_s):
                found = await self._answer()
        except (OSError, EOFError, ValueError) as error:  # A TimeoutError is an OSError.
            raise Unanswered(str(error) or repr(error)) from error
        if not found.data and found.headers.startswith(_NOBODY):
            raise NobodyListens(f"nobody listens on {subject}")
        return found

    async def _answer(self) -> PlainAnswer:
        """Read up to the next message; the server's pings are answered meanwhile."""
        while True:
            line = await self._reader.readline()
            kind, _, rest = line.rstrip().partition(b" ")
            if not line:
                raise EOFError("the connection was lost")
            if kind == b"PING":
                self._writer.write(b"PONG\r\n")
            elif kind == b"-ERR":
                raise EOFError(rest.decode())
            elif kind in {b"MSG", b"HMSG"}:
                sizes = rest.split(b" ")
                header_size = int(sizes[-2]) if kind == b"HMSG" else 0
                message = await self._reader.readexactly(int(sizes[-1]) + 2)
                return PlainAnswer(message[header_size:-2], message[:header_size])


def _message(subject: str, inbox: str, data: bytes, headers: Mapping[str, str]) -> bytes:
    if not headers:
        return f"PUB {subject} {inbox} {len(data)}\r\n".encode() + data + b"\r\n"
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    block = f"NATS/1.0\r\n{lines}\r\n".encode()
    head = f"HPUB {subject} {inbox} {len(block)} {len(block) + len(data)}\r\n".encode()
    return head + block + data + b"\r\n"
