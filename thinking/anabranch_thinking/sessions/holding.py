"""A session's hold on a resource: claimed, kept by renewals, given back; writes under its token."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Final, Self

from anabranch_events.errors import AnabranchError, InputInvalid, SessionEnded, Unavailable
from anabranch_events.event.types import ResourceClaimed, ResourceReleased
from anabranch_thinking.errors import ResourceTaken, SessionNotFound, TokenStale
from anabranch_thinking.sessions.journal import Fact, checked
from anabranch_thinking.sessions.lease import Lease, line_of

if TYPE_CHECKING:
    from anabranch_thinking.sessions.sessions import Sessions

TTL_S: Final = 30.0
TTL_MAX_S: Final = 86_400.0
_LOOK_S: Final = 0.25
_RENEWALS: Final = 3
_log: Final = logging.getLogger("anabranch")


class Hold:
    """A claim on a resource that a session got; nobody else has one meanwhile.

    It ends by itself `ttl_s` after it was last renewed, and when the session ends. An `async with`
    block renews it as long as it lasts, and gives it back. Appends through `sessions` count only
    while the claim holds: a later one raises TokenStale.
    """

    def __init__(self, sessions: Sessions, lease: Lease) -> None:
        self._plain = sessions
        self._lease = lease
        self._renewing: asyncio.Task[None] | None = None

    @property
    def lease(self) -> Lease:
        """The claim, by the last renewal that this handle made."""
        return self._lease

    @property
    def resource(self) -> str:
        """The name of the resource."""
        return self._lease.resource

    @property
    def session_id(self) -> str:
        """The session that has the claim."""
        return self._lease.holder

    @property
    def token(self) -> int:
        """The fencing token: the position of the claim, higher than that of any claim before."""
        return self._lease.token

    @property
    def expires_at(self) -> datetime:
        """The time at which the claim ends, by the last renewal that this handle made."""
        return self._lease.expires_at

    @property
    def sessions(self) -> Sessions:
        """The commands on sessions, under this claim."""
        return self._plain.under(self._lease)

    async def renew(self, *, ttl_s: float | None = None) -> None:
        """Have the claim hold from now on for `ttl_s`, or as long as before.

        Raises TokenStale and SessionEnded.
        """
        given_s = None if ttl_s is None else checked_ttl(ttl_s)
        self._lease = await renewed(self._plain, self._lease, ttl_s=given_s)

    async def release(self) -> None:
        """Give the claim back; one that holds no more needs nothing."""
        await self._stop()
        with suppress(TokenStale):
            await release(self._plain, self.session_id, self.resource, token=self.token)

    async def __aenter__(self) -> Self:
        self._renewing = asyncio.create_task(self._renew(), name=f"claim {self.resource}")
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        try:
            await self.release()
        except Unavailable as error:
            if kind is None:
                raise
            _log.warning("the claim on %s ends by itself: %s", self.resource, error)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._lease.ttl_s / _RENEWALS)
            try:
                await self.renew()
            except Unavailable as error:
                _log.debug("the claim on %s is renewed later: %s", self.resource, error)
            except SessionEnded:
                return  # The claim ended with it.
            except AnabranchError as error:
                _log.warning("%s", error)
                return

    async def _stop(self) -> None:
        renewing, self._renewing = self._renewing, None
        if renewing is not None:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)


async def claim(
    sessions: Sessions, session_id: str, resource: str, *, ttl_s: float = TTL_S, wait_s: float = 0
) -> Hold:
    """Claim a resource of the namespace for a session; wait for it at most `wait_s`.

    A session that has the claim gets it anew, with another token: an attempt that is made again
    takes over from the one before. Raises ResourceTaken, InputInvalid, SessionNotFound,
    SessionEnded, and TokenStale where the session's next attempt was faster still.
    """
    ttl_s = checked_ttl(ttl_s)
    deadline = monotonic() + wait_s
    while True:
        try:
            return Hold(sessions, await _claimed(sessions, session_id, resource, ttl_s))
        except ResourceTaken as taken:
            left_s = deadline - monotonic()
            if left_s <= 0:
                raise
            free_s = (taken.expires_at - datetime.now(UTC)).total_seconds()
        await asyncio.sleep(min(left_s, max(0.01, min(_LOOK_S, free_s))))


async def _claimed(sessions: Sessions, session_id: str, resource: str, ttl_s: float) -> Lease:
    state = await sessions.going(session_id)
    data = checked(ResourceClaimed, resource=resource, holder=state.session_id, ttl_s=ttl_s)
    line = line_of(data.resource)

    async def attempt() -> Lease:
        found, position = await sessions.lease_on(data.resource)
        if found is not None and not await _is_free(sessions, found, by=state.session_id):
            raise ResourceTaken(
                found.resource,
                holder=found.holder,
                token=found.token,
                expires_at=found.expires_at,
            )
        facts = [Fact(line, data)]
        receipts = await sessions.append(facts, root_id=state.root_id, expected={line: position})
        got, _ = await sessions.lease_on(data.resource)
        if got is None or got.token != receipts[0].position:
            raise TokenStale(data.resource, token=receipts[0].position)
        return got

    return await sessions.settle(attempt)


async def _is_free(sessions: Sessions, found: Lease, *, by: str) -> bool:
    """Tell whether a claim gives way: to its own session, or because it or its session ended."""
    if found.holder == by or found.expires_at <= await sessions.clock():
        return True
    try:
        return (await sessions.state(found.holder)).ended
    except SessionNotFound:
        return True


async def renewed(sessions: Sessions, lease: Lease, *, ttl_s: float | None = None) -> Lease:
    """Have a claim hold for `ttl_s` from now on, or as long as before; return it as it is then.

    One that has expired and that nobody took holds again. Raises TokenStale, and SessionEnded.
    """

    async def attempt() -> Lease:
        held = await sessions.held(lease.resource, lease.holder, lease.token)
        state = await sessions.going(held.holder)
        data = checked(
            ResourceClaimed,
            resource=held.resource,
            holder=held.holder,
            ttl_s=held.ttl_s if ttl_s is None else ttl_s,
            token=held.token,
        )
        await _follow(sessions, held, data, root_id=state.root_id)
        return await sessions.held(lease.resource, lease.holder, lease.token)

    return await sessions.settle(attempt)


async def release(sessions: Sessions, session_id: str, resource: str, *, token: int) -> None:
    """Give a session's claim back. Raises TokenStale where none with this token holds."""
    data = checked(ResourceReleased, resource=resource, holder=session_id, token=token)

    async def attempt() -> None:
        held = await sessions.held(data.resource, data.holder, data.token)
        state = await sessions.state(held.holder)
        await _follow(sessions, held, data, root_id=state.root_id)

    await sessions.settle(attempt)


async def _follow(
    sessions: Sessions, held: Lease, data: ResourceClaimed | ResourceReleased, *, root_id: str
) -> None:
    line = line_of(held.resource)
    await sessions.append([Fact(line, data)], root_id=root_id, expected={line: held.position})


def checked_ttl(ttl_s: float) -> float:
    """Return `ttl_s` if a claim can hold so long. Raises InputInvalid."""
    if not 0 < ttl_s <= TTL_MAX_S:
        raise InputInvalid(
            f"ttl_s: {ttl_s:g} s is no time for a claim",
            field="ttl_s",
            fix=f"give more than 0 and at most {TTL_MAX_S:g} seconds",
        )
    return ttl_s
