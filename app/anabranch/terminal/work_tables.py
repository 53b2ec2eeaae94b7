"""Tables of work over workers: tasks, workers, and the record of branches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from anabranch.terminal.listing import listing
from anabranch.terminal.short_id import short_id
from anabranch.terminal.thought_tree import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from anabranch.memory.thinking.stats import WorkStats
    from anabranch.memory.thinking.views import TaskView, WorkerView


def task_table(found: Sequence[TaskView]) -> Table:
    """Return the tasks as a table."""
    table = listing("session", "priority", "status", "attempts", "executor", "worker", no_wrap=True)
    table.add_column("task", overflow="fold")
    for one in found:
        table.add_row(
            short_id(one.session_id),
            one.priority,
            one.status,
            str(one.attempts),
            Text(one.executor or "-"),
            Text(one.worker or "-"),
            Text(one.task),
        )
    return table


def worker_table(found: Sequence[WorkerView]) -> Table:
    """Return the workers as a table."""
    table = listing("worker", "busy", "priorities", "executors")
    for one in found:
        busy = f"{one.busy}/{one.slots}" + (" draining" if one.draining else "")
        table.add_row(
            Text(one.worker), busy, ", ".join(one.priorities), Text(", ".join(one.executors))
        )
    return table


def stats_table(found: Sequence[WorkStats]) -> Table:
    """Return the groups as a table; a column that tells nothing apart is left out."""
    names = [
        name
        for name in ("role", "executor", "worker")
        if any(getattr(one, name) is not None for one in found)
    ]
    table = listing(*names)
    counts = ("branches", "failed", "cancelled", "attempts", "p50", "p95")
    for name in (*counts, "insights", "useful", "used", "confirmed", "rejected"):
        table.add_column(name, justify="right")
    for one in found:
        table.add_row(
            *(Text(getattr(one, name) or "-") for name in names),
            *map(str, (one.branches, one.failed, one.cancelled, one.attempts)),
            *map(_milliseconds, (one.p50_ms, one.p95_ms)),
            *map(str, (one.insights, one.useful, one.used, one.confirmed, one.rejected)),
        )
    return table


def _milliseconds(given: float | None) -> str:
    return "-" if given is None else duration(given / 1000)
