"""The client that calls: its name, and the session of its own in which it does."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from anabranch_events.event.trace_context import TRACEPARENT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp.server.context import ServerRequestContext

NAME_MAX: Final = 64
VARIABLES: Final = ("CLAUDE_CODE_SESSION_ID",)
"""Variables in which a client names its session to the servers that it starts."""
_CLIENT_INFO: Final = "io.modelcontextprotocol/clientInfo"
_HEADER: Final = "mcp-session-id"


class Caller(NamedTuple):
    """A client. `session` is its own session's id; `thread` that of a sub-agent in it.

    `traceparent` is the trace that its call is in. Each is None where the client does not say it.
    """

    name: str | None
    session: str | None
    thread: str | None
    traceparent: str | None = None

    @property
    def line(self) -> str | None:
        """The line of work that calls: the sub-agent, or else the client's session."""
        return self.thread or self.session


def caller_of(
    context: ServerRequestContext[Any, Any], *, environment: Mapping[str, str] | None = None
) -> Caller:
    """Return who calls, by what the request, its transport and the environment say."""
    meta: Mapping[str, Any] = context.meta or {}
    variables = os.environ if environment is None else environment
    headers: Mapping[str, str] = getattr(context.request, "headers", None) or {}
    named = (variables.get(name) for name in VARIABLES)
    session = next(filter(None, (_text(meta.get("sessionId")), *named, headers.get(_HEADER))), None)
    thread = _text(meta.get("threadId"))
    return Caller(
        name=_name(context, meta),
        session=session or thread,
        thread=None if thread == session else thread,
        traceparent=_text(meta.get(TRACEPARENT)),
    )


def _name(context: ServerRequestContext[Any, Any], meta: Mapping[str, Any]) -> str | None:
    info: Any = meta.get(_CLIENT_INFO)
    if isinstance(info, dict):
        return _text(info.get("name"))
    parameters = context.session.client_params
    return _text(parameters.client_info.name) if parameters else None


def _text(value: object) -> str | None:
    """Return a short text that can be stored, None where there is none."""
    if not isinstance(value, str):
        return None
    found = "".join(one for one in value if one.isprintable()).strip()
    return found[:NAME_MAX] or None
