"""Fixes in the words of agents: an error's own may name a command, where an agent has tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anabranch.errors import ConflictNotFound, PositionFromFuture
from anabranch_events.errors import SessionNotFound, WaitTimedOut

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anabranch.errors import AnabranchError

FIXES: Final[Mapping[type[AnabranchError], str]] = {
    SessionNotFound: "take a session_id that open_session, branch_session or recall gave",
    ConflictNotFound: "take the position of one in anabranch://conflicts, which are open",
    PositionFromFuture: "give a position up to there, or none for what is known now",
    WaitTimedOut: "ask again in a moment; memory is still taking in what was stored",
}


COMMAND: Final = "`anabranch "
"""The start of a command in a fix."""

GENERAL: Final = "try again later; if it stays so, tell the people who run this memory"
"""The fix where an error's own sends to a terminal, and there is none in the words of agents."""


def said(error: AnabranchError) -> str:
    """Return the error as a model reads it: what happened, and what an agent can do about it."""
    own = GENERAL if COMMAND in error.fix else error.fix
    fix = next((FIXES[kind] for kind in type(error).__mro__ if kind in FIXES), own)
    return f"{error.message}. Fix: {fix}"
