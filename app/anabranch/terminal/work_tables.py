"""Tables of work over workers: tasks, workers, and the record of branches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from anabranch.terminal.listing import listing
from anabranch.terminal.short_id import short_id
from anabranch.terminal.thought_tree import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from anabranch.memory.thinking.stats import WorkStats
    from anabranch.memory.thinking.views import TaskView, WorkerView


_COUNTS: Final = (
    *("failed", "cancelled", "attempts", "p50_ms", "p95_ms"),
    *("insights", "useful", "used", "confirmed", "rejected"),
)


def task_table(found: Sequence[TaskView]) -> Table:
    """Return the tasks as a table."""
    labelled = ("labels",) if any(one.labels for one in found) else ()
    table = listing(
        *("session", "priority", "status", "attempts", "executor", *labelled, "worker"),
        no_wrap=True,
    )
    table.add_column("task", overflow="fold")
    for one in found:
        table.add_row(
            short_id(one.session_id),
            one.priority,
            one.status,
            str(one.attempts),
            Text(one.executor or "-"),
            *(Text(", ".join(one.labels) or "-") for _ in labelled),
            Text(one.worker or "-"),
            Text(one.task),
        )
    return table


def worker_table(found: Sequence[WorkerView]) -> Table:
    """Return the workers as a table."""
    labelled = ("labels",) if any(one.labels for one in found) else ()
    table = listing("worker", "busy", "priorities", "executors", *labelled)
    for one in found:
        busy = f"{one.busy}/{one.slots}" + (" draining" if one.draining else "")
        table.add_row(
            Text(one.worker),
            busy,
            ", ".join(one.priorities),
            Text(", ".join(one.executors)),
            *(Text(", ".join(one.labels) or "-") for _ in labelled),
        )
    return table


def stats_table(found: Sequence[WorkStats]) -> Table:
    """Return the groups as a table; a column that tells nothing apart, or of nothing, is left out.

    So it fits a narrow terminal where little failed and little was cited.
    """
    names = [
        name
        for name in ("role", "executor", "worker")
        if any(getattr(one, name) is not None for one in found)
    ]
    table = listing(*names)
    table.padding = (0, 1, 0, 0)
    for column in table.columns:
        column.min_width = 6
    counts = [
        name
        for name in ("branches", *_COUNTS)
        if name == "branches" or any(getattr(one, name) for one in found)
    ]
    for name in counts:
        table.add_column(name.removesuffix("_ms"), justify="right", no_wrap=True)
    for one in found:
        table.add_row(
            *(Text(getattr(one, name) or "-") for name in names),
            *(_counted(name, getattr(one, name)) for name in counts),
        )
    return table


def _counted(name: str, given: float | None) -> str:
    return _milliseconds(given) if name.endswith("_ms") else f"{given or 0:,}"


def _milliseconds(given: float | None) -> str:
    return "-" if given is None else duration(given / 1000)
