"""The requests that the end of a connection waits for."""

from __future__ import annotations

from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCNotification, JSONRPCRequest, JSONRPCResponse

from anabranch.mcp.pending_requests import PendingRequests


async def test_a_cancelled_request_is_not_waited_for() -> None:
    """The protocol answers it never; the others have their answers."""
    pending = PendingRequests()
    for number in (1, 2):
        asked = JSONRPCRequest(jsonrpc="2.0", id=number, method="tools/call")
        await pending.came(SessionMessage(asked))
    cancelled = JSONRPCNotification(
        jsonrpc="2.0", method="notifications/cancelled", params={"requestId": 1}
    )
    await pending.came(SessionMessage(cancelled))
    await pending.went(SessionMessage(JSONRPCResponse(jsonrpc="2.0", id=2, result={})))

    await pending.answered()

    assert pending.empty
