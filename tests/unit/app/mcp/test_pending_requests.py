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


async def test_a_cancellation_after_the_answer_changes_nothing() -> None:
    """OpenCode 1.18.33 cancels each call that it has the answer of; the next one is waited for.

    See findings/mcp_clients_show_their_models_other_halves_of_a_result.sh.
    """
    pending = PendingRequests()
    await pending.came(SessionMessage(JSONRPCRequest(jsonrpc="2.0", id=1, method="tools/call")))
    await pending.went(SessionMessage(JSONRPCResponse(jsonrpc="2.0", id=1, result={})))
    await pending.came(SessionMessage(JSONRPCRequest(jsonrpc="2.0", id=2, method="tools/call")))
    cancelled = JSONRPCNotification(
        jsonrpc="2.0", method="notifications/cancelled", params={"requestId": 1}
    )
    await pending.came(SessionMessage(cancelled))

    assert not pending.empty
