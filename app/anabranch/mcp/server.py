"""The server: tools, resources and prompts over an access, for any transport.

It is of the official SDK, which speaks the revisions of the protocol: 2026-07-28, and those with a
handshake before it.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import mcp_types as types
from mcp.server.caching import CacheHint
from mcp.server.lowlevel import Server

from anabranch.errors import AnabranchError
from anabranch.mcp.calls import JSON, MemoryCalls, refused
from anabranch.mcp.own_sessions import OwnSessions
from anabranch.mcp.pending_requests import Incoming, Outgoing, PendingRequests
from anabranch.mcp.prompts import INSTRUCTIONS, PROMPTS, prompt_text
from anabranch.mcp.resources import RESOURCES, TEMPLATES
from anabranch.mcp.tools import listed_tools

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from mcp.server.context import ServerRequestContext

    from anabranch.mcp.access import Access

    Request = ServerRequestContext[Any, Any]
    CallTool = Callable[[Request, types.CallToolRequestParams], Awaitable[types.CallToolResult]]
    ReadResource = Callable[
        [Request, types.ReadResourceRequestParams], Awaitable[types.ReadResourceResult]
    ]

NAME: Final = "anabranch"
_NEVER_CHANGES: Final = CacheHint(ttl_ms=3_600_000, scope="public")


class MemoryServer:
    """A memory as a server of the Model Context Protocol for one client; `server` is the SDK's.

    `agent` is in whose name everything is stored, where it is not the client's. `parent_id` is the
    session of which sessions become branches. `instance` stands for the client where it does not
    name its session, and `environment` has its variables where it runs elsewhere. `close` ends the
    sessions that the client left open.
    """

    def __init__(
        self,
        access: Access,
        *,
        agent: str | None = None,
        parent_id: str | None = None,
        instance: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.sessions = OwnSessions(
            access, instance=str(uuid4()) if instance is None else instance, parent_id=parent_id
        )
        calls = MemoryCalls(access, self.sessions, agent=agent, environment=environment)
        self.server = sdk_server(call_tool=calls.call_tool, read_resource=calls.read_resource)

    async def answer(self, reader: Any, writer: Any) -> None:
        """Answer what a client asks until its messages end; every request has its answer then."""
        pending = PendingRequests()
        await self.server.run(
            Incoming(reader, pending),
            Outgoing(writer, pending),
            self.server.create_initialization_options(),
        )

    async def close(self) -> None:
        """Close the sessions that clients opened and left open."""
        await self.sessions.close()


def sdk_server(*, call_tool: CallTool, read_resource: ReadResource) -> Server[Any]:
    """Return the SDK's server with our lists; these two answer what is asked of a memory."""
    return Server(
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
        on_call_tool=call_tool,
        on_list_resources=_list_resources,
        on_list_resource_templates=_list_templates,
        on_read_resource=read_resource,
        on_list_prompts=_list_prompts,
        on_get_prompt=_get_prompt,
    )


async def _list_tools(_context: Request, _params: object) -> types.ListToolsResult:
    return types.ListToolsResult(tools=[types.Tool.model_validate(one) for one in listed_tools()])


async def _list_resources(_context: Request, _params: object) -> types.ListResourcesResult:
    """Return those that there is one of; templates name the others, which nobody could list."""
    return types.ListResourcesResult(
        resources=[
            types.Resource(uri=uri, name=name, title=title, description=says, mime_type=JSON)
            for uri, (name, title, says) in RESOURCES.items()
        ]
    )


async def _list_templates(_context: Request, _params: object) -> types.ListResourceTemplatesResult:
    return types.ListResourceTemplatesResult(
        resource_templates=[
            types.ResourceTemplate(
                uri_template=uri, name=name, title=title, description=says, mime_type=JSON
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
        raise refused(error) from error
    message = types.PromptMessage(role="user", content=types.TextContent(type="text", text=text))
    return types.GetPromptResult(description=spec.description, messages=[message])
