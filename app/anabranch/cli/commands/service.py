"""Running the servers: up, down, and how they are."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path  # noqa: TC003  Typer reads the annotations.
from typing import TYPE_CHECKING, Annotated, Final

import typer

from anabranch.cli.command import Call, command
from anabranch.terminal.counting import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anabranch.api.client import Answer
    from anabranch.home.runtime_file import Runtime
    from anabranch.views import ProjectionStatus, Status

commands = typer.Typer()
PANEL: Final = "Servers"


@command(
    commands,
    "up",
    gives="pid, log, graph, http, otlp, already; once they are ready",
    panel=PANEL,
    long_running=True,
)
async def up(
    call: Call,
    *,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Run in the background; return when ready.")
    ] = False,
    http: Annotated[
        int | None,
        typer.Option(
            "--http",
            metavar="PORT",
            min=0,
            max=65_535,
            help="Serve HTTP on 127.0.0.1, as `anabranch serve` does; 0 takes a free port.",
            show_default=False,
        ),
    ] = None,
    tenants: Annotated[
        Path | None,
        typer.Option(
            "--tenants",
            metavar="FILE",
            help="Let the users of this TOML file use the NATS server, each for its namespaces; "
            "their passwords are in tenants.json in the home.",
            show_default=False,
        ),
    ] = None,
    otlp: Annotated[
        bool,
        typer.Option(
            "--otlp",
            help="Take spans of instrumented agents on 127.0.0.1, port 4318 or "
            "ANABRANCH_OTLP_PORT; they become sessions.",
        ),
    ] = False,
    watch_sessions: Annotated[
        bool,
        typer.Option(
            "--watch-sessions",
            help="Import what agent tools write on this machine, as `sessions watch` does.",
        ),
    ] = False,
) -> None:
    """Keep the servers, the projections and the commands running, until Ctrl-C or `down`.

    With --detach it is a success where they run already.
    """
    from anabranch.backend.gc_tuning import collect_seldom
    from anabranch.home.tenants_file import read_tenants
    from anabranch.service.up import run_service, start_detached, up_already

    home = call.settings.home
    starting = f"Starting the servers of {home}"
    users = None if tenants is None else read_tenants(tenants)
    if detach:
        options = [] if http is None else ["--http", str(http)]
        options += [] if tenants is None else ["--tenants", str(tenants.absolute())]
        options += ["--otlp"] if otlp else []
        options += ["--watch-sessions"] if watch_sessions else []
        running = up_already(call.settings, options=options)
        if running is not None:
            _announce(call, running, already=True)
            return
        with call.output.after_a_moment(starting):
            started = await start_detached(call.settings, options=options)
        _announce(call, started)
        return
    collect_seldom()
    with ExitStack() as waiting:
        waiting.enter_context(call.output.after_a_moment(starting))

        def ready(runtime: Runtime) -> None:
            waiting.close()
            _announce(call, runtime)

        def ending() -> None:
            waiting.enter_context(call.output.after_a_moment(f"Ending those of {home}"))

        await run_service(
            call.settings,
            ready=ready,
            ending=ending,
            http_port=http,
            tenants=users,
            watches_sessions=watch_sessions,
            waiting=lambda graph: call.output.message(
                f"[dim]Waiting for the graph at {graph} ...[/]"
            ),
            takes_spans=otlp,
        )


def _announce(call: Call, runtime: Runtime, *, already: bool = False) -> None:
    pages = f"  http {runtime.http_url}" if runtime.http_url else ""
    pages += f"  otlp {runtime.otlp_url}" if runtime.otlp_url else ""
    call.output.item(
        {
            "pid": runtime.pid,
            "log": runtime.log_url,
            "graph": runtime.graph_uri,
            "http": runtime.http_url,
            "otlp": runtime.otlp_url,
            "already": already,
        },
        f"Anabranch is up{' already' if already else ''}: process {runtime.pid} on {call.settings.home}",
        f"[dim]log {runtime.log_url}  graph {runtime.graph_uri}{pages}[/]",
    )


@command(commands, "down", gives="pid, ended", panel=PANEL)
async def down(call: Call) -> None:
    """End what `anabranch up`, or a keeper, runs on this home.

    Processes that joined wait for the next `up`.
    """
    from anabranch.service.up import end_service

    with call.output.after_a_moment(f"Ending the servers of {call.settings.home}"):
        pid = await end_service(call.settings)
    call.output.item({"pid": pid, "ended": True}, f"Ended process {pid}")


@command(
    commands,
    "status",
    gives="running, home, namespace; where something runs also log {url, stream, durability, first, last, missing, damage}, graph {uri, product, version, position, vectors, generation, projector_version, schema_version, rebuild_due, others, foreign, hindering}, lag {events, ms}, projections [{name, generation, position, lag, projectors [{pid, active, batch_size, events_per_s, events, retries, dead_letters, stopped}]}], dead_letters, owner, owner_command",
    panel=PANEL,
    served=True,
)
async def status(call: Call) -> None:
    """Say where the log and the graph are, and how far the graph is behind; start nothing."""

    async def here() -> Status | None:
        from anabranch.home.servers import would_start

        if would_start(call.settings):
            return None
        async with call.memory() as memory:
            return await memory.status()

    found = await call.client.status() or await here()
    if found is None:
        _nothing_runs(call)
        return
    log, graph, lag = found.log, found.graph, found.lag
    call.output.item(
        found,
        f"log    {log.url}  {log.stream}  positions {log.first} to {log.last}  "
        f"durability {log.durability}",
        f"graph  {graph.uri}  {graph.product} {graph.version}  position {graph.position}",
        f"lag    {counted(lag.events, 'event')}, {lag.ms:.0f} ms",
        *_ranker(found),
        *_owner(found),
        *(line for one in found.projections for line in _projection(one)),
    )
    if log.damage:
        call.output.warn(f"the log is damaged: {log.damage}. Run `anabranch log verify`")
    if found.dead_letters:
        call.output.warn(
            f"{counted(found.dead_letters, 'event')} could not be applied: see `anabranch dead-letters list`"
        )
    if graph.rebuild_due:
        from anabranch.backend.log_damage import rebuild_advice

        call.output.warn(
            f"a rebuild is due: {graph.rebuild_due}. To fix it: {rebuild_advice(log.damage)}"
        )
    if graph.hindering:
        call.output.warn(f"others changed the graph's schema: {'; '.join(graph.hindering)}")
    if graph.foreign:
        nodes = ", ".join(f"{count} {label}" for label, count in graph.foreign.items())
        call.output.message(f"nodes of others in the graph's database, left alone: {nodes}")
    if graph.others:
        call.output.message(f"{graph.others} more on the disk: see `anabranch graph generations`")


def _ranker(found: Status | Answer) -> Iterator[str]:
    """Yield the line on the recall index, where it answers."""
    if found.ranker == "index":
        yield f"ranker index  position {found.index_position}"


def _owner(found: Status | Answer) -> Iterator[str]:
    """Yield the lines on the home, the process that owns it, and the namespace."""
    if found.home is not None:
        yield f"home   {found.home}  owned by process {found.owner} ({found.owner_command})"
    yield f"namespace  {found.namespace}"


def _nothing_runs(call: Call) -> None:
    from rich.text import Text

    home, namespace = str(call.settings.home), call.settings.namespace
    call.output.item(
        {"running": False, "home": home, "namespace": namespace},
        Text(f"Nothing runs on {home}"),
        Text(f"namespace  {namespace}"),
        "[dim]`anabranch up` runs the servers; a command without it runs them while it works[/]",
    )


def _projection(one: ProjectionStatus | Answer) -> Iterator[str]:
    """Yield the lines on one projection and those who work on it."""
    from rich.markup import escape

    generation = f"  generation {one.generation}" if one.generation else ""
    yield (
        f"projection {one.name}  position {one.position}  lag {counted(one.lag.events, 'event')}, "
        f"{one.lag.ms:.0f} ms{generation}"
    )
    if not one.projectors:
        yield "  [dim]no process says that it works on it[/]"
    for projector in one.projectors:
        stopped = getattr(projector, "stopped", None)  # An `up` of an earlier release says nothing.
        state = "active" if projector.active else "stopped" if stopped else "stands by"
        yield (
            f"  process {projector.pid} {state}: "
            f"{projector.events_per_s:.0f} events/s, last batch {projector.batch_size}, "
            f"{counted(projector.retries, 'retry', 'retries')}, "
            f"{counted(projector.dead_letters, 'dead letter')}"
        )
        if stopped:
            yield f"  [red]stopped:[/] {escape(stopped)}; see `anabranch doctor`"


@command(commands, "doctor", gives="ok, checks [{name, ok, detail, fix}]", panel=PANEL)
async def doctor(call: Call) -> None:
    """Look at the machine, the home and the servers; say what is not well and what to do."""
    from rich.text import Text

    from anabranch.doctor import examine

    checks = await examine(call.settings)
    well = all(check.ok for check in checks)
    shown: list[Text] = []
    for check in checks:
        mark = Text("✓ ", style="green") if check.ok else Text("✗ ", style="red")
        shown.append(mark.append(f"{check.name:<15} ", style="bold").append(check.detail, style=""))
        if check.fix:
            shown.append(Text(f"  to fix it: {check.fix}", style="yellow"))
    call.output.item(
        {"ok": well, "checks": [check.model_dump(mode="json") for check in checks]}, *shown
    )
    if not well:
        raise typer.Exit(1)
