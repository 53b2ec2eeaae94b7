"""The operations on one session: its notes, and its ends.

With `Nats-Msg-Id` the same request is answered alike also once the session has ended, and not with
SessionEnded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch_events.errors import SessionEnded

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from anabranch.api.context import Context
    from anabranch.api.idempotency import Repetition
    from anabranch.api.requests import Cancel, ClearNote, Close, Fail, HandOff, Note
    from anabranch_thinking import HandOffReceipt, SessionReceipt


async def note(context: Context, request: Note) -> SessionReceipt:
    """Set a note in a session's working memory."""
    sessions, repetition = context.writing("note", request)
    noted = sessions.note(request.session_id, request.key, request.value)
    return await _once(noted, request.session_id, repetition)


async def clear_note(context: Context, request: ClearNote) -> SessionReceipt:
    """Drop a note from a session's working memory."""
    sessions, repetition = context.writing("clear_note", request)
    cleared = sessions.clear_note(request.session_id, request.key)
    return await _once(cleared, request.session_id, repetition)


async def hand_off(context: Context, request: HandOff) -> HandOffReceipt:
    """Pass a session's task and working memory to a new branch of it, and end it."""
    sessions, repetition = context.writing("hand_off", request)
    try:
        return await sessions.hand_off(
            request.session_id, summary=request.summary, to_agent=request.to_agent
        )
    except SessionEnded as ended:
        if repetition is None:
            raise
        return await repetition.handed_off(request.session_id, ended)


async def fail(context: Context, request: Fail) -> SessionReceipt:
    """End a session without a result, because of an error."""
    sessions, repetition = context.writing("fail", request)
    failed = sessions.fail(request.session_id, request.error)
    return await _once(failed, request.session_id, repetition)


async def cancel(context: Context, request: Cancel) -> SessionReceipt:
    """Call a session off."""
    sessions, repetition = context.writing("cancel", request)
    cancelled = sessions.cancel(request.session_id, request.reason)
    return await _once(cancelled, request.session_id, repetition)


async def close(context: Context, request: Close) -> SessionReceipt:
    """End a session without a result."""
    sessions, repetition = context.writing("close", request)
    closed = sessions.close(request.session_id, request.reason)
    return await _once(closed, request.session_id, repetition)


async def _once(
    storing: Awaitable[SessionReceipt], session_id: str, repetition: Repetition | None
) -> SessionReceipt:
    """Return the receipt of this request, or of the earlier one that it repeats."""
    try:
        return await storing
    except SessionEnded as ended:
        if repetition is None:
            raise
        return await repetition.stored(session_id, ended)
