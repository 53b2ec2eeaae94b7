"""The server over standard input and output, for one client that started it."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from typing import TYPE_CHECKING, Final

from mcp.server.stdio import stdio_server

from anabranch.mcp.conversation import Conversation
from anabranch.mcp.relay import SIGNALS
from anabranch.mcp.relayed_lines import LINE_BYTES_MAX
from anabranch.mcp.server import MemoryServer

if TYPE_CHECKING:
    from anabranch.mcp.access import HomeAccess
    from anabranch.mcp.relayed_lines import Hello

    Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_CONVERSATIONS: Final[set[asyncio.Task[None]]] = set()
"""Conversations begun here: a task that nobody holds may be collected."""


async def serve_stdio(
    access: HomeAccess, *, agent: str | None = None, parent_id: str | None = None
) -> None:
    """Answer until standard input ends, nobody reads on, or a signal comes; then close all.

    Standard output holds the protocol alone: what else is printed goes to standard error.
    """
    memory = MemoryServer(access, agent=agent, parent_id=parent_id)
    stopped = asyncio.Event()
    for one in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(one, stopped.set)
    access.prepare()
    stopping = asyncio.create_task(_stop(stopped, memory, access))
    try:
        async with stdio_server() as (reader, writer):
            await memory.answer(reader, writer)
    except* BrokenPipeError:
        pass  # The client has gone without closing our input first.
    finally:
        stopping.cancel()
        await _close(memory, access)


async def _stop(stopped: asyncio.Event, memory: MemoryServer, access: HomeAccess) -> None:
    """End the process once a signal has come: standard input may stay open, and is being read."""
    await stopped.wait()
    await _close(memory, access)
    sys.stdout.flush()
    os._exit(0)


async def _close(memory: MemoryServer, access: HomeAccess) -> None:
    try:
        await memory.close()
    finally:
        await access.close()


async def begin_locally(hello: Hello, access: HomeAccess) -> Streams:
    """Begin a conversation in this process, for a relay whose `up` has gone; return its streams."""
    ours, theirs = socket.socketpair()
    task = asyncio.create_task(_converse(hello, access, theirs))
    _CONVERSATIONS.add(task)
    task.add_done_callback(_CONVERSATIONS.discard)
    reader, writer = await asyncio.open_connection(sock=ours, limit=LINE_BYTES_MAX)
    await reader.readline()  # The greeting.
    return reader, writer


async def _converse(hello: Hello, access: HomeAccess, own: socket.socket) -> None:
    reader, writer = await asyncio.open_connection(sock=own, limit=LINE_BYTES_MAX)
    try:
        access.prepare()
        await Conversation(hello, access, reader, writer).run()
    finally:
        await access.close()
        writer.close()
