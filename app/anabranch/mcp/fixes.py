"""Fixes in the words of agents: an error's own may name a command, where an agent has tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anabranch.api.fixes import SHARED, fix_for
from anabranch.errors import ConflictNotFound, EventNotFound, PositionFromFuture, ServiceBusy
from anabranch_events.errors import SessionNotFound, WaitTimedOut

if TYPE_CHECKING:
    from anabranch.api.fixes import Fixes
    from anabranch.errors import AnabranchError

FIXES: Final[Fixes] = {
    **SHARED,
    SessionNotFound: "take a session_id that open_session, branch_session or recall gave",
    ConflictNotFound: "take the position of one in anabranch://conflicts, which are open",
    EventNotFound: "take the position of an event that get_history gave",
    PositionFromFuture: "give a position up to there, or none for what is known now",
    ServiceBusy: "call again in a moment",
    WaitTimedOut: "ask again in a moment; memory is still taking in what was stored",
}


def said(error: AnabranchError) -> str:
    """Return the error as a model reads it: what happened, and what an agent can do about it."""
    return f"{error.message}. Fix: {fix_for(error, FIXES)}"
