"""The requests of a connection that have no answer yet: its end waits for them.

The SDK gives up calls that are at work when standard input ends. A script that writes its requests
and closes the pipe would get errors for them.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self

from mcp_types import JSONRPCError, JSONRPCNotification, JSONRPCRequest, JSONRPCResponse

if TYPE_CHECKING:
    from types import TracebackType

    from mcp.shared._stream_protocols import ReadStream, WriteStream
    from mcp.shared.message import SessionMessage

END_TIMEOUT_S: Final = 60.0
_CANCELLED: Final = "notifications/cancelled"


class PendingRequests:
    """The ids of requests that came in and have not been answered."""

    def __init__(self) -> None:
        self._ids: set[str | int] = set()
        self._changed = asyncio.Condition()

    @property
    def empty(self) -> bool:
        """True where every request has its answer."""
        return not self._ids

    async def came(self, message: SessionMessage | Exception) -> None:
        """Note a message from the client."""
        asked = getattr(message, "message", None)
        if isinstance(asked, JSONRPCRequest):
            self._ids.add(asked.id)
        elif isinstance(asked, JSONRPCNotification) and asked.method == _CANCELLED:
            await self._settle((asked.params or {}).get("requestId"))  # It gets no answer.

    async def went(self, message: SessionMessage) -> None:
        """Note a message to the client."""
        answer = message.message
        if isinstance(answer, JSONRPCResponse | JSONRPCError) and answer.id is not None:
            await self._settle(answer.id)

    async def answered(self) -> None:
        """Wait until every request has its answer, for at most a minute."""
        with suppress(TimeoutError):
            async with asyncio.timeout(END_TIMEOUT_S), self._changed:
                await self._changed.wait_for(lambda: self.empty)

    async def _settle(self, number: Any) -> None:
        async with self._changed:
            if isinstance(number, str | int):
                self._ids.discard(number)
            self._changed.notify_all()


class Stream:
    """A stream as the SDK wants it; its end is its owner's."""

    async def aclose(self) -> None:
        """Close what this stream has opened: nothing, unless it says otherwise."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> bool | None:
        await self.aclose()
        return None


class _Wrapper(Stream):
    """A stream that hands everything on to another one."""

    def __init__(self, inner: Any, pending: PendingRequests) -> None:
        self._inner = inner
        self._pending = pending

    async def aclose(self) -> None:
        await self._inner.aclose()


class Incoming(_Wrapper):
    """Messages from the client; they end once every request has its answer."""

    def __init__(
        self, inner: ReadStream[SessionMessage | Exception], pending: PendingRequests
    ) -> None:
        super().__init__(inner, pending)

    @property
    def last_context(self) -> Any:
        """The context of the last message's sender."""
        return getattr(self._inner, "last_context", None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            message: SessionMessage | Exception = await self._inner.__anext__()
        except StopAsyncIteration:
            await self._pending.answered()
            raise
        await self._pending.came(message)
        return message

    async def receive(self) -> SessionMessage | Exception:
        """Return the next message."""
        message: SessionMessage | Exception = await self._inner.receive()
        await self._pending.came(message)
        return message


class Outgoing(_Wrapper):
    """Messages to the client."""

    def __init__(self, inner: WriteStream[SessionMessage], pending: PendingRequests) -> None:
        super().__init__(inner, pending)

    async def send(self, item: SessionMessage, /) -> None:
        """Send a message."""
        await self._inner.send(item)
        await self._pending.went(item)
