"""The client that calls: what it says of itself, wherever it says it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from anabranch.mcp.caller import Caller, caller_of

INFO = "io.modelcontextprotocol/clientInfo"


def context(
    meta: dict[str, Any] | None, *, client: str | None = None, headers: dict[str, str] | None = None
) -> Any:
    """Make the part of a request's context that says who calls."""
    parameters = (
        None if client is None else SimpleNamespace(client_info=SimpleNamespace(name=client))
    )
    return SimpleNamespace(
        meta=meta,
        request=SimpleNamespace(headers=headers),
        session=SimpleNamespace(client_params=parameters),
    )


@pytest.mark.parametrize(
    ("asked", "environment", "expected"),
    [
        (context(None), {}, Caller(None, None, None)),
        (
            context(None, client="claude-code"),
            {"CLAUDE_CODE_SESSION_ID": "c1"},
            Caller("claude-code", "c1", None),
        ),
        (
            context({"sessionId": "s", "threadId": "s"}, client="codex-mcp-client"),
            {"CLAUDE_CODE_SESSION_ID": "c1"},
            Caller("codex-mcp-client", "s", None),
        ),
        (context({"sessionId": "s", "threadId": "t"}), {}, Caller(None, "s", "t")),
        (context({INFO: {"name": " a\nb "}}, headers={"mcp-session-id": "h"}), {}, Caller("ab", "h", None)),
        (context({"sessionId": 7, INFO: "x"}, client="y" * 99), {}, Caller("y" * 64, None, None)),
    ],
)  # fmt: skip
def test_a_client_says_who_it_is(asked: Any, environment: dict[str, str], expected: Caller) -> None:
    """The request speaks before the environment; what cannot be stored is left out."""
    assert caller_of(asked, environment=environment) == expected
