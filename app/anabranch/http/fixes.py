"""Fixes in the words of HTTP: an error's own may name a command, where a caller has requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anabranch.api.fixes import SHARED
from anabranch.errors import ConflictNotFound, EventNotFound, PositionFromFuture, ServiceBusy
from anabranch_events.errors import SessionNotFound, WaitTimedOut

if TYPE_CHECKING:
    from anabranch.api.fixes import Fixes

FIXES: Final[Fixes] = {
    **SHARED,
    ConflictNotFound: "take one that GET /v1/conflicts?only_open=false has, or check the namespace",
    EventNotFound: "take a position that GET /v1/events has, or check the namespace",
    PositionFromFuture: "give a position up to there, or none for what is known now",
    ServiceBusy: "send it again after Retry-After seconds, with the same Idempotency-Key",
    SessionNotFound: "take one that GET /v1/sessions has, or check the namespace",
    WaitTimedOut: "send it again after Retry-After seconds; without `after` it is answered with what "
    "is known by then",
}
