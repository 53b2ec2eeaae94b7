"""The scaler of a pool: it reads the load of the queue, and starts or drains workers."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from anabranch_events import new_id
from anabranch_events.errors import InputInvalid, Unavailable
from anabranch_events.event.types import Priority
from anabranch_thinking.errors import PoolFailed
from anabranch_thinking.pools import place as place_module
from anabranch_thinking.pools.place import Place, PlaceLost, records_of
from anabranch_thinking.pools.pool import PoolWorker
from anabranch_thinking.pools.scaling import WINDOW_S, Bounds, Load, Scaling
from anabranch_thinking.pools.starts import Starts
from anabranch_thinking.work.dispatch import workers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from anabranch_thinking.pools.pool import Pool
    from anabranch_thinking.work.fabric import Fabric

TICK_S: Final = 2.0
LOOKED_MAX: Final = 1000
"""The tasks whose executors a look reads: it counts all beyond them."""
_log: Final = logging.getLogger("anabranch")


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolState:
    """A pool after a look: its workers, those that are wanted, and the load of the queue.

    `workers` are those that start, wait for a place or work; those that drain are `draining`.
    """

    workers: int
    wanted: int
    draining: int
    waiting: int
    in_flight: int


class Scaler:
    """The scaler of one pool for the branches of a namespace; of several one is at work.

    It never ends a worker that has begun, but has it drained: that one takes no more, and finishes
    or hands back. `run` works until `stop` is called. With `executors`, branches for others do not
    count: no worker of the pool may run them.
    """

    def __init__(
        self,
        fabric: Fabric,
        pool: Pool,
        *,
        namespace: str,
        bounds: Bounds,
        executors: Collection[str] | None = None,
        priorities: Sequence[Priority] = tuple(Priority),
        silence_s: float | None = None,
        window_s: float = WINDOW_S,
        tick_s: float = TICK_S,
        place_silence_s: float = place_module.SILENCE_S,
        changed: Callable[[PoolState], None] | None = None,
    ) -> None:
        if not fabric.queue.may_put:
            raise InputInvalid(
                "max: a tenant may not ask how many branches wait",
                field="max",
                fix="scale with a connection that has all rights",
            )
        self.active = False
        """True while this scaler is the one at work."""
        self.state: PoolState | None = None
        """The pool, as the last look found it."""
        self._fabric = fabric
        self._pool = pool
        self._namespace = namespace
        self._executors = None if executors is None else frozenset(executors)
        self._priorities = tuple(priorities)
        self._silence_s = silence_s
        self._tick_s = tick_s
        self._changed = changed
        self._scaling = Scaling(bounds, window_s=window_s)
        self._place = Place(
            fabric.log, records_of(namespace) + pool.prefix, silence_s=place_silence_s
        )
        self._starts = Starts()
        self._submitted: set[str] = set()
        self._draining: set[str] = set()
        self._said = ""
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """End once what is under way is done; the workers stay, where they can be found again."""
        self._stopped.set()

    async def run(self) -> None:
        """Scale until stopped. Outages of the log and of the scheduler are waited out."""
        await self._fabric.queue.open(self._namespace, silence_s=self._silence_s)
        try:
            while not self._stopped.is_set():
                if await self._taken():
                    await self._scale()
        finally:
            await self._pool.close()

    async def _taken(self) -> bool:
        """Take the place; False if we are stopped meanwhile."""
        taking = asyncio.ensure_future(self._place.take())
        stopping = asyncio.ensure_future(self._stopped.wait())
        try:
            await asyncio.wait({taking, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if taking.done():
                taking.result()
            return taking.done()
        finally:
            taking.cancel()
            stopping.cancel()
            await asyncio.gather(taking, stopping, return_exceptions=True)

    async def _scale(self) -> None:
        """Scale until stopped, or until another one takes the place."""
        self.active = True
        try:
            while not self._stopped.is_set():
                try:
                    await self._look()
                except (PoolFailed, Unavailable) as error:
                    self._warn(str(error))
                await _either(self._stopped, self._tick_s)
            await self._place.leave()
        except PlaceLost:
            _log.warning("another scaler took over the pool %s", self._pool.prefix)
        except Unavailable as error:
            _log.debug("the next scaler waits for its place: %s", error)
        finally:
            self.active = False

    async def _look(self) -> None:
        """Look once at the load and the workers, and do what is due."""
        answers = await workers_of(self._fabric, self._namespace)
        load = await self._load(answers)
        ours = {
            str(one["worker"]): one
            for one in answers
            if str(one.get("worker")).startswith(self._pool.prefix)
        }
        there = {one.name: one for one in await self._pool.list(self._place.workers)}
        for name in ours:
            # It answers, whatever the scheduler says of it.
            there.setdefault(name, PoolWorker(name, self._place.workers.get(name)))
        self._starts.seen(
            gone=self._submitted - there.keys() - self._draining,
            answering=ours.keys(),
            now=time.monotonic(),
        )
        self._submitted &= there.keys()
        self._draining = (self._draining & there.keys()) | {
            name for name, one in ours.items() if one.get("draining")
        }
        await self._place.note({one.name: one.handle for one in there.values()})
        wanted = self._scaling.wanted(load, now=time.monotonic())
        staying = [one for one in there.values() if one.name not in self._draining]
        if wanted > len(staying):
            await self._grow(wanted - len(staying))
        elif wanted < len(staying):
            await self._shrink(staying, ours, by=len(staying) - wanted)
        self._show(load, wanted)

    async def _load(self, answers: Sequence[dict[str, Any]]) -> Load:
        """Return the load: branches that wait for their forks have no slot, and do not count."""
        depths = await self._fabric.queue.depths(self._namespace)
        found = [depths[one] for one in self._priorities]
        waiting, in_work = sum(one.waiting for one in found), sum(one.in_work for one in found)
        others = await self._for_others() if waiting + in_work else []
        running = [set(map(str, one.get("running", ()))) for one in answers]
        resting = sum(
            max(0, len(ids.difference(others)) - int(one.get("busy", 0)))
            for ids, one in zip(running, answers, strict=True)
        )
        at_work = sum(any(one in ids for ids in running) for one in others)
        left = waiting - (len(others) - at_work)  # Given back by a worker, they are in its hands.
        return Load(
            waiting=max(0, left), in_flight=max(0, in_work - at_work - resting + min(0, left))
        )

    async def _for_others(self) -> list[str]:
        """Return the sessions of tasks that no worker of this pool may run, of those put first."""
        if self._executors is None:
            return []
        return [
            one.session_id
            for one in await self._fabric.queue.first(self._namespace, most=LOOKED_MAX)
            if one.priority in self._priorities and (one.executor or "") not in self._executors
        ]

    async def _grow(self, count: int) -> None:
        for _ in range(count):
            if self._stopped.is_set() or not self._starts.may(time.monotonic()):
                return
            name = f"{self._pool.prefix}{new_id()[-8:]}"
            noted = self._place.workers
            await self._place.note({**noted, name: None})
            self._submitted.add(name)
            handle = await self._pool.submit(name)
            await self._place.note({**noted, name: handle})

    async def _shrink(
        self, staying: Sequence[PoolWorker], ours: dict[str, dict[str, Any]], *, by: int
    ) -> None:
        """Cancel those that have not begun, and drain the least busy of the others.

        One that has begun and does not answer yet is left alone until it does.
        """
        waits = [one for one in staying if one.waits and one.name not in ours][:by]
        for one in waits:
            await self._pool.cancel(one)
        begun = sorted(
            (one.name for one in staying if one.name in ours),
            key=lambda name: (ours[name]["busy"], len(ours[name]["running"]), name),
        )
        chosen = begun[: by - len(waits)]
        self._draining |= {one.name for one in waits}
        if chosen:
            heard = await self._fabric.queue.signals.drain(self._namespace, chosen)
            self._draining |= {str(one.get("worker")) for one in heard}

    def _show(self, load: Load, wanted: int) -> None:
        workers = self._place.workers.keys()
        state = PoolState(
            workers=len(workers - self._draining),
            wanted=wanted,
            draining=len(self._draining),
            waiting=load.waiting,
            in_flight=load.in_flight,
        )
        before, self.state, self._said = self.state, state, ""
        if self._changed is not None and (
            before is None
            or (before.workers, before.wanted, before.draining)
            != (state.workers, state.wanted, state.draining)
        ):
            self._changed(state)

    def _warn(self, said: str) -> None:
        """Say what went wrong, once for as long as it lasts."""
        if said != self._said:
            _log.warning("the pool is left as it is: %s", said)
            self._said = said


async def _either(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, or for so long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
