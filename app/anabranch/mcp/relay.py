"""The relay: a client's lines go to the `up` that runs on the home, and its answers come back.

It imports neither the SDK nor models, so that a client's start costs little. Where the `up` ends,
the relay goes on with the next one: it shakes hands again, and asks again what has no answer yet.
Each call has a key by the relay and its number, so nothing is applied twice. Where no other `up`
comes, the client is answered in this process.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from anabranch.home.folder import Home
from anabranch.home.running import running_up
from anabranch.mcp.caller import VARIABLES
from anabranch.mcp.input_lines import lines_of
from anabranch.mcp.relayed_lines import HOST, LINE_BYTES_MAX, Hello, account_in
from anabranch.mcp.unanswered import UnansweredRequests

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anabranch.mcp.relayed_lines import Account
    from anabranch.plain_settings import PlainSettings

    Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP)
PATIENCE_S: Final = 20.0
"""So long another `up` is waited for; clients give up a call after a minute."""
_HELLO_TIMEOUT_S: Final = 10.0
_END_TIMEOUT_S: Final = 30.0
_PAUSE_S: Final = 0.1


class Relay:
    """Passes lines between two descriptors and an `up`.

    `found` returns the port and the token of the `up` that runs now. `locally` begins a
    conversation in this process.
    """

    def __init__(
        self,
        hello: Hello,
        *,
        found: Callable[[], tuple[int, str] | None],
        locally: Callable[[Hello], Awaitable[Streams]],
        input_: int = 0,
        output: int = 1,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._hello = hello
        self._found = found
        self._locally = locally
        self._input, self._output = input_, output
        self._patience_s = patience_s
        self._unanswered = UnansweredRequests()
        self._sessions: Account = hello.sessions
        self._writer: asyncio.StreamWriter | None = None
        self._writing = asyncio.Lock()
        self._ended = self._closing = False

    async def run(self) -> None:
        """Pass lines on until the input ends, its calls have answers, and its sessions an end."""
        feeding = asyncio.create_task(self._feed())
        try:
            while (streams := await self._connected()) is not None:
                await self._converse(*streams)
                if self._ended and not self._unanswered and self._is_last():
                    return
                await asyncio.sleep(_PAUSE_S)
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)

    def end(self) -> None:
        """Take no more lines; what is asked already is still answered."""
        self._ended = True
        if self._writer is not None:
            with suppress(OSError, RuntimeError):
                self._writer.write_eof()

    def stop(self) -> None:
        """End without the answers that are still to come: nobody reads them."""
        self._unanswered.clear()
        self.end()

    async def _feed(self) -> None:
        async for line in lines_of(self._input):
            if line.strip():
                await self._take(line)
        self.end()

    async def _take(self, line: bytes) -> None:
        """Take a line from the client."""
        if len(line) >= LINE_BYTES_MAX:
            await self._give(self._unanswered.too_long(line))
            return
        writer = self._writer
        self._unanswered.came(line, sent=writer is not None)
        if writer is not None:
            writer.write(line + b"\n")
            with suppress(OSError):
                await writer.drain()

    async def _connected(self) -> Streams | None:
        """Begin a conversation; None where nothing is left that it would be for."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience_s
        while True:
            address = self._found()
            if address is not None:
                with suppress(OSError, ValueError):
                    return await self._greeted(*address)
            if self._ended and not self._unanswered:
                return None
            if loop.time() >= deadline:
                return await self._locally(self._hello._replace(sessions=self._sessions))
            await asyncio.sleep(_PAUSE_S)

    async def _greeted(self, port: int, token: str) -> Streams:
        """Connect, say hello, and hear that it was taken. Raises OSError and ValueError."""
        hello = self._hello._replace(token=token, sessions=self._sessions)
        async with asyncio.timeout(_HELLO_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(HOST, port, limit=LINE_BYTES_MAX)
            try:
                writer.write(hello.line())
                account = account_in(await reader.readline())
            except BaseException:
                writer.close()
                raise
        if account is None:
            writer.close()
            raise ConnectionRefusedError
        return reader, writer

    def _is_last(self) -> bool:
        """Tell whether no other conversation is needed to close the client's sessions."""
        last = self._closing or not self._sessions
        self._closing = True
        return last

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Ask again what has no answer, and pass lines on until the conversation ends."""
        for refusal in self._unanswered.given_up():
            await self._give(refusal)
        writer.writelines(line + b"\n" for line in self._unanswered.again())
        self._writer = writer
        if self._ended:
            self.end()
        try:
            while (line := await reader.readline()).endswith(b"\n"):
                account = account_in(line)
                if account is not None:
                    self._sessions = account
                elif self._unanswered.went(line):
                    await self._give(line)
        except (OSError, ValueError):
            return
        finally:
            self._writer = None
            writer.close()

    async def _give(self, line: bytes) -> None:
        """Write a line to the client; one that reads no more has ended."""
        try:
            async with self._writing:
                await asyncio.to_thread(_write, self._output, line)
        except OSError:
            self.stop()


def _write(descriptor: int, line: bytes) -> None:
    rest = memoryview(line)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def relay_address(settings: PlainSettings) -> tuple[int, str] | None:
    """Return the port and the token of the `up` on a home; None where none relays."""
    running = running_up(Home(settings.home))
    return None if running is None else running.relay


async def relay_stdio(
    settings: PlainSettings,
    *,
    parent_id: str | None,
    locally: Callable[[Hello], Awaitable[Streams]],
) -> None:
    """Relay standard input and output until the input ends, or a signal comes.

    Sessions that the client left open are closed before this returns, within a bound.
    """
    hello = Hello(
        token="",
        namespace=settings.namespace,
        instance=str(uuid4()),
        agent=settings.agent,
        parent_id=parent_id,
        variables={one: os.environ[one] for one in VARIABLES if one in os.environ},
        sessions=[],
    )
    relay = Relay(hello, found=lambda: relay_address(settings), locally=locally)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        relay.stop()
        loop.call_later(_END_TIMEOUT_S, os._exit, 0)

    for one in SIGNALS:
        loop.add_signal_handler(one, stop)
    await relay.run()
