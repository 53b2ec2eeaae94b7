"""The operations on claims: one session has a resource, and others come after it.

None of them waits for a resource: a request that waits would keep others from being answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from anabranch.api.operations import OPERATIONS, Operation
from anabranch.api.requests import InSession
from anabranch_events.errors import InputInvalid
from anabranch_events.event.identifiers import Name, Position
from anabranch_thinking.sessions.holding import TTL_MAX_S, TTL_S, claim, release, renewed

if TYPE_CHECKING:
    from anabranch.api.context import Context
    from anabranch_thinking.sessions.lease import Lease


class Claim(InSession):
    """Claim a resource for a session, so that no other session does the same meanwhile."""

    resource: Name = Field(description="What is claimed, by any name.")
    ttl_s: float = Field(
        default=TTL_S, gt=0, le=TTL_MAX_S, description="It ends by itself after so long."
    )


class RenewClaim(InSession):
    """Have a claim hold for longer."""

    resource: Name
    token: Position = Field(description="The token of the claim.")
    ttl_s: float | None = Field(
        default=None,
        gt=0,
        le=TTL_MAX_S,
        description="From now on; as long as before, if not given.",
    )


class ReleaseClaim(InSession):
    """Give a claim back."""

    resource: Name
    token: Position = Field(description="The token of the claim.")


class ClaimView(BaseModel):
    """A claim that holds: whose it is, its fencing token, and when it ends."""

    model_config = ConfigDict(frozen=True)
    session_id: str
    resource: str
    token: int = Field(description="Higher than that of any claim on the resource before.")
    expires_at: AwareDatetime


class ReleasedClaim(BaseModel):
    """A claim that was given back."""

    model_config = ConfigDict(frozen=True)
    session_id: str
    resource: str
    token: int


async def claim_resource(context: Context, request: Claim) -> ClaimView:
    """Claim a resource of the namespace for a session; it ends by itself, and with the session.

    Refused with ResourceTaken where another session has it: ask again once that one ends. Claimed
    again by its session it is a new claim with a new token, and the one before is void. So it
    refuses `Nats-Msg-Id`.
    """
    sessions = context.namespace.sessions_of(request.agent)
    held = await claim(sessions, request.session_id, request.resource, ttl_s=request.ttl_s)
    return _view(held.lease)


async def renew_claim(context: Context, request: RenewClaim) -> ClaimView:
    """Have a claim hold for longer, also one that expired and that nobody took.

    It holds for `ttl_s` from now on, or as long as before.

    Refused with TokenStale where it was given back or claimed anew, and with SessionEnded. It
    refuses `Nats-Msg-Id`.
    """
    sessions = context.namespace.sessions_of(request.agent)
    await sessions.state(request.session_id)
    held = await sessions.held(request.resource, request.session_id, request.token)
    return _view(await renewed(sessions, held, ttl_s=request.ttl_s))


async def release_claim(context: Context, request: ReleaseClaim) -> ReleasedClaim:
    """Give a claim back; refused with TokenStale where it holds no more, also when sent again.

    It refuses `Nats-Msg-Id`.
    """
    sessions = context.namespace.sessions_of(request.agent)
    await sessions.state(request.session_id)
    await release(sessions, request.session_id, request.resource, token=request.token)
    return ReleasedClaim(
        session_id=request.session_id, resource=request.resource, token=request.token
    )


def refuse_key(name: str, *, header: str) -> None:
    """Raise InputInvalid for a key of an operation that takes none."""
    if name in UNKEYED:
        raise InputInvalid(
            f"{header}: {name} takes none, for sent again it is another request",
            field=header,
            fix="leave it out; `claim` sent again gives a new token, and the one before is void",
        )


def _view(lease: Lease) -> ClaimView:
    return ClaimView(
        session_id=lease.holder,
        resource=lease.resource,
        token=lease.token,
        expires_at=lease.expires_at,
    )


CLAIMS: Final = (
    Operation("claim", Claim, ClaimView, claim_resource),
    Operation("renew_claim", RenewClaim, ClaimView, renew_claim),
    Operation("release_claim", ReleaseClaim, ReleasedClaim, release_claim),
)
"""Every operation on claims."""
COMMANDED: Final = (*OPERATIONS, *CLAIMS)
"""The operations that are commands over NATS."""
UNKEYED: Final = frozenset(one.name for one in CLAIMS)
"""The writes that refuse a key.

Sent again, a claim is a new one that voids the one before; the others say whether it still holds.
"""
