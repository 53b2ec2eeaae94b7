"""A relay at work in this process, and the client whose lines it passes on."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

from anabranch.mcp.conversation import Conversation
from anabranch.mcp.relay import Relay
from anabranch.mcp.relayed_lines import LINE_BYTES_MAX, Hello
from tests.support.mcp_messages import call
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from anabranch.mcp.access import Access


class RelayedClient:
    """A client of a relay, over pipes as its standard streams are.

    The relay finds its `up` at `offered`; without one it is answered from `access`, in this
    process.
    """

    def __init__(self, namespace: str, access: Access) -> None:
        self.offered: tuple[int, str] | None = None
        self.local = 0
        self._access = access
        self._namespace = namespace
        self._asking: int | None = None
        self._ours: tuple[int, int] = (-1, -1)
        self._running: asyncio.Task[None] | None = None
        self._answers: Any = None
        self._conversing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        hello = Hello("", self._namespace, "an-instance", None, None, {}, [])
        relay = Relay(
            hello,
            found=lambda: self.offered,
            locally=self._begin_locally,
            input_=theirs_in,
            output=theirs_out,
            patience_s=0.2 if self.offered is None else PATIENCE_S,
        )
        self._asking = ours_out
        self._ours = (theirs_in, theirs_out)
        self._answers = os.fdopen(ours_in, "rb")
        self._running = asyncio.create_task(relay.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.ended()
        self._answers.close()
        for one in self._ours:
            os.close(one)

    async def ask(self, *messages: dict[str, Any]) -> None:
        """Send messages."""
        lines = (json.dumps({"jsonrpc": "2.0", **one}) + "\n" for one in messages)
        assert self._asking is not None
        await asyncio.to_thread(os.write, self._asking, "".join(lines).encode())

    async def answer(self) -> dict[str, Any]:
        """Return the next message that comes back."""
        async with asyncio.timeout(PATIENCE_S):
            found: dict[str, Any] = json.loads(await asyncio.to_thread(self._answers.readline))
        return found

    async def called(self, number: int, name: str, **arguments: object) -> dict[str, Any]:
        """Return what a tool gives."""
        await self.ask(call(number, name, **arguments))
        found = await self.answer()
        assert found["id"] == number
        structure: dict[str, Any] = found["result"]["structuredContent"]
        return structure

    async def ended(self) -> None:
        """End the input, and wait for the end of the relay."""
        if self._asking is not None:
            os.close(self._asking)
            self._asking = None
        assert self._running is not None
        await asyncio.wait_for(self._running, PATIENCE_S)

    async def _begin_locally(
        self, hello: Hello
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self.local += 1
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=theirs, limit=LINE_BYTES_MAX)
        conversation = Conversation(hello, self._access, reader, writer)

        async def run() -> None:
            await conversation.run()
            writer.close()

        self._conversing = asyncio.create_task(run())
        streams = await asyncio.open_connection(sock=ours, limit=LINE_BYTES_MAX)
        await streams[0].readline()
        return streams


class DyingServer:
    """Takes every hello, and ends once it has read a line that holds `deadly`."""

    def __init__(self, deadly: bytes) -> None:
        self._deadly = deadly
        self.lines: list[bytes] = []
        self._writers: list[asyncio.StreamWriter] = []

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[tuple[int, str]]:
        """Listen for as long as this is open; give the port and a token."""
        server = await asyncio.start_server(self._converse, "127.0.0.1", 0)
        async with server:
            yield server.sockets[0].getsockname()[1], "a-token"
            self.close()

    def close(self) -> None:
        """End every conversation."""
        for writer in self._writers:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        await reader.readline()
        writer.write(b'{"anabranch.sessions":[]}\n')
        while line := await reader.readline():
            self.lines.append(line)
            if self._deadly in line:
                break
        writer.close()
