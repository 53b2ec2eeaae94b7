"""Sessions that agent tools wrote: finding, importing and following them; and out again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from anabranch.cli.command import Call, ForceOption, SessionArgument, command, refuse_existing
from anabranch.cli.completion import one_of
from anabranch.cli.ids import session_id_in
from anabranch.terminal.counting import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch.importers.choice import Choice
    from anabranch.importers.importer import Importer
    from anabranch.importers.outcome import ImportedSession
    from anabranch.importers.reader import Source

commands = typer.Typer(
    help="Find, import and follow the sessions that agent tools wrote; export them.",
    no_args_is_help=True,
)
PANEL: Final = "Think"
_GIVES: Final = (
    "a line a session: source_id, session_id, parent_source_id, kind, task, result, insights, "
    "skipped"
)
_NONE_FOUND: Final = (
    "No agent tool has sessions here. Other folders and files are named: "
    "`anabranch sessions found ~/backup/.codex`."
)

WhereArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TOOL|PATH|ADDRESS]...",
        help="Tools by name, files, folders, or addresses of PostgreSQL; every tool's own places "
        "without.",
        show_default=False,
    ),
]
ProjectOption = Annotated[
    list[str] | None,
    typer.Option(
        "--project",
        help="Only of this project: its folder, that folder's name, or a pattern.",
        show_default=False,
    ),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        help="Not of this tool or project; may be given again.",
        show_default=False,
    ),
]
ToolsOption = Annotated[
    bool, typer.Option("--tools", help="The text of tool calls and their results too.")
]
NoRedactOption = Annotated[
    bool,
    typer.Option(
        "--no-redact",
        help="Keep keys, tokens and passwords: whoever reads the memory reads them.",
    ),
]


@command(
    commands, "found", gives="a line a tool and project: tool, project, sources, bytes, newest, new"
)
async def found(call: Call, where: WhereArgument = None) -> None:
    """List the sessions that lie on this machine; none is imported."""
    from anabranch.home.folder import Home
    from anabranch.importers.files.databases import copy_below
    from anabranch.importers.inventory import inventory
    from anabranch.memory.memory import namespace_of
    from anabranch.terminal.transcripts import found_table

    copy_below(Home(call.settings.home))
    sources = _sources(call, where or ())
    async with call.memory() as memory:
        log = namespace_of(memory).backend.log
        rows = await inventory(sources, log=log, namespace=memory.namespace)
    call.output.items(rows, found_table, nothing=_NONE_FOUND)


@command(commands, "import", gives=_GIVES)
async def import_(
    call: Call,
    where: WhereArgument = None,
    *,
    project: ProjectOption = None,
    exclude: ExcludeOption = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="TIME",
            help="Only sessions in which something happened since; ISO 8601.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be imported; store nothing.")
    ] = False,
    tools: ToolsOption = False,
    no_redact: NoRedactOption = False,
) -> None:
    """Bring sessions of agent tools into the memory; what it has already is left out."""
    from anabranch.backend.gc_tuning import collect_seldom
    from anabranch.errors import SessionsUnread
    from anabranch.home.folder import Home
    from anabranch.importers.drift import note_unknown_records
    from anabranch.importers.files.databases import copy_below
    from anabranch.importers.importer import Importer, ImportOptions
    from anabranch.memory.memory import namespace_of
    from anabranch.terminal.transcripts import import_summary

    collect_seldom()
    home = Home(call.settings.home)
    copy_below(home)
    choice = _choice(project or (), exclude or (), since)
    found = _sources(call, where or ())
    sources = [source for source in found if choice.wants(source)]
    options = ImportOptions(
        call.settings.namespace,
        choice=choice,
        redacts=not no_redact,
        tools=tools,
        tells_insights=call.output.json,
    )
    if dry_run:
        importer = Importer(None, options)
        await _imported(call, importer, sources)
    else:
        async with call.memory() as memory:
            backend = namespace_of(memory).backend
            importer = Importer(backend.log, options, saw=backend.saw)
            await _imported(call, importer, sources)
        note_unknown_records(home, importer.tally.unknown)
    if not call.output.json:
        call.output.console.print(import_summary(importer.tally, dry_run=dry_run))
    for line in importer.tally.broken:
        call.output.warn(line)
    broken = bool(importer.tally.broken) if found else _names_file(where or ())
    if broken and not importer.tally.sessions:
        raise SessionsUnread


async def _imported(call: Call, importer: Importer, sources: Sequence[Source]) -> None:
    """Import sources; with JSON each session is written as soon as it is in the log."""
    sizes = [source.bytes for source in sources]
    left = iter(sizes)  # They are stored in their order; a file may have grown or gone since.
    done = 0
    with call.output.progress("importing", total=sum(sizes)) as tell:

        def stored(_: Source, sessions: list[ImportedSession]) -> None:
            nonlocal done
            _tell(call, sessions)
            done += next(left)
            tell(done)

        await importer.sources(sources, stored=stored)


def _tell(call: Call, sessions: Sequence[ImportedSession]) -> None:
    if call.output.json:
        for session in sessions:
            call.output.line(session.model_dump(mode="json"))


@command(commands, "watch", gives=_GIVES, long_running=True)
async def watch(
    call: Call,
    where: WhereArgument = None,
    *,
    project: ProjectOption = None,
    exclude: ExcludeOption = None,
    tools: ToolsOption = False,
    no_redact: NoRedactOption = False,
) -> None:
    """Import sessions as they are written, until Ctrl-C; `up --watch-sessions` does so too."""
    from anabranch.errors import InputInvalid
    from anabranch.home.folder import Home
    from anabranch.importers.drift import note_unknown_records
    from anabranch.importers.files.databases import copy_below
    from anabranch.importers.following import Following
    from anabranch.importers.importer import ImportOptions
    from anabranch.importers.inventory import located_here
    from anabranch.importers.readers.catalogue import is_address
    from anabranch.memory.memory import namespace_of

    if any(map(is_address, where or ())):
        raise InputInvalid(
            "where: a database on a server cannot be followed",
            field="where",
            fix="run `anabranch sessions import` with its address, as often as you like",
        )
    home = Home(call.settings.home)
    copy_below(home)
    choice = _choice(project or (), exclude or (), None)
    options = ImportOptions(
        call.settings.namespace,
        choice=choice,
        redacts=not no_redact,
        tools=tools,
        tells_insights=call.output.json,
    )

    def find() -> list[Source]:
        return [one for one in located_here(where or ()) if choice.wants(one)]

    async with call.memory() as memory:
        backend = namespace_of(memory).backend
        following = Following(backend.log, options, find, saw=backend.saw)
        call.output.message("[dim]following; Ctrl-C ends[/]")
        async for one in following.imported():
            if one.error is not None:
                call.output.warn(f"{one.source.path}: {one.error.message}; it is tried again")
                continue
            _tell(call, one.sessions)
            call.output.message(f"{one.source.path}: {counted(one.tally.appended, 'event')}")
            note_unknown_records(home, one.tally.unknown)


@command(commands, "export", gives="the text itself (as without), or with -o: session_id, to, file")
async def export(
    call: Call,
    session: SessionArgument,
    *,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            help="markdown (a hand-off note), otel (spans), langgraph (checkpoints) or mcp-memory.",
            autocompletion=one_of(("langgraph", "markdown", "mcp-memory", "otel")),
        ),
    ] = "markdown",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write to this file.", show_default=False),
    ] = None,
    force: ForceOption = False,
) -> None:
    """Write a session and its branches in a form that another tool reads."""
    from anabranch.exporters.targets import export_session

    if output is not None:
        refuse_existing(output, force=force)
    async with call.memory() as memory:
        session_id = await session_id_in(memory, session)
        text = await export_session(memory, session_id, to=to, path=output)
    if text is not None:
        sys.stdout.buffer.write(text)
    elif call.output.json:
        call.output.item({"session_id": session_id, "to": to, "file": str(output)})
    else:
        call.output.message(f"exported session {session_id} to {output}")


def _sources(call: Call, where: Sequence[str]) -> list[Source]:
    from anabranch.importers.inventory import located_here

    def unread(path: Path, why: str) -> None:
        call.output.warn(f"{path}: {why}; it was not read")

    found = located_here(where, unread=unread)
    if where and not found:
        call.output.warn(f"no sessions of a known form in {', '.join(where)}")
    return found


def _names_file(where: Sequence[str]) -> bool:
    """Tell whether a path that was named is a file; a folder may have no sessions yet."""
    from anabranch.importers.readers.catalogue import READERS, is_address

    named = [name for name in where if name not in READERS and not is_address(name)]
    return any(Path(name).expanduser().is_file() for name in named)


def _choice(projects: Sequence[str], excluded: Sequence[str], since: str | None) -> Choice:
    from datetime import datetime

    from anabranch.cli.values import moment
    from anabranch.errors import InputInvalid
    from anabranch.importers.choice import Choice

    time = moment(since, field="since")
    if time is not None and not isinstance(time, datetime):
        raise InputInvalid(
            f"since: {since!r} is no time", field="since", fix="give one such as 2026-01-31"
        )
    return Choice(projects=tuple(projects), excluded=tuple(excluded), since=time)
