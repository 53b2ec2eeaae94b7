"""The tables of work show what is told apart, and text from the log as it stands."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console

from anabranch.memory.thinking.stats import WorkStats
from anabranch.memory.thinking.views import TaskView, WorkerView
from anabranch.terminal.work_tables import stats_table, task_table, worker_table
from anabranch_events import new_id
from anabranch_events.event.types import Priority
from anabranch_thinking import Status

if TYPE_CHECKING:
    from rich.table import Table

GROUP = WorkStats(
    role="[red]focus",
    executor=None,
    worker=None,
    branches=4,
    completed=2,
    failed=1,
    cancelled=0,
    attempts=5,
    p50_ms=20.0,
    p95_ms=1500.0,
    insights=3,
    useful=2,
    citations=7,
    used=5,
    confirmed=2,
    rejected=1,
)


def printed(table: Table, *, width: int) -> list[str]:
    """Return the lines of a table on a terminal of so many columns."""
    written = io.StringIO()
    Console(file=written, width=width).print(table)
    return written.getvalue().splitlines()


def test_the_record_fits_a_terminal_of_eighty_columns() -> None:
    """Counts of nothing are left out, long names are folded, and no number is cut."""
    usual = GROUP.model_copy(
        update={
            "role": "creative synthesis",
            "worker": "host.example.org:123456:abcdef",
            **dict.fromkeys(("useful", "used", "confirmed", "rejected"), 0),
        }
    )

    lines = printed(stats_table([usual]), width=80)

    assert lines[0].split()[2:] == ["branches", "failed", "attempts", "p50", "p95", "insights"]
    assert lines[1].split()[-8:] == ["4", "1", "5", "20", "ms", "1.5", "s", "3"]


def test_a_worker_is_named_whole() -> None:
    """Its name is what `workers drain` takes, on a narrow terminal, too."""
    name = "a-worker-with-a-long-name.example.org:123456:abcdef"
    worker = WorkerView(
        worker=name,
        host="a-worker-with-a-long-name.example.org",
        process=123456,
        namespace="default",
        slots=4,
        busy=1,
        priorities=("critical", "high", "normal", "low"),
        executors=("recalling", "openai://gpt-5-mini"),
        running=(),
        draining=False,
        ended={},
    )

    lines = printed(worker_table([worker]), width=80)

    assert "".join(line.split("  ")[0].strip() for line in lines[1:]).startswith(name)


def test_labels_are_shown_where_there_are_any() -> None:
    """Of the workers that have them, and of the tasks that want them."""
    plain = WorkerView(
        worker="a",
        host="here",
        process=1,
        namespace="default",
        slots=4,
        busy=1,
        priorities=("low",),
        executors=("recalling",),
        running=(),
        draining=False,
        ended={},
    )
    task = TaskView(
        session_id=new_id(),
        root_id=new_id(),
        task="train",
        role=None,
        priority=Priority.LOW,
        executor="recalling",
        status=Status.PENDING,
        attempts=0,
        worker=None,
        waiting_since=None,
        deadline=None,
        error=None,
    )
    labelled = {"labels": ("eu", "gpu")}

    workers = printed(worker_table([plain, plain.model_copy(update=labelled)]), width=80)
    tasks = printed(task_table([task.model_copy(update=labelled)]), width=120)

    assert workers[0].split()[-1] == "labels"
    assert [line.split()[-1] for line in workers[1:]] == ["-", "gpu"]
    assert tasks[0].split()[4:] == ["executor", "labels", "worker", "task"]
    assert "eu, gpu" in tasks[1]
    assert "labels" not in printed(worker_table([plain]), width=80)[0]
    assert "labels" not in printed(task_table([task]), width=120)[0]


def test_a_column_that_tells_nothing_apart_is_left_out() -> None:
    """By role there is neither an executor nor a worker; a group without durations says so."""
    none = GROUP.model_copy(update={"role": None, "p50_ms": None, "p95_ms": None})
    written = io.StringIO()
    console = Console(file=written, width=200)

    console.print(stats_table([GROUP, none]))

    head, first, second = written.getvalue().splitlines()
    assert head.split()[:2] == ["role", "branches"]
    assert " ".join(first.split()) == "[red]focus 4 1 5 20 ms 1.5 s 3 2 5 2 1"
    assert second.split()[:6] == ["-", "4", "1", "5", "-", "-"]
