"""A claim on a resource, as the last event on the resource's line says it.

The resource's line is a subject of the log of its own. Each event on it follows the last one, or is
refused: so of two sessions one has the claim.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid5

from anabranch_events.errors import EventInvalid
from anabranch_events.event.identifiers import composed
from anabranch_events.event.types import ResourceClaimed

if TYPE_CHECKING:
    from datetime import datetime

    from anabranch_events import Recorded

_RESOURCES: Final = UUID("7b0f4a52-6d2c-5f0e-9a3b-5f6f1c1e8d21")


@dataclass(frozen=True, slots=True)
class Lease:
    """A session's claim on a resource; `position` is that of the last event about it.

    The token rises from claim to claim: whoever is written to may refuse a lower one than it saw.
    """

    resource: str
    holder: str
    token: int
    ttl_s: float
    expires_at: datetime
    position: int


def line_of(resource: str) -> str:
    """Return the id of the line on which the claims on a resource stand, in any namespace."""
    return str(uuid5(_RESOURCES, composed(resource)))


def lease_in(recorded: Recorded | None) -> tuple[Lease | None, int]:
    """Return the claim that the last event on a line leaves, and the position of that event.

    An event that is none of ours leaves no claim.
    """
    if recorded is None:
        return None, 0
    try:
        data = recorded.decode().data
    except EventInvalid:
        return None, recorded.position
    if not isinstance(data, ResourceClaimed) or line_of(data.resource) != recorded.session_id:
        return None, recorded.position
    lease = Lease(
        data.resource,
        data.holder,
        recorded.position if data.token is None else data.token,
        data.ttl_s,
        recorded.stored_at + timedelta(seconds=data.ttl_s),
        recorded.position,
    )
    return lease, recorded.position
