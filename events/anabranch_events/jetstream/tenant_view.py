"""A tenant's view: a copy of its namespaces' part of the log, at the positions of the log.

A tenant's account on the NATS server has no JetStream. It has a few subjects of its own instead.
Through them the server answers about its view and nothing else (see `accounts.py`):

    anabranch.log.info                    the view's name, and where it ends
    anabranch.log.get                     stored messages of the view, as JetStream's direct get
    anabranch.log.last.<namespace>.<id>   the last message of a session, from the log itself

A view follows the log within a moment. `reach` waits for it: a read is never older than the
question.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from anabranch_events.jetstream.api import STREAM_NOT_FOUND, Refused, parsed
from anabranch_events.transport.inbox import STATUS, NobodyListens, Unanswered

if TYPE_CHECKING:
    from anabranch_events.transport.connection import Connection

INFO: Final = "anabranch.log.info"
GET: Final = "anabranch.log.get"
LAST: Final = "anabranch.log.last."
VALUE: Final = "anabranch.log.value."
"""Followed by a bucket's name: a value of it, for a projector."""
NAMESPACES: Final = "anabranch.namespaces"
"""The key in a view's metadata for the namespaces it holds, separated by spaces."""
_PAUSE_S: Final = 0.002


class TenantView:
    """The part of the log that this connection may read: some namespaces, or all of it."""

    def __init__(self, connection: Connection, namespaces: tuple[str, ...]) -> None:
        self.namespaces = namespaces
        """Those it holds; none for the whole log."""
        self._connection = connection

    async def bounds(self) -> tuple[int, int]:
        """Return the positions of the first and the last event, up to date with the log."""
        await self.reach(max([await self._last(f"{name}.*") for name in self.namespaces] or [0]))
        state = (await _info(self._connection))["state"]
        return state["first_seq"], state["last_seq"]

    async def clock(self) -> datetime:
        """Return the server's time by now."""
        return datetime.fromisoformat((await _info(self._connection))["ts"])

    async def reach_last_of(self, suffix: str) -> int:
        """Wait for the last message of `<namespace>.<session>`; return its position, or 0."""
        position = await self._last(suffix)
        await self.reach(position)
        return position

    async def reach(self, position: int) -> None:
        """Wait until the view has reached a position that one of its own events has."""
        if not self.namespaces:
            return

        async def once(timeout_s: float) -> None:
            try:
                async with asyncio.timeout(timeout_s):
                    while True:
                        if (await _info(self._connection))["state"]["last_seq"] >= position:
                            return
                        await asyncio.sleep(_PAUSE_S)
            except TimeoutError:
                raise Unanswered(f"the view has not come to position {position}") from None

        if position:
            await self._connection.attempt(once)

    async def _last(self, suffix: str) -> int:
        async def once(timeout_s: float) -> int:
            answer = await self._connection.request(LAST + suffix, timeout_s=timeout_s)
            headers = answer.headers or {}
            if STATUS in headers and "Nats-Stream" not in headers:
                return 0
            return int(headers["Nats-Sequence"])

        return await self._connection.attempt(once)


async def find_view(connection: Connection) -> TenantView | None:
    """Return the view of a connection without JetStream, or None where it has none."""
    try:
        info = await _info(connection)
    except NobodyListens:
        return None
    named = (info["config"].get("metadata") or {}).get(NAMESPACES, "")
    return TenantView(connection, tuple(named.split()))


async def _info(connection: Connection) -> dict[str, Any]:
    """Ask about the view. Raises NobodyListens, LogUnavailable."""

    async def once(timeout_s: float) -> dict[str, Any] | None:
        try:
            return parsed((await connection.request(INFO, timeout_s=timeout_s)).data)
        except NobodyListens:
            return None
        except Refused as refused:
            if refused.code == STREAM_NOT_FOUND:  # `anabranch up` is about to make it.
                raise Unanswered("the view of this user is not there yet") from refused
            raise

    found = await connection.attempt(once)
    if found is None:
        raise NobodyListens("this user has no view of the log")
    return found
