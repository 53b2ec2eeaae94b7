"""A worker: it takes branches from the queue, by priority, no more than it has free slots.

The branches of a worker that is killed, frozen or cut off go on elsewhere: after some silence the
queue gives them to another one. A worker that drains gives them back at once.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import socket
from contextlib import AsyncExitStack
from random import Random
from typing import TYPE_CHECKING, Any, Final

import orjson

from anabranch_events import new_id
from anabranch_events.errors import InputInvalid, NotFound, Unavailable
from anabranch_events.event.types import Priority
from anabranch_events.tasks.queue import SILENCE_S
from anabranch_events.tasks.signals import DRAIN, ENDED, WORK, WORKERS, ids_of
from anabranch_thinking.work.attempt import Attempt
from anabranch_thinking.work.slots import WorkSlots

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nats.aio.msg import Msg

    from anabranch_events.tasks.delivery import Delivery
    from anabranch_events.tasks.taking import Taking
    from anabranch_thinking.executors.base import Executor
    from anabranch_thinking.work.fabric import Fabric

LOOK_S: Final = 1.0
"""The time after which an idle worker looks into the queue without being called."""

AGEING: Final = 8
"""Each so many-th look begins with a lower priority, so that none waits for ever."""

GRACE_S: Final = 30.0
NOT_ALLOWED_PAUSE_S: Final = 0.1
NOT_ALLOWED_PAUSE_MAX_S: Final = 5.0
_OUTAGE_PAUSE_S: Final = 0.2
_log: Final = logging.getLogger("anabranch")


class Worker:
    """A worker for the branches of one namespace, with the executors that it may run.

    `run` works until `drain` is called: it then takes no more, and gives back what is not done
    within `grace_s`. A worker that says nothing for `silence_s` has lost its branches.
    """

    def __init__(
        self,
        fabric: Fabric,
        *,
        namespace: str,
        executors: Mapping[str, Executor],
        slots: int = 4,
        priorities: Sequence[Priority] = tuple(Priority),
        silence_s: float = SILENCE_S,
        grace_s: float = GRACE_S,
        name: str | None = None,
    ) -> None:
        if slots < 1:
            raise InputInvalid(
                f"slots: {slots} is not a number of slots", field="slots", fix="give 1 or more"
            )
        if not executors:
            raise InputInvalid(
                "executors: none is allowed, so there is nothing that this worker may run",
                field="executors",
                fix="name them: recalling, module:function, or name=command",
            )
        self.name = name or f"{socket.gethostname()}:{os.getpid()}:{new_id()[-6:]}"
        self.slots = WorkSlots(slots)
        self.counts: dict[str, int] = {}
        self._fabric = fabric
        self._namespace = namespace
        self._executors = executors
        self._priorities = [one for one in Priority if one in set(priorities)]
        self._silence_s = silence_s
        self._grace_s = grace_s
        self._looks = itertools.count(1)
        self._running: dict[str, tuple[Attempt, asyncio.Task[None]]] = {}
        self._draining = asyncio.Event()
        self._wake = asyncio.Event()

    def drain(self) -> None:
        """Take no more branches, and end once those in work are done or given back."""
        self._draining.set()
        self._wake.set()
        self.slots.changed.set()

    def described(self) -> dict[str, Any]:
        """Return what the worker says of itself."""
        return {
            "worker": self.name,
            "host": socket.gethostname(),
            "process": os.getpid(),
            "namespace": self._namespace,
            "slots": self.slots.count,
            "busy": self.slots.busy,
            "priorities": [str(one) for one in self._priorities],
            "executors": sorted(self._executors),
            "running": sorted(self._running),
            "draining": self._draining.is_set(),
            "ended": self.counts,
        }

    async def run(self) -> None:
        """Work until `drain` is called. Raises what opening the queue raises."""
        queue = self._fabric.queue
        await queue.open(self._namespace, silence_s=self._silence_s)
        async with AsyncExitStack() as stack:
            for kind, hear in (
                (WORK, self._hear_work),
                (ENDED, self._hear_ended),
                (WORKERS, self._hear_question),
                (DRAIN, self._hear_drain),
            ):
                await stack.enter_async_context(queue.signals.heard(kind, self._namespace, hear))
            taking = await stack.enter_async_context(queue.taking())
            try:
                await self._work(taking)
            finally:
                await self._end()

    async def _work(self, taking: Taking) -> None:
        pauses = Random()  # noqa: S311 - no secret.
        while not self._draining.is_set():
            self.slots.changed.clear()
            self._wake.clear()
            if self.slots.free <= 0:
                await self.slots.changed.wait()
                continue
            try:
                taken = await taking.take(
                    self._namespace, priorities=self._in_order(), count=self.slots.free
                )
            except Unavailable as error:
                _log.debug("the queue does not answer: %s", error)
                await self._rest(_OUTAGE_PAUSE_S)
                continue
            for delivery in taken:
                await self._begin(delivery)
            if not taken:
                await self._rest(LOOK_S * pauses.uniform(0.5, 1.0))

    async def _rest(self, seconds: float) -> None:
        """Rest until there is work, or for so long."""
        waiting = asyncio.ensure_future(self._wake.wait())
        await asyncio.wait({waiting}, timeout=seconds)
        waiting.cancel()

    def _in_order(self) -> list[Priority]:
        """Return the priorities in strict order; now and then a lower one comes first."""
        look = next(self._looks)
        turn = look // AGEING % len(self._priorities)
        if look % AGEING or not turn:
            return self._priorities
        aged = self._priorities[turn]
        return [aged, *(one for one in self._priorities if one is not aged)]

    async def _begin(self, delivery: Delivery) -> None:
        held = self._running.get(delivery.task.session_id)
        if held is not None:
            held[0].delivery = delivery  # Our beats got lost, and it came back to us.
            return
        executor = self._executors.get(delivery.task.executor or "")
        if executor is None:
            await self._leave_to_others(delivery)
            return
        attempt = Attempt(
            self._fabric,
            delivery,
            executor,
            slots=self.slots,
            worker=self.name,
            silence_s=self._silence_s,
        )
        self.slots.take()
        task = asyncio.create_task(self._run(attempt), name=f"branch {attempt.session_id}")
        self._running[attempt.session_id] = attempt, task

    async def _leave_to_others(self, delivery: Delivery) -> None:
        """Give a branch back that another worker may run; do away with one that has ended.

        It is offered again after a while: it may starve none of the others meanwhile.
        """
        try:
            sessions = self._fabric.sessions_of(self._namespace)
            ended = (await sessions.state(delivery.task.session_id)).ended
        except (NotFound, Unavailable) as error:
            ended = isinstance(error, NotFound)
        if ended:
            await delivery.done()
        else:
            await delivery.give_back(delay_s=_not_allowed_pause_s(delivery.deliveries))

    async def _run(self, attempt: Attempt) -> None:
        try:
            await attempt.run()
        except Exception:  # noqa: BLE001 - one branch's trouble is not that of the others.
            _log.exception("branch %s is left to another worker", attempt.session_id)
        finally:
            self.slots.leave()
            self._running.pop(attempt.session_id, None)
            if attempt.outcome is not None:
                self.counts[attempt.outcome] = self.counts.get(attempt.outcome, 0) + 1

    async def _end(self) -> None:
        """Wait for the branches in work; give back those that take too long."""
        running = [task for _, task in self._running.values()]
        if running and self._draining.is_set():
            _, late = await asyncio.wait(running, timeout=self._grace_s)
            running = list(late)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _hear_work(self, _message: Msg) -> None:
        self._wake.set()

    async def _hear_ended(self, message: Msg) -> None:
        for session_id in ids_of(message):
            held = self._running.get(session_id)
            if held is not None:
                held[0].stop("it has ended")

    async def _hear_question(self, message: Msg) -> None:
        await message.respond(orjson.dumps(self.described()))

    async def _hear_drain(self, message: Msg) -> None:
        if self.name in ids_of(message):
            self.drain()
            await message.respond(orjson.dumps(self.described()))


def _not_allowed_pause_s(deliveries: int) -> float:
    """Return the seconds after which a branch that may not run here is offered again."""
    return float(min(NOT_ALLOWED_PAUSE_MAX_S, NOT_ALLOWED_PAUSE_S * 2.0 ** min(deliveries, 10)))
