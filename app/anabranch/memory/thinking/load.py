"""The load of a namespace at a moment: tasks by priority, workers, and how fast branches end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

from anabranch_events.event.types import Priority
from anabranch_thinking import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch.memory.thinking.views import TaskView, WorkerView

TASKS_SEEN_MAX: Final = 1_000
FORGOTTEN_AFTER_S: Final = 60.0


class PriorityLoad(BaseModel):
    """The tasks of one priority, and how long the oldest of them has waited."""

    model_config = ConfigDict(frozen=True)
    priority: Priority
    waiting: int
    in_flight: int
    oldest_waiting_s: float | None


class WorkerLoad(BaseModel):
    """A worker, as it said `silent_s` seconds ago."""

    model_config = ConfigDict(frozen=True)
    worker: str
    slots: int
    busy: int
    running: tuple[str, ...]
    draining: bool
    silent_s: float


class Load(BaseModel):
    """The load at a moment; `ended_per_s` is None where there was no earlier look.

    With `more` there are more tasks than were looked at, the urgent ones first.
    """

    model_config = ConfigDict(frozen=True)
    time: datetime
    priorities: tuple[PriorityLoad, ...]
    more: bool
    workers: tuple[WorkerLoad, ...]
    ended_per_s: dict[str, float] | None


class LoadWatch:
    """Looks at the load again and again: it knows who fell silent, and how many branches ended."""

    def __init__(self) -> None:
        self._heard: dict[str, tuple[datetime, WorkerView]] = {}
        self._before: datetime | None = None

    def after(
        self, tasks: Sequence[TaskView], workers: Sequence[WorkerView], *, now: datetime
    ) -> Load:
        """Return the load, given the tasks in the queue and the workers that answered."""
        ended = {kind: 0 for one in workers for kind in one.ended}
        for one in workers:
            earlier = self._heard.get(one.worker)
            known = earlier[1].ended if earlier else {}
            for kind, count in one.ended.items():
                # One that has just come counts from here on.
                ended[kind] += max(0, count - known.get(kind, 0)) if earlier else 0
        past_s = (now - self._before).total_seconds() if self._before else 0.0
        self._before = now
        self._heard |= {one.worker: (now, one) for one in workers}
        self._heard = {
            name: (at, one)
            for name, (at, one) in self._heard.items()
            if (now - at).total_seconds() <= FORGOTTEN_AFTER_S and not (one.draining and at < now)
        }
        return Load(
            time=now.astimezone(UTC),
            priorities=tuple(_of_priority(one, tasks, now=now) for one in Priority),
            more=len(tasks) >= TASKS_SEEN_MAX,
            workers=tuple(
                WorkerLoad(
                    worker=name,
                    slots=one.slots,
                    busy=one.busy,
                    running=one.running,
                    draining=one.draining,
                    silent_s=(now - at).total_seconds(),
                )
                for name, (at, one) in sorted(self._heard.items())
            ),
            ended_per_s={kind: count / past_s for kind, count in sorted(ended.items())}
            if past_s > 0
            else None,
        )


def _of_priority(priority: Priority, tasks: Sequence[TaskView], *, now: datetime) -> PriorityLoad:
    own = [one for one in tasks if one.priority == priority]
    since = [one.waiting_since for one in own if one.waiting_since is not None]
    return PriorityLoad(
        priority=priority,
        waiting=sum(one.status is Status.PENDING for one in own),
        in_flight=sum(one.status is Status.RUNNING for one in own),
        oldest_waiting_s=max(0.0, (now - min(since)).total_seconds()) if since else None,
    )
