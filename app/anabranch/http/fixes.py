"""Fixes in the words of HTTP: an error's own may name a command, where a caller has requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anabranch.errors import ConflictNotFound, EventNotFound, PositionFromFuture, ServiceBusy
from anabranch_events.errors import SessionNotFound, WaitTimedOut
from anabranch_thinking.errors import ResourceTaken

if TYPE_CHECKING:
    from anabranch.api.fixes import Fixes

FIXES: Final[Fixes] = {
    ConflictNotFound: "take one that GET /v1/conflicts?only_open=false has, or check the namespace",
    EventNotFound: "take a position that GET /v1/events has, or check the namespace",
    PositionFromFuture: "give a position up to there, or none for what is known now",
    ServiceBusy: "send it again after Retry-After seconds, with the same Idempotency-Key",
    ResourceTaken: "do something else, or ask again once the claim has expired",
    SessionNotFound: "take one that GET /v1/sessions has, or check the namespace",
    WaitTimedOut: "send it again after Retry-After seconds; without `after` it is answered with what "
    "is known by then",
}
