"""Announcements of a projection's position: listeners need not poll."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

import nats.errors

from anabranch_events.jetstream.stream import checked_token
from anabranch_events.transport.inbox import Unanswered

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from nats.aio.msg import Msg

    from anabranch_events.transport.connection import Connection

PROGRESS_PREFIX: Final = "anabranch.progress."


async def announce(connection: Connection, projection: str, position: int) -> None:
    """Announce to present listeners that `projection` has reached `position`.

    Best effort: an announcement made while the connection is lost reaches nobody. Listeners hear a
    later one.
    """
    subject = PROGRESS_PREFIX + checked_token(projection, field="projection")
    with contextlib.suppress(Unanswered):
        await connection.publish(subject, str(position).encode())


@contextlib.asynccontextmanager
async def announced(
    connection: Connection, projection: str
) -> AsyncGenerator[AsyncIterator[int], None]:
    """Listen to the announcements of `projection`; none after entering is missed.

    Only the newest position is kept while nobody asks for it. The iterator never ends.
    """
    subject = PROGRESS_PREFIX + checked_token(projection, field="projection")
    newest = _Newest()
    try:
        subscription = await connection.client.subscribe(subject, cb=newest.receive)
    except (nats.errors.Error, OSError) as error:
        connection.fail(error)
    try:
        await connection.settle()
        yield newest
    finally:
        with contextlib.suppress(nats.errors.Error, OSError):
            await subscription.unsubscribe()


class _Newest:
    """The newest position heard, given out once."""

    def __init__(self) -> None:
        self._position: int | None = None
        self._heard = asyncio.Event()

    def __aiter__(self) -> AsyncIterator[int]:
        return self

    async def __anext__(self) -> int:
        while self._position is None:
            self._heard.clear()
            await self._heard.wait()
        position, self._position = self._position, None
        return position

    async def receive(self, message: Msg) -> None:
        if message.data.isdigit():  # Anybody may publish here.
            self._position = int(message.data)
            self._heard.set()
