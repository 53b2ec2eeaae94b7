"""Checks: the things that are well and those that are not, each with what to do about it."""

from __future__ import annotations

import asyncio
import platform
import shutil
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

from anabranch.backend.log_damage import LOSS, rebuild_advice
from anabranch.errors import AnabranchError, HomeFull
from anabranch.home.folder import Home, held
from anabranch.home.keeper import COMMAND as KEEP
from anabranch.home.runtime_file import live_runtime
from anabranch.importers.drift import unknown_records
from anabranch.memory.memory import Memory, namespace_of
from anabranch.terminal.counting import counted
from anabranch.views import stops_of
from anabranch_events import spot_check
from anabranch_events.errors import positions_text, stretches_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from anabranch.settings import Settings
    from anabranch.views import GraphStatus, LogStatus, Status
    from anabranch_events import Log, LogReport
    from anabranch_events.jetstream.limits import Hindrance
    from anabranch_store import Foreign

_KINDS_SHOWN: Final = 8
_FREE_MIN: Final = 256 * 1024 * 1024
_LAG_MAX_MS: Final = 60_000.0
_LOOKS: Final = 10
_LOOK_S: Final = 1.0
"""A graph that is behind for longer is looked at again so often, until it has come on."""
_MIB: Final = 1024 * 1024


class Check(BaseModel):
    """One thing that was looked at; `fix` says what to do where it is not well."""

    model_config = ConfigDict(frozen=True)
    name: str
    ok: bool
    detail: str
    fix: str | None = None


async def examine(settings: Settings) -> list[Check]:
    """Look at the machine, the home, the servers and the projections, in that order."""
    looks: tuple[tuple[str, Callable[[Settings], str]], ...] = (
        ("python", _python),
        ("home", _home),
        ("owner", _owner),
        ("nats-server", _nats_server),
        ("embedded graph", _embedded_graph),
    )
    checks = [_checked(name, look, settings) for name, look in looks]
    return checks + await _opened(settings) + _transcripts(settings)


def _transcripts(settings: Settings) -> list[Check]:
    """Say which records of agent tools the imports of this home could not read, if any."""
    counts = unknown_records(Home(settings.home))
    if not counts:
        return []
    kinds = [f"{count} x {what}" for what, count in counts.items()]
    more = (
        f", and {counted(len(kinds) - _KINDS_SHOWN, 'kind')} more"
        if len(kinds) > _KINDS_SHOWN
        else ""
    )
    return [
        Check(
            name="transcripts",
            ok=True,
            detail=f"imports counted and left out: {', '.join(kinds[:_KINDS_SHOWN])}{more}",
            fix="update Anabranch and import again: what was imported stays as it is",
        )
    ]


def _checked(name: str, look: Callable[[Settings], str], settings: Settings) -> Check:
    try:
        return Check(name=name, ok=True, detail=look(settings))
    except AnabranchError as error:
        return Check(name=name, ok=False, detail=error.message, fix=error.fix)


def _python(_settings: Settings) -> str:
    return f"{platform.python_version()} on {platform.system()} {platform.machine()}"


def _home(settings: Settings) -> str:
    home = Home(settings.home)
    if not held(home.owner_lock):
        home.prepare()  # Beside an owner nothing is written.
    free = shutil.disk_usage(home.folder).free
    if free < _FREE_MIN:
        raise HomeFull(
            f"{home.folder} has {free // _MIB} MiB left",
            fix="free some space, or set ANABRANCH_HOME to a folder on another disk",
        )
    return f"{home.folder}, {free // _MIB:,} MiB free"


def _owner(settings: Settings) -> str:
    found = live_runtime(Home(settings.home))
    if found is None:
        return "nobody runs on this home; a command runs the servers for its own duration"
    kind = (
        "a keeper, until the last that joined has left" if found.command == KEEP else found.command
    )
    return f"process {found.pid} ({kind}) since {found.started_at:%Y-%m-%d %H:%M:%S} UTC"


def _nats_server(settings: Settings) -> str:
    from anabranch_events.server.managed import server_binary
    from anabranch_events.transport.address import without_secrets

    if settings.nats_url is not None:
        return f"not needed: NATS_URL is {without_secrets(settings.nats_url)}"
    return server_binary()


def _embedded_graph(settings: Settings) -> str:
    from anabranch_store.embedded.engine import ENGINES

    if settings.neo4j_uri is not None:
        return f"not needed: NEO4J_URI is {settings.neo4j_uri}"
    engine = ENGINES[settings.embedded_engine]
    engine.require()
    return engine.wheel()


async def _opened(settings: Settings) -> list[Check]:
    """Open the memory and ask its servers how they are."""
    try:
        async with Memory(settings) as memory:
            status = await memory.status()
            moves = await _moves(memory, status)
            vectors = await _vectors(memory)
            foreign = await memory.graph.foreign() if settings.neo4j_uri else None
            found = await spot_check(namespace_of(memory).backend.log)
            tolerated = await namespace_of(memory).backend.log.tolerated()
            hindrances = await namespace_of(memory).backend.log.hindrances()
            doubles = await _doubles(namespace_of(memory).backend.log)
    except AnabranchError as error:
        return [Check(name="memory", ok=False, detail=error.message, fix=error.fix)]
    log, graph = status.log, status.graph
    dead = status.dead_letters
    return [
        _log(log, found.report, read=found.positions, all_counted=found.counted),
        *_settings(tolerated),
        *map(_hindrance, hindrances),
        *doubles,
        Check(
            name="graph",
            ok=True,
            detail=f"{graph.product} {graph.version} at {graph.uri}, position {graph.position}",
        ),
        vectors,
        _generation(graph, harmed=log.damage),
        *([] if foreign is None else [_foreign(foreign)]),
        _lag(status, moves=moves),
        Check(
            name="dead letters",
            ok=dead == 0,
            detail=f"{counted(dead, 'event')} could not be applied",
            fix="see them: `anabranch dead-letters list` in each namespace; then retry or discard them"
            if dead
            else None,
        ),
    ]


async def _moves(memory: Memory, status: Status) -> bool:
    """Tell whether a graph that is far behind comes on; one that is not does."""
    if status.lag.ms < _LAG_MAX_MS:
        return True
    graph = await namespace_of(memory).backend.graph()
    for _ in range(_LOOKS):
        await asyncio.sleep(_LOOK_S)
        if await graph.checkpoint("graph") > status.graph.position:
            return True
    return False


def _lag(status: Status, *, moves: bool) -> Check:
    """Say how far the graph is behind, and whether anything brings it on."""
    lag = status.lag
    detail = f"{counted(lag.events, 'event')}, {lag.ms:.0f} ms{_vectors_at(status)}"
    stops = stops_of(status.projections)
    if moves and not stops:
        return Check(name="lag", ok=True, detail=detail)
    said = [f"{name} stopped: {reason}" for name, reason in stops] or ["nothing brings it on"]
    return Check(
        name="lag",
        ok=False,
        detail=f"{detail}: {'; '.join(said)}",
        fix="mend what it stopped at, which other checks here may name; it goes on by itself then. "
        "Where nothing stopped, end the home's process (`anabranch down`) and begin it again",
    )


def _vectors_at(status: Status) -> str:
    """Say how far the vectors are, where some are made."""
    made = any(one.name == "vectors" for one in status.projections)
    return f"; vectors at {status.graph.vectors}" if made else ""


def _log(log: LogStatus, found: LogReport, *, read: int, all_counted: bool) -> Check:
    """Say whether every position of the log has its event, as far as `read` of them tell."""
    detail = f"{log.url}, positions {log.first} to {log.last}"
    if read < log.last:
        how = f"all counted and {read:,} read" if all_counted else f"{read:,} read"
        detail += f", {how}: `anabranch log verify` reads all"
    faults = [
        f"{what} at {stretches_text(stretches)}"
        for what, stretches in (("missing", found.missing), ("changed", found.changed))
        if stretches
    ]
    if log.damage is not None and not faults:
        faults.append(log.damage)
    if not faults:
        return Check(name="log", ok=True, detail=detail + _deleted(found) + _unreadable(found))
    return Check(
        name="log",
        ok=False,
        detail=f"{detail}: {'; '.join(faults)}",
        fix=f"{LOSS}; `anabranch log verify` tells all",
    )


def _settings(tolerated: Sequence[str]) -> list[Check]:
    """Say which settings of the stream somebody else changed, where it goes on with them."""
    if not tolerated:
        return []
    return [
        Check(
            name="stream",
            ok=True,
            detail=f"{', '.join(tolerated)} is switched on: an event that another client gave a time "
            "to live runs out, and is missing then; ours have none",
            fix="let no client set Nats-TTL on anabranch.events.>; nats-server cannot switch it off "
            "again, only in a new stream: `anabranch events export`, and `anabranch events import` "
            "elsewhere",
        )
    ]


def _hindrance(found: Hindrance) -> Check:
    """Say what a setting of the stream keeps us from, that an operator may have set."""
    return Check(
        name="stream",
        ok=not found.stops,
        detail=f"{found.setting} is set: {found.effect}",
        fix=found.fix,
    )


async def _doubles(log: Log) -> list[Check]:
    """Say which streams answer reads of the log in its place, where we may look for them."""
    try:
        found = await log.doubles()
    except AnabranchError as error:  # A user may be denied the list of all streams.
        return [Check(name="mirrors", ok=True, detail=f"not looked for: {error.message}")]
    if not found:
        return []
    return [
        Check(
            name="mirrors",
            ok=False,
            detail=f"{', '.join(found)} stands in the log's account and answers reads of it: what was "
            "forgotten or deleted may be told again, and what is new may be missing",
            fix="delete the stream, and make the mirror in another account, or behind a leaf with a "
            "domain of its own",
        )
    ]


def _deleted(found: LogReport) -> str:
    """Return how many events were deleted with their namespace; that is no damage."""
    count = sum(last - first + 1 for first, last in found.deleted)
    return f"; {counted(count, 'event')} deleted with their namespaces" if count else ""


def _unreadable(found: LogReport) -> str:
    """Return where messages stand that are no events; they do no harm to others."""
    if not found.unreadable:
        return ""
    places = positions_text([(one.position, one.position) for one in found.unreadable])
    return f"; {'no event' if len(found.unreadable) == 1 else 'no events'} at {places}"


def _generation(graph: GraphStatus, *, harmed: str | None) -> Check:
    """Say which versions filled the graph, and what lies beside it."""
    versions = f"projector version {graph.projector_version}, schema {graph.schema_version}"
    detail = f"{graph.generation}, {versions}"
    if graph.others:
        detail += f"; {graph.others} beside it on the disk: see `anabranch graph generations`"
    if graph.rebuild_due is None:
        return Check(name="generation", ok=True, detail=detail)
    return Check(
        name="generation",
        ok=False,
        detail=f"{detail}; a rebuild is due: {graph.rebuild_due}",
        fix=f"{rebuild_advice(harmed)}; reads go on meanwhile",
    )


def _foreign(found: Foreign) -> Check:
    """Say what others wrote to the database that holds the graph."""
    detail = "; ".join(found.phrases) or "nobody else writes to it"
    if not found.hindering:
        return Check(name="others", ok=True, detail=detail)
    return Check(
        name="others",
        ok=False,
        detail=f"{'; '.join(found.hindering)}; {detail}",
        fix="drop it in Neo4j, or give us a database of our own: it can refuse good events, or take "
        "a search away; an index of ours is made anew at the next start. `anabranch graph repair` "
        "mends what was lost",
    )


async def _vectors(memory: Memory) -> Check:
    """Say whose vectors the graph holds, and whether they are those of the embedder that is set."""
    backend = namespace_of(memory).backend
    embedder = backend.embedder
    held = await (await backend.graph()).vectors_in_use()
    model = held.model if held else None
    if embedder is None:
        return Check(name="vectors", ok=True, detail="none are made: ANABRANCH_EMBEDDER is none")
    if await backend.vectors_follow():
        return Check(name="vectors", ok=True, detail=f"of {model or embedder.model}")
    return Check(
        name="vectors",
        ok=False,
        detail=f"the graph holds vectors of {model}, ANABRANCH_EMBEDDER gives those of "
        f"{embedder.model}: recall goes without meaning",
        fix="go back to the embedder before, or run `anabranch rebuild --embedder ...`",
    )
