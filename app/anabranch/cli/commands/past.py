"""Looking at the past: the life of one thing, and what was learned between two moments."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from anabranch.cli.command import AsOfOption, Call, command
from anabranch.cli.completion import ids_of
from anabranch.cli.ids import thing_id_in

commands = typer.Typer()
PANEL: Final = "Look and query"
SHOWN: Final = 10


@command(
    commands,
    "history",
    gives="an event a line: position, stored_at, type, session_id, agent, event_id, happened",
    panel=PANEL,
)
async def history(
    call: Call,
    thing: Annotated[
        str,
        typer.Argument(
            help="The id of a session, an insight or a consolidation, or its end or start.",
            metavar="ID",
            autocompletion=ids_of("things"),
        ),
    ],
    *,
    as_of: AsOfOption = None,
) -> None:
    """Tell the life of one thing as the events that name it; the whole log is read for it."""
    from anabranch.cli.values import moment
    from anabranch.terminal.past import life_lines

    then = moment(as_of)
    async with call.memory() as memory:
        to = memory.position if then is None else await memory.past.position_of(then)
        found = await thing_id_in(memory, thing)
        with call.output.progress("reading the log", total=to) as progress:
            life = await memory.past.history(found, as_of=to, progress=progress)
    call.output.items(life, life_lines)


MomentArgument = Annotated[
    str,
    typer.Argument(
        metavar="AFTER",
        help="The earlier moment: a position, or a time in ISO 8601; 0 is before everything.",
        show_default=False,
    ),
]


@command(
    commands,
    "diff",
    gives="namespace, after, to, events, sums, and a list of each: insights_recorded, "
    "insights_retired, insights_forgotten, associations_formed, associations_ended, "
    "associations_strengthened, associations_weakened, sessions_opened, sessions_ended, "
    "consolidations_recorded, conflicts_opened, conflicts_resolved",
    panel=PANEL,
)
async def diff(
    call: Call,
    after: MomentArgument,
    to: Annotated[
        str | None,
        typer.Argument(
            metavar="[TO]", help="The later moment; now without it.", show_default=False
        ),
    ] = None,
    *,
    limit: Annotated[
        int, typer.Option("--limit", "-l", min=0, help="List so many of each kind at most.")
    ] = 1000,
) -> None:
    """Say what the namespace learned between two moments; the first is not included."""
    from anabranch.cli.values import moment
    from anabranch.memory.memory import namespace_of
    from anabranch.past.as_of import positions_of
    from anabranch.terminal.past import diff_picture

    begin, end = moment(after, field="after") or 0, moment(to, field="to")
    shown = limit if call.output.json else min(limit, SHOWN)
    async with call.memory() as memory:
        backend, fields = namespace_of(memory).backend, ("after", "to")
        last = memory.position if end is None else end
        one, other = await positions_of(backend, begin, last, fields=fields)
        with call.output.progress("reading the log", total=max(other - one, 0)) as progress:
            found = await memory.past.diff(one, other, items_max=shown, progress=progress)
    call.output.item(found, diff_picture(found))
