"""The thinking of the service: thoughts over HTTP, and the workers of its own that they need.

Branches that only ask memory run in the service's own process, unless a worker elsewhere is faster.
Every other executor runs where its operator allows it, and HTTP may ask for those alone that a
setting names.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from anabranch.api.fixes import OPERATORS
from anabranch.errors import AnabranchError, NotPermitted
from anabranch.memory.namespaces import Namespaces
from anabranch.memory.thinking.joining import fabric_of, hedging_of
from anabranch_thinking.work.allowed import RECALLING, allowed_executors
from anabranch_thinking.work.joiner import Joiner
from anabranch_thinking.work.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Collection, Coroutine

    from anabranch.backend.backend import Backend

WORKERS_MAX: Final = 64
GRACE_S: Final = 1.0
_log: Final = logging.getLogger("anabranch")


class ServiceThinking:
    """Checks what thoughts ask for, and works on those branches that only ask memory.

    There is a worker for each namespace in which a thought was begun here lately, and one joiner.
    """

    def __init__(self, backend: Backend) -> None:
        named = backend.settings.http_executors.split(",")
        self._allowed = frozenset(one.strip() for one in named if one.strip())
        self._fabric = fabric_of(Namespaces(backend), backend, traces=True)
        self._hedging = hedging_of(backend.settings)
        self._workers: OrderedDict[str, tuple[Worker, asyncio.Task[None]]] = OrderedDict()
        self._joining: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def check(self, executors: Collection[str]) -> None:
        """Raise NotPermitted for an executor that may not be asked for over HTTP."""
        refused = next((one for one in sorted(executors) if one not in self._allowed), None)
        if refused is not None:
            raise NotPermitted(
                f"executor: {refused!r} may not be asked for over HTTP",
                fix=f"ask for `recalling`, or have {OPERATORS} name it in ANABRANCH_HTTP_EXECUTORS of "
                "the service, and start a worker that allows it",
            )

    def attend(self, namespace: str, executors: Collection[str]) -> None:
        """See to it that somebody works on a thought of a namespace, and joins it."""
        if not self._fabric.queue.may_put:
            return  # The main account's service does it for its tenants.
        self._join()
        if RECALLING in executors:
            self._work_in(namespace)

    async def resume(self) -> None:
        """Go on with thoughts that were begun before this service was."""
        if not self._fabric.queue.may_put:
            return
        try:
            names = await self._fabric.queue.namespaces()
        except AnabranchError as error:
            _log.warning("thoughts in the queue wait for the next one: %s", error)
            return
        if names is not None:
            self._join()
        for name in names or ():
            self._work_in(name)

    async def close(self) -> None:
        """Give back what is in work, and end."""
        for worker, _ in self._workers.values():
            worker.drain()
        if self._workers:
            await asyncio.wait([task for _, task in self._workers.values()], timeout=2 * GRACE_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _join(self) -> None:
        if self._joining is None or self._joining.done():
            self._joining = self._begun(Joiner(self._fabric, hedging=self._hedging).run(), "joiner")

    def _work_in(self, name: str) -> None:
        worker, task = self._workers.pop(name, (None, None))
        if worker is None or task is None or task.done():
            worker = Worker(
                self._fabric,
                namespace=name,
                executors=allowed_executors([RECALLING]),
                grace_s=GRACE_S,
            )
            task = self._begun(worker.run(), f"worker of {name}")
        self._workers[name] = worker, task
        if len(self._workers) > WORKERS_MAX:
            _, (longest_idle, _) = self._workers.popitem(last=False)
            longest_idle.drain()

    def _begun(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        """Return the task of a work; where it fails, the next thought begins it anew."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.warning("the service's own %s ended: %r", task.get_name(), task.exception())
