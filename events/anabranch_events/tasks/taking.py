"""The taking of tasks: asked for by priority, without waiting, no more than there is room for."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

import nats.errors
import orjson

from anabranch_events.tasks.delivery import ACK_PREFIX, Delivery
from anabranch_events.tasks.stream import TASKS
from anabranch_events.tasks.task import read_task, task_consumer
from anabranch_events.transport.inbox import NO_RESPONDERS, STATUS, Unanswered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nats.aio.subscription import Subscription

    from anabranch_events.event.types import Priority
    from anabranch_events.transport.connection import Connection

ANSWER_S: Final = 2.0


class Taking:
    """One taker of tasks, with a subscription of its own; use it within `async with`.

    A task reaches its taker under its own subject: the inbox of the connection could not tell
    whose it is. One that comes too late for its question is handed out with the next.
    """

    def __init__(self, connection: Connection, bounds: Mapping[str, float]) -> None:
        self._connection = connection
        self._bounds = bounds
        self._inbox = ""
        self._subscription: Subscription | None = None
        self._arrived: list[Delivery] = []
        self._spoilt: list[str] = []
        self._wake = asyncio.Event()
        self._awaited = 0
        self._over = False

    async def __aenter__(self) -> Self:
        self._inbox = self._connection.client.new_inbox()
        try:
            self._subscription = await self._connection.client.listen(self._inbox, self._receive)
        except (nats.errors.Error, OSError) as error:
            self._connection.fail(error)
        self._connection.on_lost(self._lost)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._connection.forget_lost(self._lost)
        if self._subscription is not None:
            with suppress(nats.errors.Error, OSError):
                await self._subscription.unsubscribe()

    async def take(
        self, namespace: str, *, priorities: Sequence[Priority], count: int
    ) -> list[Delivery]:
        """Take at most `count` tasks, without waiting: those of the first priority first.

        Raises LogUnavailable. Tasks that were under way then come with the next call.
        """
        for priority in priorities:
            if len(self._arrived) >= count:
                break
            await self._ask(task_consumer(priority, namespace), count - len(self._arrived))
        await self._refuse_spoilt()
        found, self._arrived = self._arrived[:count], self._arrived[count:]
        return found

    async def _ask(self, consumer: str, count: int) -> None:
        self._awaited, self._over = count, False
        self._wake.clear()
        try:
            await self._connection.publish(
                f"$JS.API.CONSUMER.MSG.NEXT.{TASKS}.{consumer}",
                orjson.dumps({"batch": count, "no_wait": True}),
                reply=self._inbox,
            )
            async with asyncio.timeout(min(ANSWER_S, self._connection.timeout_s)):
                await self._wake.wait()
        except TimeoutError:
            raise self._connection.unavailable(Unanswered("the queue does not answer")) from None
        except Unanswered as error:
            raise self._connection.unavailable(error) from error
        if self._over:
            raise self._connection.unavailable(Unanswered("the connection was lost"))

    def _receive(
        self, subject: str, reply: str, data: bytes, headers: dict[str, str] | None
    ) -> None:
        if reply.startswith(ACK_PREFIX):
            task = read_task(data)
            if task is None or task.subject != subject:
                self._spoilt.append(reply)
            else:
                self._arrived.append(
                    Delivery(self._connection, task, reply=reply, bounds=self._bounds)
                )
            self._awaited -= 1
        elif (headers or {}).get(STATUS) == NO_RESPONDERS:
            self._over = True
        if self._awaited <= 0 or not reply.startswith(ACK_PREFIX):
            self._wake.set()

    async def _refuse_spoilt(self) -> None:
        """Take messages that hold no task of their subject out of the queue: they stop nobody."""
        while self._spoilt:
            with suppress(Unanswered):
                await self._connection.publish(
                    self._spoilt.pop(), b"+TERM it holds no task of its subject"
                )

    def _lost(self) -> None:
        self._over = True
        self._wake.set()
