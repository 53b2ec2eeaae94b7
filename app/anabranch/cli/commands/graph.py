"""The graph: Cypher, its digest, and building it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from anabranch.cli.command import AsOfOption, Call, command, standard_input
from anabranch.cli.completion import EMBEDDERS, one_of
from anabranch.terminal.counting import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from anabranch.settings import Settings
    from anabranch.views import GenerationView
    from anabranch_projections import RebuildResult, RepairResult
    from anabranch_store import GraphAddress

commands = typer.Typer()
graph_commands = typer.Typer(help="Look at the graph itself.", no_args_is_help=True)
PANEL: Final = "Look and query"


@command(commands, "cypher", gives="a line a row", panel=PANEL)
async def cypher(
    call: Call,
    query: Annotated[str, typer.Argument(help="A query that only reads; - reads stdin.")],
    *,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="NAME=VALUE", help="A parameter; JSON or text."),
    ] = None,
    as_of: AsOfOption = None,
) -> None:
    """Query the graph; it holds every namespace, so filter by `$namespace`.

    With --as-of the log is folded up to there for the answer, unless the query filters by `$as_of`.
    """
    from anabranch.cli.values import moment, parameters

    text, then = standard_input(query), moment(as_of)
    async with call.memory() as memory:
        given = parameters(param or ())
        if then is None:
            found = await memory.cypher(text, given)
        else:
            position = await memory.past.position_of(then)
            with call.output.progress("folding the past", total=position) as progress:
                found = await memory.cypher(text, given, as_of=position, progress=progress)
    if call.output.json:
        for row in found.rows:
            call.output.line(row)
    else:
        call.output.console.print(_table(found.columns, found.rows))
    if found.truncated:
        call.output.warn(
            f"only the first {counted(len(found.rows), 'row')}: add a LIMIT, or raise "
            "ANABRANCH_QUERY_ROWS_MAX"
        )


def _table(columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> Table:
    from rich.text import Text

    from anabranch.terminal.listing import listing

    table = listing()
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(row[column])) for column in columns))
    return table


def _cell(value: Any) -> str:
    import orjson

    if isinstance(value, str):
        return value
    return orjson.dumps(value, default=str).decode()


@command(graph_commands, "digest", gives="digest, position")
async def digest(call: Call, *, as_of: AsOfOption = None) -> None:
    """Hash the graph's content: the same events give the same digest, on any store.

    With --as-of the log is folded up to there, into a graph that is dropped again.
    """
    from anabranch.cli.values import moment

    then = moment(as_of)
    async with call.memory() as memory:
        if then is None:
            found = await memory.graph.digest()
        else:
            position = await memory.past.position_of(then)
            with call.output.progress("folding the past", total=position) as progress:
                found = await memory.graph.digest(as_of=position, progress=progress)
    call.output.item(
        {"digest": found.digest, "position": found.position},
        f"{found.digest}  at position {found.position}",
    )


@command(
    graph_commands,
    "generations",
    gives="a line a generation: name, state (live, filling, kept), position, projector_version, "
    "schema_version, created, bytes, rebuild_due",
)
async def generations(call: Call) -> None:
    """List the graph's generations: the live one, kept ones, one that is half filled."""
    async with call.memory() as memory:
        found = await memory.graph.generations()
    call.output.items(found, _generations)


@command(graph_commands, "use", gives="the generation that is live now")
async def use(
    call: Call,
    name: Annotated[str, typer.Argument(help="A generation that is kept.")],
    *,
    skip: Annotated[
        bool, typer.Option("--skip", help="Put aside what cannot be applied, and go on.")
    ] = False,
) -> None:
    """Go back to a kept generation, once it is at the log's end; the other is kept."""
    from anabranch.terminal.rebuild_progress import rebuild_progress

    async with call.memory() as memory:
        with rebuild_progress(call.output) as progress:
            found = await memory.graph.use(name, skip=skip, progress=progress)
    call.output.item(found, f"{found.name} is live, at position {found.position}")


@command(
    graph_commands,
    "repair",
    gives="position, nodes_added, nodes_changed, nodes_removed, relationships_added, "
    "relationships_removed, digest, mended",
)
async def repair(
    call: Call,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count the differences, and write nothing.")
    ] = False,
) -> None:
    """Make the live graph what the log says, in place; what others wrote to it stays.

    For a Neo4j that holds one graph and is shared; it brings an older version's graph up to date.
    """
    from anabranch.terminal.rebuild_progress import rebuild_progress

    async with call.memory() as memory:
        with rebuild_progress(call.output) as progress:
            found = await memory.graph.repair(dry_run=dry_run, progress=progress)
    count = found.nodes_added + found.nodes_changed + found.nodes_removed
    links = found.relationships_added + found.relationships_removed
    call.output.item(
        found._asdict(),
        f"{count} nodes and {links} relationships {'would be' if dry_run else 'were'} "
        f"mended by the log at position {found.position}",
        f"{found.digest}  {_after_repair(found, dry_run=dry_run)}",
    )


def _after_repair(found: RepairResult, *, dry_run: bool) -> str:
    if dry_run:
        return "nothing was written"
    return f"the graph is {'' if found.mended else 'not '}what the log says"


@command(graph_commands, "drop", gives="the generation that was dropped")
async def drop(
    call: Call, name: Annotated[str, typer.Argument(help="A generation that is not live.")]
) -> None:
    """Remove a generation that is not live, and free its disk; the log keeps every event."""
    async with call.memory() as memory:
        found = await memory.graph.drop(name)
    call.output.item(found, f"Dropped {found.name}")


def _generations(found: Sequence[GenerationView]) -> Table:
    from anabranch.terminal.listing import listing

    table = listing()
    table.add_column(
        "name", no_wrap=True, min_width=max((len(one.name) for one in found), default=0)
    )
    for column in ("state", "position", "versions", "created", "size"):
        table.add_column(column, overflow="fold")
    for one in found:
        table.add_row(
            one.name,
            one.state,
            f"{one.position:,}",
            f"projector {one.projector_version}, schema {one.schema_version}",
            f"{one.created:%Y-%m-%d %H:%M}" if one.created else "",
            f"{one.bytes / 1_048_576:,.1f} MiB" if one.bytes is not None else "",
        )
    return table


@command(graph_commands, "connect", gives="uri, database, username, password, read_only")
async def connect(call: Call) -> None:
    """Say how other tools reach the live graph; the embedded one names its read-only user.

    That user gets the live graph where a tool names no database, also after a rebuild. The password
    is shown: mind who sees the terminal. With NEO4J_URI it is not; that user is yours.
    """
    from anabranch.errors import NothingRunning
    from anabranch.home.folder import Home
    from anabranch.home.runtime_file import live_runtime, named_graph

    home = Home(call.settings.home)
    graph = named_graph(call.settings)
    if graph is None and (running := live_runtime(home)) is not None:
        graph = running.graph
    if graph is None:
        raise NothingRunning(home.folder)
    secret = graph.outside_password
    user, password = graph.outside_username or graph.username, secret and secret.get_secret_value()
    database = graph.database if secret is None else None
    call.output.item(
        {
            "uri": graph.uri,
            "database": database,
            "username": user,
            "password": password,
            "read_only": password is not None,
        },
        f"{graph.uri}  database {database or '(the default one)'}",
        f"user {user}" + (f", password {password}" if password else ": the one of your settings"),
    )


@command(
    commands,
    "rebuild",
    gives="position, events, seconds, digest, dead_letters, resumed_after",
    panel=PANEL,
)
async def rebuild(
    call: Call,
    *,
    into: Annotated[
        str | None,
        typer.Option(
            "--into",
            metavar="URI",
            help="Fill another, empty Neo4j; user and password as in the settings.",
            show_default=False,
        ),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            "--database",
            metavar="NAME",
            help="With --into: the database to fill, where the product has several.",
            show_default=False,
        ),
    ] = None,
    skip: Annotated[
        bool, typer.Option("--skip", help="Put aside what cannot be applied, and go on.")
    ] = False,
    accept_loss: Annotated[
        bool,
        typer.Option(
            "--accept-loss",
            help="Where the log is damaged, write down what is lost, and go on with what is left.",
        ),
    ] = False,
    embedder: Annotated[
        str | None,
        typer.Option(
            "--embedder",
            metavar="builtin|folder|endpoint|none",
            help="Make the vectors with another embedder; set ANABRANCH_EMBEDDER to it from then on.",
            show_default=False,
            autocompletion=one_of(EMBEDDERS),
        ),
    ] = None,
) -> None:
    """Fold the whole log into a fresh graph, and use that from then on; the old one is kept.

    Run it again after it was killed: it goes on where it was.
    """
    from anabranch.backend.gc_tuning import collect_seldom
    from anabranch.terminal.rebuild_progress import rebuild_progress

    collect_seldom()
    settings = call.settings.changed(embedder=embedder)
    target = _target(settings, into, database)
    async with call.memory(settings) as memory:
        with rebuild_progress(call.output) as progress:
            found = await memory.graph.rebuild(
                into=target, skip=skip, accept_loss=accept_loss, progress=progress
            )
    _say_rebuilt(call, found)
    _say_how_to_use(call, into, database)
    if embedder is not None and embedder != call.settings.embedder:
        call.output.warn(
            f"set ANABRANCH_EMBEDDER={embedder} from now on, for `anabranch up` too: with another "
            "embedder no vectors are made"
        )


def _target(settings: Settings, into: str | None, database: str | None) -> GraphAddress | None:
    """Return the other graph that is to be filled, if one is named. Raises UsageInvalid."""
    from anabranch.errors import UsageInvalid
    from anabranch_store import GraphAddress

    if into is not None:
        return GraphAddress(
            uri=into,
            username=settings.neo4j_username,
            password=settings.neo4j_password,
            database=database or settings.neo4j_database,
        )
    if database is not None:
        raise UsageInvalid(
            "--database says which database of --into URI, which is missing",
            field="database",
            fix="name the server, too: --into URI",
        )
    return None


def _say_rebuilt(call: Call, found: RebuildResult) -> None:
    speed = found.events / found.seconds if found.seconds else 0
    call.output.item(
        {
            "position": found.position,
            "events": found.events,
            "seconds": round(found.seconds, 3),
            "digest": found.digest,
            "dead_letters": found.dead_letters,
            "resumed_after": found.resumed_after,
        },
        f"Rebuilt from {counted(found.events, 'event')} in {found.seconds:.1f} s "
        f"({speed:,.0f} a second)",
        f"{found.digest}  at position {found.position}",
    )


def _say_how_to_use(call: Call, into: str | None, database: str | None) -> None:
    if into is None:
        call.output.message(
            "The graph before is kept: `anabranch graph generations` lists it, `graph use` goes "
            "back to it, `graph drop` frees its disk"
        )
        return
    named = f" and NEO4J_DATABASE={database}" if database else ""
    call.output.message(
        f"To use it set NEO4J_URI={into}{named}, for `anabranch up` too, and start again: it "
        "goes on from there by itself"
    )
