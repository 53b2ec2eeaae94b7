"""The whole log in one file: taken off one server, restored on another."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  Typer reads the annotations when it runs.
from typing import Annotated, Final

import typer

from anabranch.cli.command import Call, ForceOption, command, refuse_existing
from anabranch.terminal.counting import counted

commands = typer.Typer(
    help="Take a snapshot of the whole log, and restore it elsewhere.", no_args_is_help=True
)
PANEL: Final = "Look and query"


@command(commands, "take", gives="version, records, first, last, digest, streams, deleted")
async def take(
    call: Call,
    target: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")],
    *,
    vectors: Annotated[
        bool,
        typer.Option(
            "--vectors/--no-vectors", help="With the cache of embeddings; else they are made anew."
        ),
    ] = True,
    force: ForceOption = False,
) -> None:
    """Write the whole log, of all namespaces, to a file, with positions, times and ids."""
    from rich.filesize import decimal

    refuse_existing(target, force=force)
    async with call.memory() as memory:
        with call.output.progress("reading", total=memory.position) as progress:
            found = await memory.transfer.snapshot(target, vectors=vectors, progress=progress)
    size = sum(stream.bytes for stream in found.streams)
    call.output.item(
        found,
        f"{counted(found.records, 'record')}, positions {found.first} to {found.last}, "
        f"{decimal(size)} in {target}",
    )


@command(commands, "restore", gives="records, first, last, digest, streams")
async def restore(
    call: Call,
    source: Annotated[
        Path, typer.Argument(metavar="FILE", help="What `anabranch snapshot take` wrote.")
    ],
    *,
    replicas: Annotated[
        int | None,
        typer.Option(
            "--replicas",
            min=1,
            max=5,
            help="How many servers keep it; as many as before without.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Make the log of a home, or of NATS_URL's server, from a snapshot; it must have none."""
    from anabranch.transfer.snapshot import read_snapshot, restore_snapshot

    with call.output.progress("restoring", total=read_snapshot(source).last) as progress:
        found = await restore_snapshot(call.settings, source, replicas=replicas, progress=progress)
    call.output.item(
        found,
        f"Restored {counted(found.records, 'record')}, positions {found.first} to {found.last}; "
        "they read as when they were taken",
    )
