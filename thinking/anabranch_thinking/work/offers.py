"""Offers: a branch that wants labels is passed on to a worker that has them, or waits a while.

A worker that lacks one of the labels asks who has them all and has a free slot for it. Where nobody
does, the queue offers the branch again a little later. After a bound it is anybody's.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final

import orjson
from pydantic import BaseModel

from anabranch_events.errors import Unavailable
from anabranch_events.event.types import Labels
from anabranch_events.tasks.signals import GIVEN, OFFER, object_of
from anabranch_events.tasks.task import read_task
from anabranch_thinking.sessions.journal import checked

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence

    from nats.aio.msg import Msg

    from anabranch_events.event.types import Priority
    from anabranch_events.tasks.delivery import Delivery
    from anabranch_events.tasks.task import Task
    from anabranch_thinking.work.fabric import Fabric

LABEL_WAIT_S: Final = 2.0
"""The time in the queue for which a branch is kept for workers that have the labels it wants."""

PAUSE_S: Final = 0.1
"""The first pause of a branch that was handed back; each further one is twice as long."""

OFFERS_MAX: Final = 16
"""The branches that a worker offers at a time; others are handed back without an offer."""

ANSWER_S: Final = 0.25
CALLS_S: Final = 0.05
_ROUNDS_MAX: Final = 16
_log: Final = logging.getLogger("anabranch")


class Offers:
    """The branches that a worker without the labels they want has in its hands for a moment.

    They hold no slot, and the log hears nothing of them: no attempt begins.
    """

    def __init__(
        self, fabric: Fabric, *, namespace: str, worker: str, labels: Sequence[str], wait_s: float
    ) -> None:
        self.labels = checked_labels(labels)
        self.unheard = asyncio.Lock()
        """Held while a worker fills its slots: until then it cannot tell if one is left."""
        self._fabric = fabric
        self._namespace = namespace
        self._worker = worker
        self._wait_s = wait_s
        self._held: set[asyncio.Task[None]] = set()
        self._calls: set[tuple[Priority, int]] = set()
        self._asking = 0

    def lacks(self, task: Task) -> bool:
        """Tell whether this worker lacks a label that a task wants."""
        return not set(task.labels or ()).issubset(self.labels)

    def must_wait(self, delivery: Delivery) -> bool:
        """Tell whether a task is to be kept for a worker that has its labels."""
        return self.lacks(delivery.task) and self._left_s(delivery) > 0

    def _left_s(self, delivery: Delivery) -> float:
        """Return the seconds for which a task is still kept for others.

        It waited at least as long as its pauses were: where clocks differ, too, that has an end.
        """
        paused_s = PAUSE_S * (_factor(delivery) - 1)
        return self._wait_s - max(paused_s, time.time() - delivery.put_at)

    def begin(self, delivery: Delivery) -> None:
        """Offer a task to others, or hand it back, beside the work."""
        self._begin(self._offered(delivery))

    @asynccontextmanager
    async def heard(
        self,
        has_room: Callable[[Task], bool],
        begin: Callable[[Delivery], Awaitable[None]],
    ) -> AsyncGenerator[None]:
        """Take what others offer for the length of the block, where this worker has labels.

        `has_room` tells whether a branch may begin here now, `begin` takes a slot for it. Raises
        LogUnavailable.
        """

        async def hear_offer(message: Msg) -> None:
            task = read_task(message.data)
            if task is None or self.lacks(task):
                return
            async with self.unheard:
                if has_room(task):
                    await message.respond(orjson.dumps({"worker": self._worker}))

        async def hear_given(message: Msg) -> None:
            said = object_of(message)
            if said.get("worker") != self._worker:
                return
            delivery = self._fabric.queue.given(said)
            if delivery is None:
                return
            task = delivery.task
            async with self.unheard:
                if task.namespace == self._namespace and not self.lacks(task) and has_room(task):
                    await begin(delivery)
                else:
                    self._begin(self._handed_back(delivery))

        signals = self._fabric.queue.signals
        async with AsyncExitStack() as stack:
            if self.labels:
                for kind, hear in ((OFFER, hear_offer), (GIVEN, hear_given)):
                    await stack.enter_async_context(signals.heard(kind, self._namespace, hear))
            yield

    async def end(self) -> None:
        """Hand back at once what is held."""
        await asyncio.sleep(0)  # One that is cancelled before its first step takes none.
        held = tuple(self._held)
        for one in held:
            one.cancel()
        await asyncio.gather(*held, return_exceptions=True)

    def _begin(self, holding: Coroutine[None, None, None]) -> None:
        held = asyncio.create_task(holding)
        self._held.add(held)
        held.add_done_callback(self._held.discard)

    async def _offered(self, delivery: Delivery) -> None:
        try:
            if await self._passed_on(delivery):
                return
        except asyncio.CancelledError:
            await delivery.give_back()
            raise
        except Unavailable as error:
            _log.debug("branch %s is not offered: %s", delivery.task.session_id, error)
        await self._handed_back(delivery)

    async def _handed_back(self, delivery: Delivery) -> None:
        pause_s = min(PAUSE_S * _factor(delivery), max(0.0, self._left_s(delivery)))
        await delivery.give_back(delay_s=pause_s)
        if self._fabric.queue.may_put:
            await self._call(delivery.task.priority, after_s=pause_s)

    async def _call(self, priority: Priority, *, after_s: float) -> None:
        """Call all who are idle once the queue offers a task again, of which it tells nobody.

        One call does for all tasks of about the same moment.
        """
        moment = math.ceil((time.monotonic() + after_s) / CALLS_S)
        if (priority, moment) in self._calls:
            return
        self._calls.add((priority, moment))
        try:
            await asyncio.sleep(moment * CALLS_S - time.monotonic())
            await self._fabric.queue.signals.work(self._namespace, [priority])
        finally:
            self._calls.discard((priority, moment))

    async def _passed_on(self, delivery: Delivery) -> bool:
        """Pass a task on to a worker that has its labels, and room for it; tell whether one has.

        From then on it is that worker's to work on, to hand back, or to lose by its silence. A
        tenant hears no other worker: its account is its own.
        """
        if self._asking >= OFFERS_MAX or not self._fabric.queue.may_put:
            return False
        signals = self._fabric.queue.signals
        self._asking += 1
        try:
            found = await signals.ask_all(
                OFFER, self._namespace, delivery.task.payload(), wait_s=ANSWER_S, enough=1
            )
            if not found:
                return False
            given = {"worker": found[0].get("worker"), **delivery.to_pass_on()}
            await signals.given(self._namespace, given)
        finally:
            self._asking -= 1
        return True


def _factor(delivery: Delivery) -> float:
    """Return two to the power of the times that a task was handed back, which has a bound."""
    return 2.0 ** min(delivery.deliveries - 1, _ROUNDS_MAX)


class _Given(BaseModel):
    labels: Labels


def checked_labels(given: Sequence[str]) -> tuple[str, ...]:
    """Return labels of a worker, each once. Raises InputInvalid."""
    return tuple(sorted({*checked(_Given, labels=given).labels}))
