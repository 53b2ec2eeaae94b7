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
import time
from contextlib import AsyncExitStack
from random import Random
from typing import TYPE_CHECKING, Any, Final

import orjson

from anabranch_events import new_id
from anabranch_events.errors import NamespaceEnded, NotFound, Unavailable
from anabranch_events.event.types import Priority
from anabranch_events.tasks.signals import DRAIN, ENDED, WORK, WORKERS, ids_of
from anabranch_thinking.sessions.many import TOGETHER_MIN
from anabranch_thinking.work.attempt import Attempt
from anabranch_thinking.work.hedge import Hedge
from anabranch_thinking.work.offers import LABEL_WAIT_S, Offers
from anabranch_thinking.work.slots import WorkSlots, check_slots

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from nats.aio.msg import Msg

    from anabranch_events.tasks.delivery import Delivery
    from anabranch_events.tasks.taking import Taking
    from anabranch_events.tasks.task import Task
    from anabranch_thinking.executors.base import Executor
    from anabranch_thinking.sessions.state import SessionState
    from anabranch_thinking.work.fabric import Fabric

LOOK_S: Final = 1.0
"""The time after which a worker with free slots looks at all its priorities, called or not.

It makes up for calls that got lost, and for looks that came too soon. A pull that does not wait
may find nothing of a task that was stored before it (nats-server 2.15.1, see
findings/nats_a_stored_message_is_not_there_at_once.sh).
"""

AGEING: Final = 8
"""Each so many-th look begins with a lower priority, so that none waits for ever."""

GRACE_S: Final = 30.0
NOT_ALLOWED_PAUSE_S: Final = 0.1
NOT_ALLOWED_PAUSE_MAX_S: Final = 5.0
_OUTAGE_PAUSE_S: Final = 0.2
_CALL_S: Final = 0.02
_YIELD_S: Final = 0.3
OUTRUN_PAUSE_S: Final = 1.0
OUTRUN_PAUSE_MAX_S: Final = 30.0
_log: Final = logging.getLogger("anabranch")
_UNKNOWN: Final = (
    "this tenant cannot read yet after how long a silence the branches of its namespace go to "
    "others: this worker goes by %g s until then. Give it the bound of the others: `silence_s`, or "
    "--silence"
)
_NOT_SET: Final = (
    "a tenant sets no bound of silence, so %g s is not heeded: the branches of its namespace go to "
    "others after %g s. A worker of the owner sets it, by `silence_s` or --silence"
)


class Worker:
    """A worker for the branches of one namespace, with the executors that it may run.

    Of its slots `reserved` are kept for critical branches. A branch that wants labels which are not
    among its `labels` it leaves to others for `label_wait_s` after it was put. `run` works until
    `drain` is called: it then takes no more, and gives back what is not done within `grace_s`, or
    by `hand_back`. A worker that says nothing for `silence_s` has lost its branches; with None the
    bound is the one that stands for the namespace.
    """

    def __init__(
        self,
        fabric: Fabric,
        *,
        namespace: str,
        executors: Mapping[str, Executor],
        slots: int = 4,
        reserved: int = 0,
        priorities: Sequence[Priority] = tuple(Priority),
        labels: Sequence[str] = (),
        label_wait_s: float = LABEL_WAIT_S,
        silence_s: float | None = None,
        grace_s: float = GRACE_S,
        name: str | None = None,
    ) -> None:
        check_slots(slots, reserved=reserved, priorities=priorities)
        self.name = name or f"{socket.gethostname()}:{os.getpid()}:{new_id()[-6:]}"
        self._priorities = [one for one in Priority if one in set(priorities)]
        self.slots = WorkSlots(slots, reserved=reserved)
        self.counts: dict[str, int] = {}
        self._fabric = fabric
        self._namespace = namespace
        self._executors = executors
        self._reserved = reserved
        self._offers = Offers(
            fabric, namespace=namespace, worker=self.name, labels=labels, wait_s=label_wait_s
        )
        self._given_silence_s = silence_s
        self._grace_s = grace_s
        self._looks = itertools.count(1)
        self._running: dict[str, tuple[Attempt, asyncio.Task[None]]] = {}
        self._calls: set[asyncio.Task[None]] = set()
        self._yielding: dict[Priority, float] = {}
        self._outrun: dict[Priority, tuple[int, float]] = {}
        self._called: set[str] | None = None
        self._ended = False
        self._draining = asyncio.Event()
        self._wake = asyncio.Event()

    def drain(self) -> None:
        """Take no more branches, and end once those in work are done or given back."""
        self._draining.set()
        self._wake.set()
        self.slots.changed.set()

    def hand_back(self) -> None:
        """Drain, and give back at once what is in work."""
        self._grace_s = 0.0
        self.drain()
        self._cancel_running()

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
            "labels": self._offers.labels,
            "running": sorted({one.session_id for one, _ in self._running.values()}),
            "draining": self._draining.is_set(),
            "ended": self.counts,
        }

    async def run(self) -> None:
        """Work until `drain` is called. Raises what opening the queue raises."""
        queue = self._fabric.queue
        stands_s = await queue.open(self._namespace, silence_s=self._given_silence_s)
        if not queue.may_put:
            await self._warn_tenant(stands_s)
        async with AsyncExitStack() as stack:
            for kind, hear in (
                (WORK, self._hear_work),
                (ENDED, self._hear_ended),
                (WORKERS, self._hear_question),
                (DRAIN, self._hear_drain),
            ):
                await stack.enter_async_context(queue.signals.heard(kind, self._namespace, hear))
            await stack.enter_async_context(self._offers.heard(self._has_room, self._begin))
            taking = await stack.enter_async_context(queue.taking())
            try:
                await self._work(taking)
            finally:
                await self._end()

    async def _warn_tenant(self, stands_s: float | None) -> None:
        given_s = self._given_silence_s
        if stands_s is None and given_s is None:
            _log.warning(_UNKNOWN, await self._fabric.queue.bound(self._namespace))
        elif stands_s is not None and given_s not in {None, stands_s}:
            _log.warning(_NOT_SET, given_s, stands_s)

    async def _work(self, taking: Taking) -> None:
        pauses = Random()  # noqa: S311 - no secret.
        all_at = 0.0
        while not self._draining.is_set():
            self.slots.changed.clear()
            self._wake.clear()
            if self.slots.free <= 0:
                await self.slots.changed.wait()
                continue
            called, self._called = self._called, set()
            if time.monotonic() >= all_at:
                called = None  # A task that comes back to the queue calls nobody.
            try:
                async with self._offers.unheard:
                    taken, more = await self._filled(taking, self._in_order(called))
            except Unavailable as error:
                _log.debug("the queue does not answer: %s", error)
                self._called = None
                await self._rest(_OUTAGE_PAUSE_S)
                continue
            if more:
                self._called = None  # Of any priority, once a slot is free for it.
            if called is None:
                all_at = time.monotonic() + LOOK_S * pauses.uniform(0.5, 1.0)
            if not taken or not more:
                await self._rest(max(0.0, all_at - time.monotonic()), for_slot=more)

    async def _filled(
        self, taking: Taking, wanted: Sequence[Priority]
    ) -> tuple[list[Delivery], bool]:
        """Take tasks for the free slots and begin with them; also tell whether there may be more.

        Raises Unavailable.
        """
        free = self.slots.free
        if free <= 0:
            return [], True
        taken, more = await self._taken(taking, free, wanted)
        begun = await self._beginnings(taken)
        for delivery in taken:
            await self._begin(delivery, begun.get(delivery.task.session_id))
        return taken, more

    async def _taken(
        self, taking: Taking, free: int, wanted: Sequence[Priority]
    ) -> tuple[list[Delivery], bool]:
        """Take tasks for the free slots; those that are reserved get critical ones alone.

        Also tell whether there may be more than there was room for.
        """
        if not self._reserved:
            found = await taking.take(self._namespace, priorities=wanted, count=free)
            return found, len(found) >= free
        critical = [one for one in wanted if one is Priority.CRITICAL]
        found = await taking.take(self._namespace, priorities=critical, count=free)
        room = self.slots.room(urgent=False, coming=len(found))
        if room <= 0:
            return found, True
        others = [one for one in wanted if one is not Priority.CRITICAL]
        more = await taking.take(self._namespace, priorities=others, count=room)
        return found + more, len(more) >= room

    async def _beginnings(self, taken: Sequence[Delivery]) -> dict[str, SessionState]:
        """Read the branches that nobody had before, all together."""
        fresh = [one.task.session_id for one in taken if one.deliveries == 1 and not one.task.hedge]
        if len(fresh) < TOGETHER_MIN:
            return {}
        try:
            return await self._fabric.sessions_of(self._namespace).beginnings(fresh)
        except Unavailable:
            return {}  # Each attempt deals with the outage.

    async def _rest(self, seconds: float, *, for_slot: bool = False) -> None:
        """Rest until there is work or a slot is free for it, or for so long."""
        calls = [self._wake, *([self.slots.changed] if for_slot else [])]
        waiting = [asyncio.ensure_future(one.wait()) for one in calls]
        try:
            await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waiting:
                one.cancel()

    def _in_order(self, called: AbstractSet[str] | None) -> list[Priority]:
        """Return the priorities in strict order; now and then a lower one comes first.

        It takes those that were `called`; None is any. Those that this worker leaves to others for
        a moment are left out, and stay called.
        """
        look = next(self._looks)
        turn = look // AGEING % len(self._priorities)
        ordered = self._priorities
        if not look % AGEING and turn:
            aged = ordered[turn]
            ordered = [aged, *(one for one in ordered if one is not aged)]
        wanted = [one for one in ordered if called is None or one in called]
        left = {one for one in wanted if self._leaves(one)}
        if self._called is not None:
            self._called |= left
        return [one for one in wanted if one not in left]

    def _leaves(self, priority: Priority) -> bool:
        """Tell whether this worker leaves a priority to others for a moment."""
        until = max(self._yielding.get(priority, 0.0), self._outrun.get(priority, (0, 0.0))[1])
        return time.monotonic() < until

    async def _begin(self, delivery: Delivery, begun: SessionState | None = None) -> None:
        task = delivery.task
        held = self._running.get(task.key)
        if held is not None:
            held[0].delivery = delivery  # Our beats got lost, and it came back to us.
            return
        if task.hedge and task.session_id in self._running:
            await self._leave_to_others(delivery)  # A second copy here would be as slow.
            self._call_others_later(delivery)
            return
        executor = self._executors.get(task.executor or "")
        if executor is None:
            await self._leave_to_others(delivery)
            return
        if self._offers.must_wait(delivery):
            self._offers.begin(delivery)
            return
        attempt = (Hedge if task.hedge else Attempt)(
            self._fabric,
            delivery,
            executor,
            slots=self.slots,
            worker=self.name,
            begun=begun,
        )
        self.slots.take(urgent=attempt.urgent)
        running = asyncio.create_task(self._run(attempt, task.key), name=f"branch {task.key}")
        self._running[task.key] = attempt, running

    async def _leave_to_others(self, delivery: Delivery) -> None:
        """Give a branch back that another worker may run; do away with one that has ended.

        It is offered again after a while: it may starve none of the others meanwhile.
        """
        try:
            sessions = self._fabric.sessions_of(self._namespace)
            ended = (await sessions.state(delivery.task.session_id)).ended
        except (NotFound, NamespaceEnded, Unavailable) as error:
            ended = not isinstance(error, Unavailable)
        if ended:
            await delivery.done()
        else:
            await delivery.give_back(delay_s=_not_allowed_pause_s(delivery.deliveries))

    def _call_others_later(self, delivery: Delivery) -> None:
        """Say that there is work once a task that was given back is offered again.

        For that moment this worker takes none of its priority: it would get it first, as before.
        """

        async def call() -> None:
            await asyncio.sleep(_not_allowed_pause_s(delivery.deliveries) - _CALL_S)
            self._yielding[delivery.task.priority] = time.monotonic() + _YIELD_S
            await asyncio.sleep(2 * _CALL_S)
            await self._fabric.queue.signals.work(self._namespace)

        calling = asyncio.create_task(call())
        self._calls.add(calling)
        calling.add_done_callback(self._calls.discard)

    async def _run(self, attempt: Attempt, key: str) -> None:
        try:
            await attempt.run()
        except Exception:  # noqa: BLE001 - one branch's trouble is not that of the others.
            _log.exception("branch %s is left to another worker", attempt.session_id)
        finally:
            self.slots.leave(urgent=attempt.urgent)
            self._running.pop(key, None)
            self._pace(attempt)
            if attempt.outcome is not None:
                self.counts[attempt.outcome] = self.counts.get(attempt.outcome, 0) + 1

    def _pace(self, attempt: Attempt) -> None:
        """Leave work of a priority to others for a while, where they were faster at it."""
        if attempt.outrun:
            times, _ = self._outrun.get(attempt.priority, (0, 0.0))
            pause_s = min(OUTRUN_PAUSE_MAX_S, OUTRUN_PAUSE_S * 2.0 ** min(times, 10))
            self._outrun[attempt.priority] = times + 1, time.monotonic() + pause_s
        elif attempt.outcome == "completed":
            self._outrun.pop(attempt.priority, None)

    async def _end(self) -> None:
        """Wait for the branches in work; give back those that take too long."""
        self._ended = True
        for calling in self._calls:
            calling.cancel()
        await self._offers.end()
        running = [task for _, task in self._running.values()]
        try:
            if running and self._draining.is_set():
                await asyncio.wait(running, timeout=self._grace_s)
        finally:
            self._cancel_running()
            await asyncio.gather(*running, return_exceptions=True)

    def _cancel_running(self) -> None:
        for _, task in self._running.values():
            if not task.cancelling():  # Asked a second time it would leave off handing back.
                task.cancel()

    async def _hear_work(self, message: Msg) -> None:
        named = ids_of(message)
        self._called = self._called | {*named} if named and self._called is not None else None
        self._wake.set()

    async def _hear_ended(self, message: Msg) -> None:
        for session_id in ids_of(message):
            for key in (session_id, f"{session_id}-hedge"):
                held = self._running.get(key)
                if held is not None:
                    held[0].stop("it has ended")

    async def _hear_question(self, message: Msg) -> None:
        await message.respond(orjson.dumps(self.described()))

    def _has_room(self, task: Task) -> bool:
        """Tell whether a branch that another worker has in its hands may begin here now."""
        if self._ended or self._draining.is_set() or task.priority not in self._priorities:
            return False
        if (task.executor or "") not in self._executors or self._leaves(task.priority):
            return False
        return self.slots.room(urgent=task.priority is Priority.CRITICAL) > 0

    async def _hear_drain(self, message: Msg) -> None:
        if self.name in ids_of(message):
            self.drain()
            await message.respond(orjson.dumps(self.described()))


def _not_allowed_pause_s(deliveries: int) -> float:
    """Return the seconds after which a branch that may not run here is offered again."""
    return float(min(NOT_ALLOWED_PAUSE_MAX_S, NOT_ALLOWED_PAUSE_S * 2.0 ** min(deliveries, 10)))
