"""The load: tasks by priority, workers that answer or fell silent, and branches ended a second."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

from rich.console import Console

from anabranch.memory.thinking.load import LoadWatch
from anabranch.memory.thinking.views import TaskView, WorkerView
from anabranch.terminal.load_picture import load_picture
from anabranch_events import new_id
from anabranch_events.event.types import Priority
from anabranch_thinking import Status

NOW = datetime(2026, 11, 29, 8, tzinfo=UTC)


def task(priority: Priority, *, waited_s: float | None) -> TaskView:
    """Return a task that has waited so long, or is in work."""
    return TaskView(
        session_id=new_id(),
        root_id=new_id(),
        task="plan",
        role=None,
        priority=priority,
        executor=None,
        status=Status.RUNNING if waited_s is None else Status.PENDING,
        attempts=0,
        worker=None,
        waiting_since=None if waited_s is None else NOW - timedelta(seconds=waited_s),
        deadline=None,
        error=None,
    )


def worker(name: str, *, completed: int, draining: bool = False) -> WorkerView:
    """Return a worker that has completed so many branches."""
    return WorkerView(
        worker=name,
        host="here",
        process=1,
        namespace="test",
        slots=4,
        busy=1,
        priorities=("high",),
        executors=("recalling",),
        running=tuple(new_id() for _ in range(8)),
        draining=draining,
        ended={"completed": completed},
    )


def test_tasks_are_counted_by_priority() -> None:
    """Those that wait, those in flight, and how long the oldest has waited."""
    tasks = [
        task(Priority.HIGH, waited_s=3),
        task(Priority.HIGH, waited_s=8),
        task(Priority.HIGH, waited_s=None),
        task(Priority.LOW, waited_s=-2),
    ]

    load = LoadWatch().after(tasks, [], now=NOW)

    assert [tuple(dict(one).values()) for one in load.priorities] == [
        ("critical", 0, 0, None),
        ("high", 2, 1, 8.0),
        ("normal", 0, 0, None),
        ("low", 1, 0, 0.0),
    ]
    assert (load.more, load.workers, load.ended_per_s) == (False, (), None)


def test_rates_are_of_the_time_between_two_looks() -> None:
    """A worker that has just come, or began again, adds nothing that it ended before."""
    watch = LoadWatch()
    watch.after([], [worker("a", completed=10), worker("b", completed=9)], now=NOW)

    load = watch.after(
        [],
        [
            worker("a", completed=16),
            worker("b", completed=1),
            worker("c", completed=100),
        ],
        now=NOW + timedelta(seconds=2),
    )

    assert load.ended_per_s == {"completed": 3.0}


def test_a_worker_that_fell_silent_stays_for_a_minute() -> None:
    """One that drained has ended, and is gone at once."""
    watch = LoadWatch()
    watch.after([], [worker("a", completed=0), worker("b", completed=0, draining=True)], now=NOW)

    soon = watch.after([], [], now=NOW + timedelta(seconds=7))
    later = watch.after([], [], now=NOW + timedelta(seconds=61))

    assert [(one.worker, one.silent_s) for one in soon.workers] == [("a", 7.0)]
    assert later.workers == ()
    written = io.StringIO()
    console = Console(file=written, width=150)
    console.print(load_picture(soon), load_picture(later))
    shown = written.getvalue()
    assert "7.0 s ago" in shown
    assert "and 2 more" in shown
    assert "No worker answers." in shown
