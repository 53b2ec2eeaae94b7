"""A delivery: a task in a worker's hands, to be kept by beats and given back or done away with."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import orjson

from anabranch_events.tasks.stream import SILENCE_S, TASKS
from anabranch_events.tasks.task import read_task
from anabranch_events.transport.inbox import Unanswered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anabranch_events.tasks.task import Task
    from anabranch_events.transport.connection import Connection

ACK_PREFIX: Final = "$JS.ACK."
_NS: Final = 1_000_000_000
_FIELDS: Final = 9
"""The fields of where a delivery is answered; a later form has two or three more before them."""


class Delivery:
    """A task as the queue delivered it; `deliveries` counts this one and those before.

    `put_at` is when it was put into the queue, by the server's clock, in seconds since 1970.

    An answer may get lost with the connection. The queue then delivers the task again, and the log
    shows how far it was.
    """

    def __init__(
        self, connection: Connection, task: Task, *, reply: str, bounds: Mapping[str, float]
    ) -> None:
        self.task = task
        self._bounds = bounds
        self._connection = connection
        self._reply = reply
        self._heard_at = time.monotonic()
        fields = reply.split(".")
        start = 4 if len(fields) == _FIELDS else 6
        self.deliveries = int(fields[start])
        self.sequence = int(fields[start + 1])
        self.put_at = int(fields[start + 3]) / _NS

    @classmethod
    def passed_on(
        cls, connection: Connection, *, task: object, reply: object, bounds: Mapping[str, float]
    ) -> Delivery | None:
        """Return a delivery that another worker was given; None for what is none.

        Any worker that knows where it is answered may answer it. `bounds` has those of silence, by
        namespace.
        """
        found = read_task(task.encode()) if isinstance(task, str) else None
        if found is None or not isinstance(reply, str):
            return None
        if not reply.startswith(ACK_PREFIX) or f".{TASKS}." not in reply:
            return None
        try:
            return cls(connection, found, reply=reply, bounds=bounds)
        except (ValueError, IndexError):
            return None

    @property
    def silence_s(self) -> float:
        """The bound of silence of the task's namespace, by the last reading."""
        return self._bounds.get(self.task.namespace, SILENCE_S)

    def to_pass_on(self) -> dict[str, str]:
        """Return what another worker in the same account needs to have it in our place."""
        return {"task": self.task.payload().decode(), "reply": self._reply}

    async def done(self) -> None:
        """Take the task out of the queue: its outcome is in the log."""
        await self._say(b"+ACK")

    async def beat(self) -> None:
        """Say that the work goes on: silence gives the task to another worker."""
        begun = time.monotonic()
        if await self._say(b"+WPI"):
            self._heard_at = begun

    async def give_back(self, *, delay_s: float = 0.0) -> bool:
        """Let another worker have the task, after a delay; tell whether it was still ours to give.

        After a silence another may have it by now. The server obeys the answer of an earlier
        delivery, and would take the task from its new worker
        (findings/nats_answers_of_a_lost_delivery_count.sh). The queue counts the silence from no
        later than we do: since it came, or since the last beat.
        """
        if time.monotonic() - self._heard_at >= self.silence_s:
            return False
        delay = orjson.dumps({"delay": int(delay_s * _NS)})
        return await self._say(b"-NAK " + delay if delay_s > 0 else b"-NAK")

    async def _say(self, word: bytes) -> bool:
        with suppress(Unanswered):
            await self._connection.publish(self._reply, word)
            return True
        return False
