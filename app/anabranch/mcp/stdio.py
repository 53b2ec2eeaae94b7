"""The server over standard input and output, for one client that started it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mcp.server.stdio import stdio_server

from anabranch.mcp.pending_requests import Incoming, Outgoing, PendingRequests
from anabranch.mcp.server import MemoryServer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anabranch.mcp.access import HomeAccess

_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP)
_NAME_MAX: Final = 48
_PROJECT: Final = "CLAUDE_PROJECT_DIR"


async def serve_stdio(
    access: HomeAccess, *, agent: str | None = None, parent_id: str | None = None
) -> None:
    """Answer until standard input ends, or a signal comes; then close what was opened.

    Standard output holds the protocol alone: what else is printed goes to standard error.
    """
    memory = MemoryServer(access, agent=agent, parent_id=parent_id)
    stopped = asyncio.Event()
    for one in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(one, stopped.set)
    access.prepare()
    stopping = asyncio.create_task(_stop(stopped, memory, access))
    try:
        async with stdio_server() as (reader, writer):
            pending = PendingRequests()
            await memory.server.run(
                Incoming(reader, pending),
                Outgoing(writer, pending),
                memory.server.create_initialization_options(),
            )
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


def project_namespace(environment: Mapping[str, str] | None = None) -> str:
    """Return the namespace of the project that the client works on: its name, and its place.

    The project is the folder of the client, or the one above it that a version control begins in.
    """
    given = (os.environ if environment is None else environment).get(_PROJECT)
    folder = Path(given or Path.cwd()).resolve()
    project = next((one for one in (folder, *folder.parents) if (one / ".git").exists()), folder)
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", project.name).strip("-")[:_NAME_MAX] or "project"
    return f"{name}-{hashlib.sha256(os.fsencode(project)).hexdigest()[:8]}"
