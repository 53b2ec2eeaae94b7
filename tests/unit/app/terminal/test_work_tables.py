"""The tables of work show what is told apart, and text from the log as it stands."""

from __future__ import annotations

import io

from rich.console import Console

from anabranch.memory.thinking.stats import WorkStats
from anabranch.terminal.work_tables import stats_table

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


def test_a_column_that_tells_nothing_apart_is_left_out() -> None:
    """By role there is neither an executor nor a worker; a group without durations says so."""
    none = GROUP.model_copy(update={"role": None, "p50_ms": None, "p95_ms": None})
    written = io.StringIO()
    console = Console(file=written, width=200)

    console.print(stats_table([GROUP, none]))

    head, first, second = written.getvalue().splitlines()
    assert head.split()[:2] == ["role", "branches"]
    assert " ".join(first.split()) == "[red]focus 4 1 0 5 20 ms 1.5 s 3 2 5 2 1"
    assert second.split()[:6] == ["-", "4", "1", "0", "5", "-"]
