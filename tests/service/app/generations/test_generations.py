"""Generations side by side: kept, gone back to, dropped; filled on after a kill, never served half."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, LiteralString, NamedTuple

import pytest

from anabranch import Memory
from anabranch.doctor import examine
from anabranch.errors import GenerationNotFound, GenerationRefused
from anabranch.memory.memory import namespace_of
from anabranch_events import new_event, new_id, subject
from anabranch_events.event import types
from anabranch_projections.errors import ProjectionHalted
from anabranch_projections.run.checkpoint import guard
from anabranch_store import Graph, create_database, stamp
from anabranch_store.errors import GraphTooNew
from tests.support.fixtures.memory import CommandLine, Ran
from tests.support.graphs import ask
from tests.support.histories import insight, session
from tests.support.patience import PATIENCE_S
from tests.support.rounds import CHAOS_ROUNDS, FULL, in_full_only

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from anabranch.settings import Settings
    from anabranch_events import Event

pytestmark = [pytest.mark.timeout(2700), in_full_only]
EVENTS = 6_000
VICTIMS = ("log", "rebuild", "owner", "graph")


def _events(count: int, *, after: int = 0) -> Iterator[Event]:
    for number in range(after, after + count):
        yield new_event(
            types.InsightRecorded(insight_id=insight(number), text=f"Gauge {number} {new_id()}"),
            session_id=session(number % 50),
            namespace="default",
        )


async def test_the_old_generation_is_kept_until_told(memory: Memory) -> None:
    """A rebuild keeps what was live; it can be gone back to, caught up, and dropped, never live."""
    await memory.remember("The lock of the north gate was changed in May.")
    [first] = await memory.graph.generations()

    await memory.graph.rebuild()
    last = await memory.remember("The south gate has no lock.")
    rebuilt = await memory.graph.generations()
    with pytest.raises(GenerationRefused, match="live"):
        await memory.graph.drop(rebuilt[0].name)
    before = await memory.graph.digest()
    back = await memory.graph.use(first.name)
    after = await memory.graph.digest()
    await memory.graph.drop(rebuilt[0].name)
    with pytest.raises(GenerationNotFound):
        await memory.graph.use(rebuilt[0].name)

    assert [one.state for one in rebuilt] == ["live", "kept"]
    assert rebuilt[1].name == first.name
    assert (back.name, back.state, back.position >= last.position) == (first.name, "live", True)
    assert after == before
    assert [one.name for one in await memory.graph.generations()] == [first.name]


async def test_half_a_graph_is_not_used(memory: Memory) -> None:
    """A generation that no rebuild has finished cannot be used, and the next rebuild fills it."""
    await memory.remember("The lock of the north gate was changed in May.")
    half = await create_database(namespace_of(memory).backend.servers.graph)

    with pytest.raises(GenerationRefused, match="half filled"):
        await memory.graph.use(str(half.database))
    await memory.graph.rebuild()

    assert (await memory.graph.generations())[0].name == half.database


async def test_reads_go_on_and_never_go_back_while_rebuilt(own_settings: Settings) -> None:
    """Under a stream of writes, over a rebuild, positions only grow and each answer is complete."""
    async with Memory.open(settings=own_settings.changed(embedder="none")) as memory:
        await namespace_of(memory).backend.log.ingest(_events(1_000))
        await memory.wait_for(1_000, timeout_s=120)
        seen = await _read_while_rebuilt(memory)

    assert seen == sorted(seen)
    assert seen[-1] > 1_000


async def _read_while_rebuilt(memory: Memory) -> list[int]:
    """Write, read and rebuild at once; return the positions that were read, in order."""
    seen: list[int] = []
    ended = asyncio.Event()

    async def write() -> None:
        number = 1_000
        while not ended.is_set():
            [event] = _events(1, after=number)
            await namespace_of(memory).backend.log.append(event)
            number += 1
            await asyncio.sleep(0.01)

    async def read() -> None:
        while not ended.is_set():
            graph = await namespace_of(memory).backend.graph()
            at = await graph.checkpoint("graph")
            seen.append(at)
            # Beside a writer the embedded graph once counted all of a label one short: they are read.
            counted = "MATCH (i:Insight) WHERE i.recorded <= $at RETURN count(i) AS n"
            [row] = (await memory.cypher(counted, {"at": at})).rows
            assert row["n"] == at
            await asyncio.sleep(0.005)  # The rebuild is to have its share of the processor.

    others = asyncio.gather(write(), read())
    try:
        for _ in range(2):
            await memory.graph.rebuild()
    finally:
        ended.set()
        await others
    return seen


async def test_a_move_that_fails_leaves_the_live_graph_at_work(memory: Memory) -> None:
    """A graph never filled, and a pointer that cannot be written: the live one is filled on."""
    servers, projecting = (
        namespace_of(memory).backend.servers,
        namespace_of(memory).backend.projecting,
    )
    assert projecting is not None
    await memory.remember("The lock of the north gate was changed in May.")
    live = servers.graph
    empty = await create_database(live)
    await memory.graph.rebuild()
    rebuilt = servers.graph
    written = servers.home.runtime.read_bytes()

    never_filled = await projecting.move((await create_database(live)).database or "", skip=False)
    servers.home.runtime.unlink()
    (servers.home.runtime / "in the way").mkdir(parents=True)
    not_written = await projecting.move(live.database or "", skip=False)
    (servers.home.runtime / "in the way").rmdir()
    servers.home.runtime.rmdir()
    servers.home.runtime.write_bytes(written)
    last = await memory.remember("The south gate has no lock.")
    reached = await memory.wait_for(last.position, timeout_s=PATIENCE_S)

    assert rebuilt.database == empty.database
    assert "never filled" in never_filled
    assert not_written
    assert servers.graph == rebuilt
    assert reached >= last.position


@pytest.mark.own_servers
async def test_a_graph_that_freezes_while_the_pointer_moves(own_settings: Settings) -> None:
    """Where nothing answers the move gives up, and projecting begins again once it does."""
    async with Memory.open(settings=own_settings.changed(request_timeout_s=15.0)) as memory:
        projecting = namespace_of(memory).backend.projecting
        assert projecting is not None
        await memory.remember("The lock of the north gate was changed in May.")
        [first] = await memory.graph.generations()
        await memory.graph.rebuild()
        host = _pid(own_settings.home, "graph")
        os.kill(host, signal.SIGSTOP)
        try:
            problem = await projecting.move(first.name, skip=False)
            await asyncio.sleep(3.0)
        finally:
            os.kill(host, signal.SIGCONT)
        last = await memory.remember("The south gate has no lock.")
        reached = await memory.wait_for(last.position, timeout_s=PATIENCE_S)
        live = (await memory.graph.generations())[0].name

    assert problem
    assert live != first.name
    assert reached >= last.position


async def test_what_cannot_be_applied_stops_the_way_back_unless_told_to_skip(
    memory: Memory,
) -> None:
    """Neither catching up nor moving the pointer puts aside what nobody said to put aside."""
    projecting = namespace_of(memory).backend.projecting
    assert projecting is not None
    await memory.remember("The lock of the north gate was changed in May.")
    [first] = await memory.graph.generations()
    await memory.graph.rebuild()
    stream = namespace_of(memory).backend.log.connection.jetstream()
    await stream.publish(subject(memory.namespace, new_id()), b"no event")
    last = await memory.remember("The south gate has no lock.")
    await memory.wait_for(last.position)
    before = await memory.graph.digest()

    with pytest.raises(ProjectionHalted):
        await memory.graph.use(first.name)
    moved = await projecting.move(first.name, skip=False)
    halted = (await memory.graph.generations())[0].name
    await memory.graph.use(first.name, skip=True)

    assert "cannot be applied" in moved
    assert halted != first.name
    assert (await memory.graph.generations())[0].name == first.name
    assert await memory.graph.digest() == before


async def test_status_counts_generations_and_reads_no_files(memory: Memory) -> None:
    """`status` says which generation is live, and how many lie beside it."""
    await memory.remember("The lock of the north gate was changed in May.")
    alone = await memory.status()

    await memory.graph.rebuild()
    beside = await memory.status()

    assert (alone.graph.others, beside.graph.others) == (0, 1)
    assert beside.graph.generation == namespace_of(memory).backend.servers.graph.database
    assert beside.graph.rebuild_due is None


async def _killed(line: CommandLine, victim: str, *, after_s: float) -> None:
    """Start a rebuild and kill it, the home's owner, or one of the owner's servers."""
    process = await asyncio.create_subprocess_exec(
        *line.command("rebuild", "--json"),
        env=line.environment,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    await asyncio.sleep(after_s)
    if victim == "rebuild":
        with suppress(ProcessLookupError):  # It was quicker.
            process.kill()
    else:
        os.kill(_pid(line.home, victim), signal.SIGKILL)
    await asyncio.wait_for(process.wait(), 120)


async def _answered(line: CommandLine, *arguments: str) -> Ran:
    """Run a command until the owner has noticed that it, or a server of its, was killed."""
    answer = line(*arguments, timeout_s=300)
    for _ in range(60):
        if answer.code != 75:
            break
        await asyncio.sleep(0.5)
        answer = line(*arguments, timeout_s=300)
    return answer


def _pid(home: Path, victim: str) -> int:
    if victim == "owner":
        return int(json.loads((home / "runtime.json").read_text())["pid"])
    name = {"graph": "graph/host.pid", "log": "log/nats-server.pid"}[victim]
    return int((home / name).read_text())


class _Survived(NamedTuple):
    """The digest and position of the log, of what was served after each kill, and of the last rebuild."""

    whole: dict[str, object]
    served: list[dict[str, object]]
    rebuilt: dict[str, object]
    states: list[str]
    """Of each generation, after that."""


async def _survive(own_settings: Settings, victims: Sequence[str]) -> _Survived:
    """Rebuild, and kill one after another meanwhile; then rebuild once more, undisturbed."""
    chance = random.Random()  # noqa: S311 - where it is killed is never the same.
    line = CommandLine(own_settings.home, ANABRANCH_EMBEDDER="none")
    settings = own_settings.changed(embedder="none")
    async with Memory.open(settings=settings) as memory:
        await namespace_of(memory).backend.log.ingest(_events(EVENTS))
        await memory.wait_for(EVENTS, timeout_s=300)
        whole = await memory.graph.digest()

    served: list[dict[str, object]] = []
    for victim in victims:
        assert (await _answered(line, "up", "--detach", "--json")).code == 0
        try:
            await _killed(line, victim, after_s=chance.uniform(0.8, 5.0))
            served.append((await _answered(line, "graph", "digest", "--json")).value)
        finally:
            line("down", "--json")
    rebuilt = (await _answered(line, "rebuild", "--json")).value
    return _Survived(
        whole={"digest": whole.digest, "position": whole.position},
        served=served,
        rebuilt={name: rebuilt[name] for name in ("digest", "position")},
        states=[one["state"] for one in line("graph", "generations", "--json").lines],
    )


@pytest.mark.own_servers
async def test_a_rebuild_killed_at_any_time_goes_on_or_begins_again(
    own_settings: Settings,
) -> None:
    """Kill -9 of the rebuild, the owner, the graph, the log: what is served is always whole."""
    found = await _survive(own_settings, VICTIMS)

    assert found.served == [found.whole] * len(VICTIMS)
    assert found.rebuilt == found.whole
    assert found.states.count("live") == 1
    assert "filling" not in found.states


@pytest.mark.chaos
@pytest.mark.timeout(0)
@pytest.mark.own_servers
async def test_rebuilds_are_killed_for_long(own_settings: Settings) -> None:
    """The same for a tenth of ANABRANCH_CHAOS_ROUNDS kills."""
    victims = random.choices(VICTIMS, k=max(1, CHAOS_ROUNDS // 10))  # noqa: S311 - a test's dice

    found = await _survive(own_settings, victims)

    assert found.served == [found.whole] * len(victims)
    assert found.rebuilt == found.whole
    assert found.states.count("live") == 1
    assert "filling" not in found.states


@pytest.mark.parametrize(
    "property_name", ["projector_version", "schema_version"] if FULL else ["projector_version"]
)
async def test_versions(own_settings: Settings, property_name: str) -> None:
    """A graph of an older version goes on and says that a rebuild is due; a newer one is refused."""
    set_to: dict[str, LiteralString] = {
        "projector_version": "MATCH (g:Generation) SET g.projector_version = $value",
        "schema_version": "MATCH (g:Generation) SET g.schema_version = $value",
    }
    async with Memory.open(settings=own_settings) as memory:
        await memory.remember("The old gauge drifts.")
        digest = await memory.graph.digest()
        await _set(memory, set_to[property_name], 0)
    async with Memory.open(settings=own_settings) as memory:
        last = await memory.remember("It still takes in what is learned.")
        reached = await memory.wait_for(last.position)
        old = await memory.status()
        checks = {check.name: check for check in await examine(memory.settings)}
        await memory.graph.rebuild()
        new = await memory.status()
        await _set(memory, set_to[property_name], 1_000)
    with pytest.raises(GraphTooNew, match="newer") as caught:
        async with Memory.open(settings=own_settings):
            pass

    assert digest.position < reached
    assert "version is 0" in str(old.graph.rebuild_due)
    assert (checks["generation"].ok, "rebuild" in str(checks["generation"].fix)) == (False, True)
    assert new.graph.rebuild_due is None
    assert "upgrade" in caught.value.fix


async def _set(memory: Memory, cypher: LiteralString, value: int) -> None:
    address = namespace_of(memory).backend.servers.graph
    await ask(address, cypher, value=value)


async def test_a_graph_keeps_the_stamp_with_which_it_was_filled(graph: Graph) -> None:
    """While it is empty it is of no log, and of the version that asks last."""
    empty = await stamp(graph, log="one", projector_version=1)
    other = await stamp(graph, log="two", projector_version=2)
    await graph.write_if(guard("graph", expected=0, position=1), [])

    again = await stamp(graph, log="three", projector_version=3)

    versions = [(one.log, one.projector_version) for one in (empty, other, again)]
    assert versions == [("", 1), ("", 2), ("two", 2)]
