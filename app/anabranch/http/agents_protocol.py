"""Conversations over streamable HTTP, in both revisions of the protocol, on the official SDK.

A client of the older revision keeps a session with this server, and is known by it. One of the
newer is not known from one request to the next, unless it names its session: each stands alone.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings

from anabranch.api.admission import REQUEST_BYTES_MAX
from anabranch.api.problem import Problem
from anabranch.http.metrics import count_request
from anabranch.http.places import reads
from anabranch.mcp.access import SharedAccess
from anabranch.mcp.calls import MemoryCalls
from anabranch.mcp.own_sessions import OwnSessions
from anabranch.mcp.server import sdk_server

if TYPE_CHECKING:
    from collections.abc import Mapping

    import mcp_types as types
    from mcp.server.context import ServerRequestContext
    from pydantic import BaseModel
    from starlette.types import Receive, Scope, Send

    from anabranch.api.admission import Gate
    from anabranch.api.context import Context as Asked
    from anabranch.api.operations import Operation
    from anabranch.http.access.callers import Access, Caller
    from anabranch.memory.namespaces import OpenNamespace

    Context = ServerRequestContext[Any, Any]

CLIENTS_MAX: Final = 1_000
CALLERS_MAX: Final = 256
IDLE_S: Final = 1_800.0
_SESSION: Final = b"mcp-session-id"
_ASKING: Final = "anabranch.asking"


class _Asking(NamedTuple):
    """The key that asks, and the namespace that it asks."""

    caller: Caller
    namespace: OpenNamespace

    @property
    def known_as(self) -> tuple[Caller, str]:
        # Another secret or token of the same caller is the same one.
        return replace(self.caller, proof=""), self.namespace.name


class Protocol:
    """Answers requests of all clients; `opened` makes one that runs."""

    def __init__(self, access: Access, *, gate: Gate) -> None:
        self._access = access
        self._gate = gate
        self._callers: OrderedDict[tuple[Caller, str], MemoryCalls] = OrderedDict()
        self._manager = StreamableHTTPSessionManager(
            sdk_server(call_tool=self._call_tool, read_resource=self._read_resource),
            # The edge has looked at the host and the origin.
            security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
            max_request_body_size=REQUEST_BYTES_MAX,
            max_sessions=CLIENTS_MAX,
            session_idle_timeout=IDLE_S,
        )
        self._running: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()

    async def begin(self) -> None:
        """Run in a task of its own: the SDK's must end in the task that it began in."""
        began = asyncio.Event()
        self._running = asyncio.create_task(self._run(began))
        waiting = asyncio.create_task(began.wait())
        await asyncio.wait({waiting, self._running}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._running.done():
            await self._running

    async def close(self) -> None:
        """End every conversation."""
        self._ended.set()
        if self._running is not None:
            await self._running

    async def answer(
        self, scope: Scope, receive: Receive, send: Send, *, namespace: OpenNamespace
    ) -> None:
        """Answer a request of the caller that the edge has found."""
        asking = _Asking(scope["anabranch.caller"], namespace)
        scope[_ASKING] = asking
        # The SDK lets only this one come again to a session that it has begun.
        user = AccessToken(token="", client_id=f"{asking.caller.name} {namespace.name}", scopes=[])
        scope["user"] = AuthenticatedUser(user)
        if scope["method"] == "DELETE":
            await self._left(scope, asking)
        await self._manager.handle_request(scope, receive, send)

    async def _run(self, began: asyncio.Event) -> None:
        async with self._manager.run():
            began.set()
            await self._ended.wait()

    async def _left(self, scope: Scope, asking: _Asking) -> None:
        """Close the sessions that a client leaves open."""
        named = next((value for name, value in scope["headers"] if name == _SESSION), b"")
        calls = self._callers.get(asking.known_as)
        if calls is not None and named:
            await calls.sessions.close_line(named.decode("latin-1"))

    async def _call_tool(
        self, context: Context, called: types.CallToolRequestParams
    ) -> types.CallToolResult:
        return await self._calls(context).call_tool(context, called)

    async def _read_resource(
        self, context: Context, asked: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        return await self._calls(context).read_resource(context, asked)

    def _calls(self, context: Context) -> MemoryCalls:
        """Return the calls of a key on a namespace, with the account of its sessions."""
        request: Any = context.request
        asking: _Asking = request.scope[_ASKING]
        found = self._callers.pop(asking.known_as, None)
        if found is None:
            access = KeyedAccess(asking.namespace, self._access, asking.caller, gate=self._gate)
            found = MemoryCalls(access, OwnSessions(access, instance=None), environment={})
        self._callers[asking.known_as] = found
        if len(self._callers) > CALLERS_MAX:
            self._callers.popitem(last=False)
        return found


class KeyedAccess(SharedAccess):
    """Access of a key to a namespace: what it may do, counted and noted for the audit."""

    def __init__(
        self, namespace: OpenNamespace, access: Access, caller: Caller, *, gate: Gate
    ) -> None:
        super().__init__(namespace, gate=gate)
        self._access = access
        self._caller = caller

    async def run(
        self, operation: str, request: Mapping[str, Any], *, key: str | None = None
    ) -> Mapping[str, Any]:
        """Return the answer of an operation; with `key` it is the same when it is asked again.

        Raises NotPermitted where the key's scope does not suffice.
        """
        began, status = time.perf_counter(), 200
        try:
            self._caller.need("read" if reads(operation) else "write")
            return await super().run(operation, request, key=key)
        except Exception as error:
            status = Problem.of(error).status
            raise
        finally:
            count_request(operation, status=status, seconds=time.perf_counter() - began)
            self._access.note(
                self._caller, operation=operation, namespace=self._namespace.name, status=status
            )

    async def _answer(self, operation: Operation, context: Asked, asked: BaseModel) -> BaseModel:
        async with self._access.spending(self._caller, operation.name, asked):
            return await super()._answer(operation, context, asked)


async def opened(access: Access, *, gate: Gate) -> Protocol:
    """Return a protocol that runs, until it is closed."""
    protocol = Protocol(access, gate=gate)
    await protocol.begin()
    return protocol
