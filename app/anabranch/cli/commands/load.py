"""The load as it is now, and the record of branches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, cast

import typer

from anabranch.cli.command import Call, command
from anabranch.cli.interrupt import on_signals
from anabranch.cli.lists import listed

if TYPE_CHECKING:
    from anabranch.memory.thinking.stats import By

commands = typer.Typer()
PANEL: Final = "Think"


@command(
    commands,
    "stats",
    gives="role, executor, worker, branches, completed, failed, cancelled, attempts, p50_ms, "
    "p95_ms, insights, useful, citations, used, confirmed, rejected; one line a group",
    panel=PANEL,
)
async def stats(
    call: Call,
    *,
    by: Annotated[
        str,
        typer.Option(
            "--by", metavar="LIST", help="Tell branches apart by these: role, executor, worker."
        ),
    ] = "role,executor,worker",
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="POSITION|TIME",
            help="Only branches that were forked after it; a time is ISO 8601.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=1_000, help="At most so many groups.")
    ] = 100,
) -> None:
    """Show what branches did: ends, attempts, durations, and what their insights were good for."""
    from anabranch.terminal.work_tables import stats_table

    named = cast("list[By]", listed(by, field="by"))
    async with call.memory() as memory:
        found = await memory.work.stats(by=named, since=since, limit=limit)
    call.output.items(found, stats_table, nothing="No branch was forked here.")


@command(
    commands,
    "top",
    gives="time, priorities [{priority, waiting, in_flight, oldest_waiting_s}], more, workers "
    "[{worker, slots, busy, running, draining, silent_s}], ended_per_s; one line a look",
    panel=PANEL,
)
async def top(
    call: Call,
    *,
    once: Annotated[bool, typer.Option("--once", help="Look once, and end.")] = False,
    interval_s: Annotated[
        float,
        typer.Option(
            "--interval", metavar="SECONDS", min=0.1, max=3600, help="Look again after so long."
        ),
    ] = 1.0,
) -> None:
    """Watch the load: tasks by priority, workers, rates; q or Ctrl-C ends it.

    Where the output is no terminal it looks once; with --json it goes on, a line a look.
    """
    import asyncio
    from contextlib import suppress

    from anabranch.memory.thinking.load import LoadWatch
    from anabranch.terminal.load_picture import keys_that_end, live_picture, load_picture

    json, console = call.output.json, call.output.console
    watch, ended = LoadWatch(), asyncio.Event()
    async with call.memory() as memory:
        load = await memory.work.load(watch)
        if once or not (json or console.is_terminal):
            call.output.item(load, load_picture(load))
            return
        on_signals(ended.set)
        with keys_that_end(ended.set), live_picture(None if json else console) as show:
            while not ended.is_set():
                if json:
                    call.output.item(load)
                else:
                    show(load)
                with suppress(TimeoutError):
                    async with asyncio.timeout(interval_s):
                        await ended.wait()
                    return
                load = await memory.work.load(watch)
