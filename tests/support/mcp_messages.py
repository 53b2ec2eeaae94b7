"""Messages of the Model Context Protocol, as a client without an SDK writes them."""

from __future__ import annotations

from typing import Any, Final

HANDSHAKE: Final[tuple[dict[str, Any], ...]] = (
    {
        "id": "hello",
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "a-script", "version": "1"},
        },
    },
    {"method": "notifications/initialized"},
)


def call(number: int, name: str, **arguments: object) -> dict[str, Any]:
    """Return the message that calls a tool."""
    parameters = {"name": name, "arguments": arguments}
    return {"id": number, "method": "tools/call", "params": parameters}
