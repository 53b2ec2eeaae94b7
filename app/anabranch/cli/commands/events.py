"""The events themselves: following, showing, moving them elsewhere, replaying."""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003  Typer reads the annotations when it runs.
from typing import TYPE_CHECKING, Annotated, Final

import typer

from anabranch.cli.command import Call, ForceOption, command, refuse_existing
from anabranch.cli.ids import session_id_in
from anabranch.terminal.counting import counted

if TYPE_CHECKING:
    from anabranch_events import Recorded

commands = typer.Typer()
event_commands = typer.Typer(help="Follow, show, export and import events.", no_args_is_help=True)
PANEL: Final = "Look and query"

AfterOption = Annotated[int, typer.Option("--after", help="Only events after this position.")]
SessionOption = Annotated[
    str | None, typer.Option("--session", "-s", help="Only this session's.", show_default=False)
]
ToOption = Annotated[
    int | None,
    typer.Option("--to", help="Only events up to this position.", show_default=False),
]


@command(event_commands, "tail", gives="a CloudEvent a line, each with its position")
async def tail(
    call: Call,
    *,
    after: Annotated[
        int | None,
        typer.Option("--after", help="Begin after this position.", show_default=False),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option("--count", "-n", help="End after so many events.", show_default=False),
    ] = None,
) -> None:
    """Tell events as they happen, until Ctrl-C."""
    told = 0
    async with call.memory() as memory:
        call.output.message("[dim]following; Ctrl-C ends[/]")
        async for recorded in memory.follow(after=after):
            _tell(call, recorded)
            told += 1
            if told == count:
                return


@command(event_commands, "show", gives="the CloudEvent, with its position")
async def show(
    call: Call, position: Annotated[int, typer.Argument(help="The event's position.")]
) -> None:
    """Show the event at a position."""
    import orjson
    from rich.syntax import Syntax

    from anabranch.terminal.event_lines import opaque_note
    from anabranch.transfer.exported_line import line_of

    async with call.memory() as memory:
        recorded = await memory.past.event(position)
    line = line_of(recorded)
    note = opaque_note(recorded)
    if note:
        call.output.message(note)
    text = orjson.dumps(line, option=orjson.OPT_INDENT_2).decode()
    call.output.item(line, Syntax(text, "json", background_color="default", word_wrap=True))


@command(
    event_commands,
    "export",
    gives="a CloudEvent a line, each with its position (as without), or with -o: exported, file",
)
async def export(
    call: Call,
    *,
    after: AfterOption = 0,
    to: ToOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Write to this file, with a manifest; .gz and .zst are compressed.",
            show_default=False,
        ),
    ] = None,
    force: ForceOption = False,
) -> None:
    """Write the namespace's events as JSON Lines: a CloudEvent a line, with its position."""
    from anabranch.transfer.files import writing

    if output is not None:
        refuse_existing(output, force=force)
    async with call.memory() as memory:
        if output is None:
            count = await memory.transfer.export(
                sys.stdout.buffer, after=after, to=to, chained=False
            )
        else:
            end = memory.position if to is None else to
            with (
                writing(output) as target,
                call.output.progress("exporting", total=max(0, end - after)) as tell,
            ):
                count = await memory.transfer.export(
                    target, after=after, to=to, progress=lambda at: tell(at - after)
                )
    shown = f"exported {counted(count, 'event')}"
    if output is not None and call.output.json:
        call.output.item({"exported": count, "file": str(output)})
    else:
        call.output.message(shown)


@command(event_commands, "import", gives="imported, skipped, unreadable, complete, position")
async def import_(
    call: Call,
    source: Annotated[
        Path, typer.Argument(help="A file of JSON Lines, .gz and .zst too; - reads stdin.")
    ],
    *,
    unverified: Annotated[
        bool,
        typer.Option(
            "--unverified",
            help="Take the lines though the chain of hashes is broken, or the part before them is "
            "not in the log.",
        ),
    ] = False,
) -> None:
    """Append exported events to the log; those that it has already are left out.

    A file with its chain of hashes is verified first: one that is damaged is not imported.
    """
    from anabranch.transfer.files import reading
    from anabranch.transfer.manifest import verified_lines

    if not unverified and source.is_file():
        with reading(source) as lines:
            for _ in verified_lines(lines):
                pass
    async with call.memory() as memory:
        with (
            reading(source) as lines,
            call.output.progress("importing", total=lines.total) as tell,
        ):
            found = await memory.transfer.import_lines(
                lines, verified=not unverified, progress=lambda: tell(lines.done)
            )
    left_out = f", {found.unreadable} are no events" if found.unreadable else ""
    call.output.item(
        found,
        f"Imported {counted(found.imported, 'event')}, {found.skipped} were there{left_out}; "
        f"now at {found.position}",
    )
    if not found.complete:
        call.output.warn("the export ends before its manifest: it was cut off")


@command(event_commands, "append", gives="appended, skipped, position")
async def append(
    call: Call,
    source: Annotated[
        Path, typer.Argument(help="A file of CloudEvents as JSON Lines; - reads stdin.")
    ],
) -> None:
    """Append a producer's own events, of any namespace: whatever `check` takes.

    A file is checked first: nothing of one with an invalid line is stored. Events that the log has
    already are left out.
    """
    from anabranch.errors import EventInvalid
    from anabranch.transfer.check import checked_lines
    from anabranch.transfer.files import reading

    if source.is_file():
        with reading(source) as lines:
            for one in checked_lines(lines):
                if not one.valid:
                    raise EventInvalid(
                        f"line {one.line}: {one.reason}",
                        field=one.field or "message",
                        fix="correct it; `anabranch events check` names every such line",
                    )
    async with call.memory() as memory:
        with reading(source) as lines, call.output.progress("appending", total=lines.total) as tell:
            found = await memory.transfer.append_lines(lines, progress=lambda: tell(lines.done))
    call.output.item(
        found,
        f"Appended {counted(found.appended, 'event')}, {found.skipped} were there; "
        f"now at {found.position}",
    )


@command(event_commands, "schema", gives="the JSON Schema, in a line")
async def schema(
    call: Call,
    event_type: Annotated[
        str | None,
        typer.Argument(metavar="[TYPE]", help="The type, with its version; all without."),
    ] = None,
) -> None:
    """Print the JSON Schema of an event: of one type, or of any."""
    import orjson
    from rich.syntax import Syntax

    from anabranch_events import event_schema

    found = event_schema(event_type)
    text = orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()
    call.output.item(found, Syntax(text, "json", background_color="default"))


@command(event_commands, "check", gives="a line an event: line, valid, type, field, reason")
async def check(
    call: Call,
    source: Annotated[Path, typer.Argument(help="A file of JSON Lines; - reads stdin.")],
) -> None:
    """Tell line by line whether it is an event that will be applied; nothing is stored."""
    from anabranch.errors import EventInvalid
    from anabranch.terminal.event_lines import checked_line
    from anabranch.transfer.check import checked_lines
    from anabranch.transfer.files import reading

    invalid = total = 0
    with reading(source) as lines:
        for found in checked_lines(lines):
            total += 1
            invalid += not found.valid
            if call.output.json:
                call.output.line(found.model_dump(mode="json"))
            else:
                call.output.console.print(checked_line(found), soft_wrap=True)
    if invalid:
        raise EventInvalid(
            f"{invalid} of {counted(total, 'line')} hold no event that would be applied",
            field="file",
            fix="correct them; `anabranch events schema TYPE` says what a type holds",
        )
    call.output.message(f"{counted(total, 'event is', 'events are')} valid")


@command(event_commands, "verify", gives="namespace, events, unreadable, types, first, last, chain")
async def verify(
    call: Call,
    source: Annotated[Path, typer.Argument(help="An export with its manifest; - reads stdin.")],
) -> None:
    """Check an export's chain of hashes and its counts; say the first line that is damaged."""
    from anabranch.transfer.files import reading
    from anabranch.transfer.manifest import verify_lines

    with reading(source) as lines:
        found = verify_lines(lines)
    unreadable = counted(found.unreadable, "message is no event", "messages are no events")
    call.output.item(
        found,
        f"{counted(found.events, 'event')} of namespace {found.namespace}, positions {found.first} to "
        f"{found.last}, as they were exported; {unreadable}",
    )


@command(commands, "replay", gives="a CloudEvent a line, each with its position", panel=PANEL)
async def replay(
    call: Call,
    *,
    after: AfterOption = 0,
    to: ToOption = None,
    session: SessionOption = None,
    speed: Annotated[
        float | None,
        typer.Option(
            "--speed",
            help="With the pauses they happened with, so many times faster; at once without.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Tell again what happened; nothing is run again."""
    async with call.memory() as memory:
        found = await session_id_in(memory, session)
        async for recorded in memory.replay(after=after, to=to, session_id=found, speed=speed):
            _tell(call, recorded)


def _tell(call: Call, recorded: Recorded) -> None:
    from anabranch.terminal.event_lines import event_line
    from anabranch.transfer.exported_line import line_of

    if call.output.json:
        call.output.line(line_of(recorded))
    else:
        call.output.console.print(event_line(recorded), soft_wrap=True)
