"""Whole namespaces: listed, sealed before the first event, deleted for ever."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from anabranch.cli.command import Call, command
from anabranch.terminal.counting import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from anabranch.views import NamespaceDeletion, NamespaceView

commands = typer.Typer(help="List, seal or delete whole namespaces.", no_args_is_help=True)
PANEL: Final = "Look and query"


@command(
    commands,
    "list",
    gives="a line a namespace: namespace, sessions, events, last, last_at, sealed, deleted",
)
async def list_namespaces(call: Call) -> None:
    """List the namespaces of the log: their sessions, events, and when the last one was stored."""
    async with call.memory() as memory:
        found = await memory.transfer.namespaces()
    call.output.items(found, _table, nothing="Nothing is in the log yet.")


@command(commands, "create", gives="namespace, position")
async def create(
    call: Call,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The namespace to make.")],
    *,
    sealed: Annotated[
        bool, typer.Option("--sealed", help="Encrypt what its events say, for ever.")
    ] = False,
    accept_loss: Annotated[
        bool,
        typer.Option(
            "--accept-loss",
            help="Make its stream of keys anew where it was lost: all that was sealed is forgotten.",
        ),
    ] = False,
) -> None:
    """Make a sealed namespace: what its events say can be erased from the log.

    It is sealed before its first event or never, and for ever. An open one needs no making.
    """
    settings = call.settings.changed(namespace=name)
    if not sealed:
        from anabranch.errors import InputInvalid

        raise InputInvalid(
            "sealed: is not given, and an open namespace needs no making",
            field="sealed",
            fix=f"write to it: `anabranch remember TEXT --namespace {name}`; or give --sealed",
        )
    async with call.memory(settings) as memory:
        found = await memory.transfer.seal_namespace(accept_loss=accept_loss)
    call.output.item(
        found,
        f"{found.namespace} is sealed since position {found.position}",
        "[dim]Its keys stand in a stream of their own: keep that out of long-lived backups[/]",
    )


@command(
    commands,
    "delete",
    gives="namespace, dry_run, position, events, sessions, size, objects, graphs",
)
async def delete(
    call: Call,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The namespace to delete.")],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go, and delete nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for the name again.")] = False,
) -> None:
    """Delete a namespace for ever: its events, insights and vectors, in the log and every graph.

    Nobody can write to it again. One that was killed goes on when it is run again. Copies elsewhere
    (exports, snapshots) stay.
    """
    async with call.memory(call.settings.changed(namespace=name)) as memory:
        if dry_run or not yes:
            found = await memory.transfer.delete_namespace(dry_run=True)
            if dry_run:
                call.output.item(found, _told(found, "Would delete"))
                return
            call.output.message(_told(found, "This deletes"))
            _ask_for(name)

        def told(step: str) -> None:
            call.output.message(f"  done: {step}")

        found = await memory.transfer.delete_namespace(name, progress=told)
    call.output.item(found, _told(found, "Deleted"))


def _table(found: Sequence[NamespaceView]) -> Table:
    from rich.text import Text

    from anabranch.terminal.listing import listing

    table = listing("namespace", "sessions", "events", "last event", "")
    for one in found:
        last = "" if one.last_at is None else f"{one.last_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(
            Text(one.namespace), f"{one.sessions:,}", f"{one.events:,}", last, _state(one)
        )
    return table


def _state(one: NamespaceView) -> str:
    if one.deleted is not None:
        return f"deleted at position {one.deleted}"
    return "" if one.sealed is None else "sealed"


def _ask_for(name: str) -> None:
    """Let the caller write the name once more. Raises InputInvalid for another one."""
    from anabranch.errors import InputInvalid

    if not sys.stdin.isatty():
        raise InputInvalid(
            "yes: nobody is there to be asked, stdin is no terminal",
            field="yes",
            fix=f"look with `--dry-run` first, then run `anabranch namespace delete {name} --yes`",
        )
    written = typer.prompt(f"Write {name} to delete it for ever", err=True)
    if written != name:
        raise InputInvalid(
            f"name: {written!r} is not {name!r}; nothing was deleted",
            field="name",
            fix="write the name of the namespace",
        )


def _told(found: NamespaceDeletion, what: str) -> str:
    ended = "" if found.position is None else f"; it ended at position {found.position}"
    return (
        f"{what} {found.namespace}: {counted(found.events, 'event')} of "
        f"{counted(found.sessions, 'session')}, {counted(found.objects, 'large value')}, in the "
        f"log and {counted(found.graphs, 'graph')}{ended}"
    )
