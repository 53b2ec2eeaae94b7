"""Signals between those who fork, work and join: quick words, of which none has to arrive.

They are plain messages, not stored. Whatever they say is in the log or the queue, too, and is found
there a little later by those who missed it.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import nats.errors
import orjson

from anabranch_events.transport.inbox import Unanswered

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence

    from nats.aio.msg import Msg

    from anabranch_events.transport.connection import Connection

WORK: Final = "work"
"""There are tasks: a list of their priorities, or an empty one for any."""
ENDED: Final = "ended"
"""Sessions have ended, by somebody else than the worker that runs them: a list of their ids."""
JOINED: Final = "joined"
"""Joins are decided, or branches of theirs have ended: a list of the forked sessions' ids."""
WORKERS: Final = "workers"
"""Asks each worker to describe itself."""
DRAIN: Final = "drain"
"""Asks workers to end: a list of their names."""
OFFER: Final = "offer"
"""Asks workers who would have a task that wants labels: its labels, priority and executor."""
GIVEN: Final = "given"
"""Gives a task that was offered to the one worker that it names."""
_IDS_MAX: Final = 500
_PREFIX: Final = "anabranch.signals."


class Signals:
    """The signals of each namespace, on the connection of the log."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def work(self, namespace: str, priorities: Iterable[str] = ()) -> None:
        """Say that there are tasks: of these priorities, where any are named."""
        await self._send(WORK, namespace, orjson.dumps(sorted(priorities)))

    async def ended(self, namespace: str, session_ids: Sequence[str]) -> None:
        """Say that sessions have ended, to those who run them."""
        await self._send_ids(ENDED, namespace, session_ids)

    async def joined(self, namespace: str, session_ids: Sequence[str]) -> None:
        """Say that the joins of these sessions have moved on, to those who wait for them."""
        await self._send_ids(JOINED, namespace, session_ids)

    async def given(self, namespace: str, delivery: Mapping[str, object]) -> None:
        """Give a task to the worker that would have it."""
        await self._send(GIVEN, namespace, orjson.dumps(delivery))

    async def drain(self, namespace: str, workers: Sequence[str]) -> list[dict[str, Any]]:
        """Ask workers to end; return the answers of those that heard it."""
        return await self.ask_all(DRAIN, namespace, orjson.dumps(list(workers)))

    async def _send_ids(self, kind: str, namespace: str, ids: Sequence[str]) -> None:
        for start in range(0, len(ids), _IDS_MAX):
            await self._send(kind, namespace, orjson.dumps(list(ids[start : start + _IDS_MAX])))

    async def _send(self, kind: str, namespace: str, payload: bytes) -> None:
        with suppress(Unanswered):
            await self._connection.publish(_subject(kind, namespace), payload)

    @asynccontextmanager
    async def heard(
        self, kind: str, namespace: str, hear: Callable[[Msg], Awaitable[None]]
    ) -> AsyncGenerator[None]:
        """Have `hear` called with each signal of a kind for the length of the block.

        The namespace `*` is all of them. Raises LogUnavailable.
        """
        try:
            subscription = await self._connection.client.subscribe(
                _subject(kind, namespace), cb=hear
            )
        except (nats.errors.Error, OSError) as error:
            self._connection.fail(error)
        try:
            yield
        finally:
            with suppress(nats.errors.Error, OSError):
                await subscription.unsubscribe()

    async def ask_all(
        self,
        kind: str,
        namespace: str,
        payload: bytes = b"",
        *,
        wait_s: float = 0.4,
        enough: int | None = None,
    ) -> list[dict[str, Any]]:
        """Ask everybody who listens; return the answers that come within `wait_s`.

        Once `enough` have come, no more are waited for.
        """
        answers: list[dict[str, Any]] = []
        all_came = asyncio.Event()

        async def hear(message: Msg) -> None:
            if found := object_of(message):
                answers.append(found)
                if len(answers) == enough:
                    all_came.set()

        connection = self._connection
        inbox = connection.client.new_inbox()
        try:
            subscription = await connection.client.subscribe(inbox, cb=hear)
        except (nats.errors.Error, OSError) as error:
            connection.fail(error)
        try:
            await connection.publish(_subject(kind, namespace), payload, reply=inbox)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await all_came.wait()
        except Unanswered as error:
            connection.fail(error)
        finally:
            with suppress(nats.errors.Error, OSError):
                await subscription.unsubscribe()
        return answers


def object_of(message: Msg) -> dict[str, Any]:
    """Return the object that a signal carries, or an empty one; anybody may publish there."""
    found = _said(message)
    return found if isinstance(found, dict) else {}


def ids_of(message: Msg) -> list[str]:
    """Return the ids that a signal carries; anybody may publish there."""
    found = _said(message)
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def _said(message: Msg) -> object:
    try:
        found: object = orjson.loads(message.data)
    except orjson.JSONDecodeError:
        return None
    return found


def _subject(kind: str, namespace: str) -> str:
    return f"{_PREFIX}{kind}.{namespace}"
