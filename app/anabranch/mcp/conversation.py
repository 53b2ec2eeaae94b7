"""A conversation with one client over lines of JSON-RPC, each a message."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

import anyio
import mcp_types as types
from mcp.shared.message import SessionMessage

from anabranch.mcp.pending_requests import Stream
from anabranch.mcp.relayed_lines import account_line
from anabranch.mcp.server import MemoryServer

if TYPE_CHECKING:
    from anabranch.mcp.access import Access
    from anabranch.mcp.own_sessions import OwnSessions
    from anabranch.mcp.relayed_lines import Account, Hello


class Conversation:
    """Answers the client of a relay, after its hello, until its lines end."""

    def __init__(
        self,
        hello: Hello,
        access: Access,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._reader = reader
        self._stopped = False
        self._memory = MemoryServer(
            access,
            agent=hello.agent,
            parent_id=hello.parent_id,
            instance=hello.instance,
            environment=hello.variables,
        )
        self._memory.sessions.restore(hello.sessions)
        self._lines = _Writer(writer, self._memory.sessions, shown=hello.sessions)

    async def run(self) -> None:
        """Answer every request that comes; then close the sessions that the client left open."""
        await self._lines.greet()
        await self._memory.answer(_Reader(self._reader), self._lines)
        if not self._stopped:
            await self._memory.close()
            await self._lines.show_account()

    def stop(self) -> None:
        """Take no more requests: this server ends, the client goes on with another one."""
        self._stopped = True
        self._lines.pause_reading()
        self._reader.feed_eof()


class _Reader(Stream):
    """Messages from lines; the end of a connection that broke is an end, too."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            line = await self._reader.readline()
        except (OSError, ValueError):  # ValueError: a line that is too long.
            line = b""
        if not line.endswith(b"\n"):
            raise StopAsyncIteration
        try:
            return SessionMessage(types.jsonrpc_message_adapter.validate_json(line, by_name=False))
        except ValueError as error:
            return error

    async def receive(self) -> SessionMessage | Exception:
        try:
            return await self.__anext__()
        except StopAsyncIteration:
            raise anyio.EndOfStream from None


class _Writer(Stream):
    """Lines of messages; an account of the sessions goes before the answer that changed it."""

    def __init__(
        self, writer: asyncio.StreamWriter, sessions: OwnSessions, *, shown: Account
    ) -> None:
        self._writer = writer
        self._sessions = sessions
        self._shown = shown
        self._drained = asyncio.Lock()

    async def send(self, item: SessionMessage, /) -> None:
        line = item.message.model_dump_json(by_alias=True, exclude_unset=True)
        self._write_account()
        await self._write(line.encode() + b"\n")

    async def greet(self) -> None:
        """Tell the relay that its hello was taken."""
        await self._write(account_line(self._shown))

    async def show_account(self) -> None:
        """Send the account where it has changed."""
        self._write_account()
        await self._write(b"")

    def pause_reading(self) -> None:
        transport: Any = self._writer.transport
        with suppress(RuntimeError):  # It is closed already.
            transport.pause_reading()

    def _write_account(self) -> None:
        account = self._sessions.account()
        if account != self._shown:
            self._shown = account
            self._writer.write(account_line(account))

    async def _write(self, line: bytes) -> None:
        self._writer.write(line)
        with suppress(OSError):  # A client that has gone wants no answer.
            async with self._drained:
                await self._writer.drain()
