"""The address of agents: the Model Context Protocol over streamable HTTP, behind the same edge.

The SDK is imported with the first request that needs it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request

from anabranch.errors import McpMissing, MethodRefused
from anabranch.http.answers import refused

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from anabranch.api.admission import Gate
    from anabranch.http.routes import Desk

PATH: Final = "/mcp"
METHODS: Final = frozenset({"POST", "DELETE"})
"""A GET would open a stream on which this server never says anything."""
_MODULE: Final = "anabranch.http.agents_protocol"
_END_TIMEOUT_S: Final = 3.0


class Agents:
    """Answers agents' clients, on the namespaces that their keys permit."""

    def __init__(self, desk: Desk, *, gate: Gate) -> None:
        self._desk = desk
        self._gate = gate
        self._opening = asyncio.Lock()
        self._protocol: Any = None
        self._at_work = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            _check_method(scope)
            namespace = self._desk.namespace(Request(scope), writing=False)
            protocol = await self._opened()
        except Exception as error:  # noqa: BLE001 - whoever asked gets an answer.
            await refused(error)(scope, receive, send)
            return
        self._at_work += 1
        self._idle.clear()
        try:
            await protocol.answer(scope, receive, send, namespace=namespace)
        finally:
            self._at_work -= 1
            if not self._at_work:
                self._idle.set()

    async def close(self) -> None:
        """Let what is at work end, within a bound; then end all conversations."""
        if self._protocol is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_TIMEOUT_S):
                await self._idle.wait()
        await self._protocol.close()

    async def _opened(self) -> Any:
        """Return the protocol's own part. Raises McpMissing where the SDK is not installed."""
        async with self._opening:
            if self._protocol is None:
                try:
                    module = await asyncio.to_thread(import_module, _MODULE)
                except ModuleNotFoundError as error:
                    raise McpMissing(
                        f"the SDK of the Model Context Protocol is not installed: {error}",
                        fix='pip install "anabranch[mcp]"',
                    ) from error
                self._protocol = await module.opened(self._desk.access, gate=self._gate)
        return self._protocol


def _check_method(scope: Scope) -> None:
    if scope["method"] not in METHODS:
        raise MethodRefused(scope["method"], scope["path"], allowed=METHODS)
