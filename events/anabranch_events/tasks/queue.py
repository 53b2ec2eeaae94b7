"""The queue of tasks: put once a branch, taken by priority, never more than there is room for."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from anabranch_events.errors import AnabranchError, LogRefused
from anabranch_events.event.identifiers import is_canonical_uuid
from anabranch_events.event.types import Priority
from anabranch_events.jetstream import direct_get
from anabranch_events.jetstream.api import Refused, ask, parsed, stored_subjects, translated
from anabranch_events.jetstream.stream import checked_token
from anabranch_events.tasks.delivery import Delivery
from anabranch_events.tasks.signals import Signals
from anabranch_events.tasks.stream import SILENCE_S, TASKS, bound_of, ensure_consumers, ensure_tasks
from anabranch_events.tasks.taking import Taking
from anabranch_events.tasks.task import SUBJECT_PREFIX, Task, read_task, subjects_of, task_consumer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nats.aio.msg import Msg

    from anabranch_events.transport.connection import Connection

BOUND_AGE_S: Final = 1.0
"""The time after which a bound of silence is read again."""
PUTS_AT_ONCE: Final = 128
_SUBJECT_TAKEN: Final = 10077


class Depth(NamedTuple):
    """The tasks of one priority: those that wait, those in work, and those delivered again."""

    waiting: int
    in_work: int
    delivered_again: int


class Queued(NamedTuple):
    """A task in the queue, waiting or in work."""

    session_id: str
    priority: Priority


class TaskQueue:
    """The tasks of all namespaces, on the connection of the log.

    Made by `Log.tasks`. Raises LogUnavailable when the server does not answer in time, and
    LogRefused when it refuses us.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._bounds: dict[str, float] = {}
        """The bounds of silence of the namespaces that were opened."""
        self._read_at: dict[str, float] = {}
        """When each of them was read again, or begun to be."""
        self.signals = Signals(connection)

    @property
    def may_put(self) -> bool:
        """True for a connection with all rights; a tenant only takes."""
        return self._connection.view is None

    async def open(self, namespace: str, *, silence_s: float | None = None) -> float | None:
        """Make the queue and the consumers of a namespace, where they are not there.

        Returns the bound after which a silent worker has lost its task. It is `silence_s`, or with
        None the one that stands. A tenant finds them made, and sets none: it returns the one that
        stands, or None where it cannot read that. It goes by `silence_s` or the first one then.
        """
        checked_token(namespace, field="namespace")
        bound = None
        if self.may_put:
            await ensure_tasks(self._connection)
            bound = await ensure_consumers(self._connection, namespace, silence_s=silence_s)
        else:
            with suppress(LogRefused):
                bound = await bound_of(self._connection, namespace)
        given = SILENCE_S if silence_s is None else silence_s
        self._bounds[namespace] = given if bound is None else bound
        return bound

    async def bound(self, namespace: str) -> float:
        """Return the bound of silence that stands; one that was read lately is not read again.

        Another worker may name another one at any time. Where it cannot be read it is the one that
        was read last.
        """
        now = time.monotonic()
        if now - self._read_at.get(namespace, -math.inf) >= BOUND_AGE_S:
            self._read_at[namespace] = now  # First: all others go on with what is known.
            with suppress(AnabranchError):
                self._bounds[namespace] = await bound_of(self._connection, namespace)
        return self._bounds.get(namespace, SILENCE_S)

    async def ensure(self) -> None:
        """Make the queue where it is not there. Raises StreamDrifted."""
        if self.may_put:
            await ensure_tasks(self._connection)

    async def put(self, tasks: Sequence[Task]) -> int:
        """Put tasks into the queue, and tell its workers; return how many were not in it yet.

        One that is in it already, waiting or in work, is not put again. Raises LogFull.
        """
        count = 0
        for start in range(0, len(tasks), PUTS_AT_ONCE):
            some = tasks[start : start + PUTS_AT_ONCE]
            count += await self._put_together(some)
            put: dict[str, set[str]] = {}
            for task in some:
                put.setdefault(task.namespace, set()).add(str(task.priority))
            for namespace, priorities in put.items():
                await self.signals.work(namespace, priorities)
        return count

    async def _put_together(self, tasks: Sequence[Task]) -> int:
        """Put tasks without a wait in between; each alone where one of them is refused."""
        payloads = [task.payload() for task in tasks]

        async def once(timeout_s: float) -> list[bytes]:
            answers = 0

            async def send(reply: str) -> None:
                messages = [
                    (task.subject, reply, "", payload)
                    for task, payload in zip(tasks, payloads, strict=True)
                ]
                await self._connection.publish_all(messages, ask=True)

            def is_last(_answer: Msg) -> bool:
                nonlocal answers
                answers += 1
                return answers == len(tasks)

            found = await self._connection.converse(send, is_last=is_last, timeout_s=timeout_s)
            return [answer.data for answer in found]

        stored = sum(map(_is_stored, await self._connection.attempt(once)))
        if stored < len(tasks):
            stored += sum([await self._put(task) for task in tasks])
        return stored

    async def _put(self, task: Task) -> bool:
        payload = task.payload()

        async def once(timeout_s: float) -> bytes:
            answer = await self._connection.request(task.subject, payload, timeout_s=timeout_s)
            return answer.data

        try:
            parsed(await self._connection.attempt(once))
        except Refused as refused:
            if refused.code == _SUBJECT_TAKEN and await self.holds(task):
                return False
            raise translated(refused) from refused
        return True

    async def holds(self, task: Task) -> bool:
        """Tell whether the task is in the queue, waiting or in work."""
        wanted = {"last_by_subj": task.subject}
        return await direct_get.get(self._connection, wanted, stream=TASKS) is not None

    def taking(self) -> Taking:
        """Return a taker of tasks, to be used within `async with`."""
        return Taking(self._connection, self._bounds)

    def given(self, said: Mapping[str, object]) -> Delivery | None:
        """Return a delivery that another worker gives to us; None for what is none."""
        return Delivery.passed_on(
            self._connection,
            task=said.get("task"),
            reply=said.get("reply"),
            bounds=self._bounds,
        )

    async def depths(self, namespace: str) -> dict[Priority, Depth]:
        """Return the number of tasks of each priority; a tenant may not ask."""
        return {priority: await self._depth(priority, namespace) for priority in Priority}

    async def _depth(self, priority: Priority, namespace: str) -> Depth:
        name = task_consumer(priority, namespace)
        try:
            info = await ask(self._connection, f"CONSUMER.INFO.{TASKS}.{name}")
        except Refused as refused:
            if refused.status == 404:
                return Depth(0, 0, 0)
            raise translated(refused) from refused
        return Depth(info["num_pending"], info["num_ack_pending"], info["num_redelivered"])

    async def queued(self, namespace: str) -> list[Queued]:
        """Return the tasks of a namespace that wait or are in work, those of urgent ones first."""
        found = map(_queued, await self._subjects(subjects_of("*", namespace)) or ())
        return sorted((one for one in found if is_canonical_uuid(one.session_id)), key=_urgency)

    async def first(self, namespace: str, *, most: int) -> list[Task]:
        """Return the tasks that were put first, waiting or in work, at most so many. Not for tenants.

        Their messages are read; `queued` reads the subjects alone.
        """
        found: list[Task] = []
        after = looked = 0
        while looked < most:
            messages, more = await direct_get.batch(
                self._connection,
                subjects_of("*", namespace),
                after=after,
                stream=TASKS,
                records_max=min(direct_get.BATCH_RECORDS, most - looked),
            )
            found += filter(None, (read_task(message.data) for message in messages))
            if not messages or not more:
                break
            looked += len(messages)
            after = direct_get.position_of(messages[-1])
        return found

    async def namespaces(self) -> list[str] | None:
        """Return the namespaces that have tasks; None: there was never one. Not for tenants."""
        found = await self._subjects(subjects_of("*", "*"))
        return None if found is None else sorted({one.rsplit(".", 2)[1] for one in found})

    async def _subjects(self, wanted: str) -> dict[str, int] | None:
        """Return the subjects of tasks; None where there is no queue yet."""
        try:
            return await stored_subjects(self._connection, TASKS, wanted)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise translated(refused) from refused

    async def drop(self, task: Task) -> None:
        """Take a task out of the queue; a worker that has it is not stopped by that."""
        try:
            await ask(self._connection, f"STREAM.PURGE.{TASKS}", {"filter": task.subject})
        except Refused as refused:
            if refused.status != 404:
                raise translated(refused) from refused


def _is_stored(answer: bytes) -> bool:
    try:
        parsed(answer)
    except Refused:
        return False
    return True


def _queued(subject: str) -> Queued:
    priority, _, session_id = subject.removeprefix(SUBJECT_PREFIX).split(".")
    return Queued(session_id, Priority(priority))


def _urgency(one: Queued) -> tuple[int, str]:
    return list(Priority).index(one.priority), one.session_id
