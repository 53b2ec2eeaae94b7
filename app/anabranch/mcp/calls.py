"""Calls of tools and readings of resources, answered from an access: for any server of the SDK."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import mcp_types as types
import orjson
from mcp.shared.exceptions import MCPError

from anabranch.errors import AnabranchError
from anabranch.mcp.caller import caller_of
from anabranch.mcp.fitting import bytes_shown, fitted
from anabranch.mcp.fixes import said
from anabranch.mcp.resources import read_resource
from anabranch.mcp.tools import Tools
from anabranch_events.event.trace_context import traced

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from mcp.server.context import ServerRequestContext

    from anabranch.mcp.access import Access
    from anabranch.mcp.own_sessions import OwnSessions

    Request = ServerRequestContext[Any, Any]

JSON: Final = "application/json"
_PROGRESS_EACH_S: Final = 1.0
_UNEXPECTED: Final = "the memory met an unexpected {}. Fix: try again; its stderr has the details"
_log = logging.getLogger("anabranch")


class MemoryCalls:
    """Answers calls from `access`, and keeps account of the `sessions` that they open.

    `agent` is in whose name everything is stored, where it is not the client's. `environment` has
    the variables of the client's own process, where that is not this one.
    """

    def __init__(
        self,
        access: Access,
        sessions: OwnSessions,
        *,
        agent: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.sessions = sessions
        self._access = access
        self._environment = environment
        self._tools = Tools(access, sessions, agent=agent)

    async def call_tool(
        self, context: Request, called: types.CallToolRequestParams
    ) -> types.CallToolResult:
        """Return a tool's answer: the same as structure and as JSON text; an error says the fix."""
        caller = caller_of(context, environment=self._environment)
        try:
            with traced(caller.traceparent):
                async with _progress(context, called.name):
                    answer = await self._tools.call(
                        called.name, called.arguments or {}, caller, number=context.request_id
                    )
        except AnabranchError as error:
            return failed(error)
        except Exception as error:  # noqa: BLE001  Whoever asked gets an answer.
            _log.exception("the tool %s failed", called.name)
            return _failed(_UNEXPECTED.format(type(error).__name__))
        answer = fitted(called.name, answer, bytes_max=bytes_shown(caller.name))
        text = orjson.dumps(answer, option=orjson.OPT_NON_STR_KEYS).decode()
        return types.CallToolResult(
            content=[types.TextContent(type="text", text=text)], structured_content=answer
        )

    async def read_resource(
        self, _context: Request, asked: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        """Return a session or an insight as JSON."""
        try:
            found = await read_resource(self._access, str(asked.uri))
        except AnabranchError as error:
            raise refused(error) from error
        text = orjson.dumps(found, option=orjson.OPT_NON_STR_KEYS).decode()
        content = types.TextResourceContents(uri=asked.uri, mime_type=JSON, text=text)
        return types.ReadResourceResult(contents=[content])


def failed(error: AnabranchError) -> types.CallToolResult:
    """Return the result of a tool that met an error: it says the fix."""
    return _failed(said(error))


def refused(error: AnabranchError) -> MCPError:
    """Return the protocol's error for what is no call of a tool."""
    return MCPError(types.INVALID_PARAMS, said(error))


def _failed(text: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=True)


@asynccontextmanager
async def _progress(context: Request, name: str) -> AsyncGenerator[None]:
    """Report each second that a call is still at work, where the client asked for progress."""

    async def report() -> None:
        seconds = 0
        while True:
            await asyncio.sleep(_PROGRESS_EACH_S)
            seconds += 1
            await context.session.report_progress(seconds, message=f"{name} is at work")

    reporting = asyncio.create_task(report())
    try:
        yield
    finally:
        reporting.cancel()
        await asyncio.gather(reporting, return_exceptions=True)
