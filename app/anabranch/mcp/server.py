"""The server: tools, resources and prompts over an access, for any transport.

It is of the official SDK, which speaks the revisions of the protocol: 2026-07-28, and those with a
handshake before it.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import mcp_types as types
import orjson
from mcp.server.caching import CacheHint
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from anabranch.errors import AnabranchError
from anabranch.mcp.caller import caller_of
from anabranch.mcp.own_sessions import OwnSessions
from anabranch.mcp.prompts import INSTRUCTIONS, PROMPTS, prompt_text
from anabranch.mcp.resources import TEMPLATES, read_resource
from anabranch.mcp.tools import Tools, listed_tools

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from mcp.server.context import ServerRequestContext

    from anabranch.mcp.access import Access

    Request = ServerRequestContext[Any, Any]

NAME: Final = "anabranch"
_JSON: Final = "application/json"
_NEVER_CHANGES: Final = CacheHint(ttl_ms=3_600_000, scope="public")
_PROGRESS_EACH_S: Final = 1.0
_UNEXPECTED: Final = "the memory met an unexpected {}. Fix: try again; its stderr has the details"
_log = logging.getLogger("anabranch")


class MemoryServer:
    """A memory as a server of the Model Context Protocol; `server` is the SDK's.

    For HTTP, mount `server.streamable_http_app()`. `agent` is in whose name everything is stored,
    where it is not the client's. `parent_id` is the session of which sessions become branches.
    `close` ends the sessions that clients left open.
    """

    def __init__(
        self, access: Access, *, agent: str | None = None, parent_id: str | None = None
    ) -> None:
        self._access = access
        self.sessions = OwnSessions(access, instance=str(uuid4()), parent_id=parent_id)
        self._tools = Tools(access, self.sessions, agent=agent)
        self.server: Server[Any] = Server(
            NAME,
            version=version("anabranch"),
            title="Anabranch memory",
            instructions=INSTRUCTIONS,
            cache_hints={
                "tools/list": _NEVER_CHANGES,
                "prompts/list": _NEVER_CHANGES,
                "resources/list": _NEVER_CHANGES,
                "resources/templates/list": _NEVER_CHANGES,
            },
            on_list_tools=_list_tools,
            on_call_tool=self._call_tool,
            on_list_resources=_list_resources,
            on_list_resource_templates=_list_templates,
            on_read_resource=self._read_resource,
            on_list_prompts=_list_prompts,
            on_get_prompt=_get_prompt,
        )

    async def close(self) -> None:
        """Close the sessions that clients opened and left open."""
        await self.sessions.close()

    async def _call_tool(
        self, context: Request, called: types.CallToolRequestParams
    ) -> types.CallToolResult:
        """Return a tool's answer: the same as structure and as JSON text; an error says the fix."""
        try:
            async with _progress(context, called.name):
                answer = await self._tools.call(
                    called.name, called.arguments or {}, caller_of(context)
                )
        except AnabranchError as error:
            return _failed(f"{error.message}. Fix: {error.fix}")
        except Exception as error:  # noqa: BLE001  Whoever asked gets an answer.
            _log.exception("the tool %s failed", called.name)
            return _failed(_UNEXPECTED.format(type(error).__name__))
        text = orjson.dumps(answer, option=orjson.OPT_NON_STR_KEYS).decode()
        return types.CallToolResult(
            content=[types.TextContent(type="text", text=text)], structured_content=answer
        )

    async def _read_resource(
        self, _context: Request, asked: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        try:
            found = await read_resource(self._access, str(asked.uri))
        except AnabranchError as error:
            raise _refused(error) from error
        text = orjson.dumps(found, option=orjson.OPT_NON_STR_KEYS).decode()
        content = types.TextResourceContents(uri=asked.uri, mime_type=_JSON, text=text)
        return types.ReadResourceResult(contents=[content])


async def _list_tools(_context: Request, _params: object) -> types.ListToolsResult:
    return types.ListToolsResult(tools=[types.Tool.model_validate(one) for one in listed_tools()])


async def _list_resources(_context: Request, _params: object) -> types.ListResourcesResult:
    """Return none: there are more than anyone could list, and templates name them all."""
    return types.ListResourcesResult(resources=[])


async def _list_templates(_context: Request, _params: object) -> types.ListResourceTemplatesResult:
    return types.ListResourceTemplatesResult(
        resource_templates=[
            types.ResourceTemplate(
                uri_template=uri, name=name, title=title, description=says, mime_type=_JSON
            )
            for uri, (name, title, says) in TEMPLATES.items()
        ]
    )


async def _list_prompts(_context: Request, _params: object) -> types.ListPromptsResult:
    return types.ListPromptsResult(
        prompts=[
            types.Prompt(
                name=spec.name,
                title=spec.title,
                description=spec.description,
                arguments=[
                    types.PromptArgument(name=name, description=says, required=must)
                    for name, (says, must) in spec.arguments.items()
                ],
            )
            for spec in PROMPTS
        ]
    )


async def _get_prompt(
    _context: Request, asked: types.GetPromptRequestParams
) -> types.GetPromptResult:
    try:
        spec, text = prompt_text(asked.name, asked.arguments or {})
    except AnabranchError as error:
        raise _refused(error) from error
    message = types.PromptMessage(role="user", content=types.TextContent(type="text", text=text))
    return types.GetPromptResult(description=spec.description, messages=[message])


def _failed(text: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=True)


def _refused(error: AnabranchError) -> MCPError:
    return MCPError(types.INVALID_PARAMS, f"{error.message}. Fix: {error.fix}")


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
