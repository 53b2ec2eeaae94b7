"""The end of relays in a running `up`: each brings the messages of one client."""

from __future__ import annotations

import asyncio
import logging
import secrets
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from anabranch.api.admission import Gate
from anabranch.home.runtime_file import RelayAddress
from anabranch.mcp.access import SharedAccess
from anabranch.mcp.relayed_lines import HOST, LINE_BYTES_MAX, Hello

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from anabranch.mcp.conversation import Conversation
    from anabranch.memory.namespaces import Namespaces

CONVERSATIONS_MAX: Final = 512
_HELLO_TIMEOUT_S: Final = 10.0
_DRAIN_TIMEOUT_S: Final = 20.0
_MODULE: Final = "anabranch.mcp.conversation"
_log = logging.getLogger("anabranch")


def can_relay() -> bool:
    """Tell whether the SDK is there to answer with."""
    return find_spec("mcp") is not None


class RelayListener:
    """Listens on loopback, and answers who shows the token that stands in the runtime file.

    The SDK is imported with the first conversation: an `up` without agents does without it.
    """

    def __init__(self, namespaces: Namespaces) -> None:
        self._namespaces = namespaces
        self._gate = Gate()
        self._token = secrets.token_urlsafe(32)
        self._conversations: dict[asyncio.Task[None], Conversation | None] = {}

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[RelayAddress]:
        """Answer for as long as this is open; what is at work then is still answered."""
        server = await asyncio.start_server(self._taken, HOST, 0, limit=LINE_BYTES_MAX)
        try:
            yield RelayAddress(port=server.sockets[0].getsockname()[1], token=self._token)
        finally:
            server.close()
            await self._drain()

    def _taken(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._conversations) >= CONVERSATIONS_MAX:
            writer.transport.abort()
            return
        task = asyncio.create_task(self._answer(reader, writer))
        self._conversations[task] = None
        task.add_done_callback(self._ended)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            hello = await self._hello(reader)
            if hello is None:
                return
            # In another thread: others are answered while modules are loaded.
            module = await asyncio.to_thread(import_module, _MODULE)
            access = SharedAccess(self._namespaces.of(hello.namespace), gate=self._gate)
            conversation: Conversation = module.Conversation(hello, access, reader, writer)
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 - this runs in one.
            self._conversations[task] = conversation
            await conversation.run()
        finally:
            writer.close()

    async def _hello(self, reader: asyncio.StreamReader) -> Hello | None:
        """Return the hello of one who may come in; None for everybody else."""
        try:
            async with asyncio.timeout(_HELLO_TIMEOUT_S):
                hello = Hello.read(await reader.readline())
        except (TimeoutError, OSError, ValueError):
            return None
        if hello is None or not isinstance(hello.token, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # It came over a wire.
            return None
        fits = secrets.compare_digest(hello.token.encode(), self._token.encode())
        return hello if fits else None

    async def _drain(self) -> None:
        """Let conversations end with the calls that are at work, within a bound."""
        for task, conversation in self._conversations.items():
            if conversation is None:
                task.cancel()  # It has not begun yet.
            else:
                conversation.stop()
        tasks = list(self._conversations)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_DRAIN_TIMEOUT_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._conversations[task]
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.error("a relayed conversation met an unexpected %r", error)
