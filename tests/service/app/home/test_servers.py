"""The owner of a home: the first process is, others join, and a killed one is taken over."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
import socket
import stat
import sys
import time
from typing import TYPE_CHECKING

import pytest

from anabranch import Memory
from anabranch.backend.projection_runner import MOVE
from anabranch.errors import (
    AlreadyRunning,
    HomeBusy,
    HomeMismatched,
    HomeUnwritable,
    NothingRunning,
    OwnerGone,
    PortTaken,
)
from anabranch.home.folder import Home, held
from anabranch.home.runtime_file import live_runtime, read_runtime
from anabranch.home.servers import Servers
from anabranch.memory.memory import namespace_of
from anabranch.service.up import end_service
from anabranch_events.errors import LogRefused, LogUnavailable, Unavailable
from anabranch_projections import wait_for
from anabranch_store import Graph
from anabranch_store.embedded.engine import ENGINES
from anabranch_store.errors import EmbeddedGraphMissing, GraphRefused, GraphUnavailable
from tests.support.fixtures.memory import CommandLine
from tests.support.patience import FOREVER_S, PATIENCE_S, until
from tests.support.proxy import Proxy
from tests.support.rounds import HOMES_ENGINE, in_full_only
from tests.support.visiting import patient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from importlib.machinery import ModuleSpec
    from pathlib import Path

    from anabranch.settings import Settings
    from anabranch_events import NatsServer
    from anabranch_store import GraphAddress

pytestmark = pytest.mark.timeout(900)

OWNER = """
import asyncio, sys
from anabranch import Memory

async def main():
    async with Memory.open(sys.argv[1]) as memory:
        receipt = await memory.remember("The owner was here.")
        print(receipt.position, flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture
async def owner(own_settings: Settings) -> AsyncIterator[asyncio.subprocess.Process]:
    """Give a process that owns the home and has remembered one thing."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", OWNER, str(own_settings.home)), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), 120) == b"2\n"
    yield process
    if process.returncode is None:
        process.kill()
    await process.wait()


@in_full_only
@pytest.mark.own_servers
async def test_the_first_owns_and_the_second_joins(own_settings: Settings) -> None:
    """Two memories in one process: one runs the servers, the other finds them; both see all."""
    async with (
        Memory.open(settings=own_settings) as first,
        Memory.open(settings=own_settings) as second,
    ):
        kept = await second.remember("Joined memories share a log.")
        found = await first.recall("What do joined memories share?", after=kept.position)

        roles = (
            namespace_of(first).backend.servers.role,
            namespace_of(second).backend.servers.role,
        )

    assert roles == ("owner", "joined")
    assert [hit.insight_id for hit in found.hits] == [kept.insight_id]
    assert not held(Home(own_settings.home).owner_lock)


async def test_the_runtime_file_is_for_its_owner_only(memory: Memory) -> None:
    """The file that holds the passwords can be read by its owner only, and goes with it."""
    home = Home(memory.settings.home)

    mode = stat.S_IMODE(home.runtime.stat().st_mode)
    runtime = live_runtime(home)

    assert mode == 0o600
    assert runtime is not None
    assert (runtime.pid, runtime.command) == (os.getpid(), "memory")
    assert runtime.log is not None
    assert runtime.graph is not None
    assert runtime.graph.password.get_secret_value()


@in_full_only
@pytest.mark.own_servers
async def test_a_killed_owner_is_taken_over(
    own_settings: Settings, owner: asyncio.subprocess.Process
) -> None:
    """After kill -9 the file is stale, the lock is free, and all that was acknowledged is there."""
    owner.kill()
    await owner.wait()
    stale = read_runtime(Home(own_settings.home))

    async with Memory.open(settings=own_settings) as memory:
        found = await memory.recall("Who was here?")
        runtime = namespace_of(memory).backend.servers.runtime

    assert stale is not None
    assert runtime is not None
    assert (stale.pid, runtime.pid) == (owner.pid, os.getpid())
    assert [hit.text for hit in found.hits] == ["The owner was here."]


@in_full_only
async def test_a_joiner_whose_owner_goes_is_told(
    own_settings: Settings, owner: asyncio.subprocess.Process
) -> None:
    """Where none may take over from a killed owner, a joiner's next call says so, and what to do."""
    impatient = own_settings.changed(request_timeout_s=1, take_over=False)
    async with Memory.open(settings=impatient) as memory:
        role = namespace_of(memory).backend.servers.role
        owner.kill()
        await owner.wait()

        with pytest.raises(OwnerGone) as caught:
            await _remember_until_refused(memory)

    assert role == "joined"
    assert caught.value.exit_code == 75
    assert "try again" in caught.value.fix


@in_full_only
async def test_a_generation_is_not_waited_for_once_the_owner_has_gone(
    own_settings: Settings,
    owner: asyncio.subprocess.Process,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Killed when it is asked to move to another generation, the owner is not waited for."""
    # It has for ever to answer while it lives.
    monkeypatch.setattr("anabranch.backend.generation_switch._MOVE_TIMEOUT_S", FOREVER_S)
    alone = own_settings.changed(request_timeout_s=5, take_over=False)
    async with Memory.open(settings=alone) as memory:
        [first] = await memory.graph.generations()
        await memory.graph.rebuild()
        orders = await namespace_of(memory).backend.log.connection.subscribe(MOVE)
        owner.send_signal(signal.SIGSTOP)
        moving = asyncio.create_task(memory.graph.use(first.name))
        await orders.next_msg(timeout=PATIENCE_S)
        waited = not moving.done()
        owner.kill()
        await owner.wait()

        with pytest.raises(OwnerGone):
            async with asyncio.timeout(PATIENCE_S):
                await moving

    assert waited


@pytest.mark.own_servers
@in_full_only
async def test_a_generation_is_moved_to_by_the_owner_after(
    own_settings: Settings, owner: asyncio.subprocess.Process
) -> None:
    """Where another takes the killed owner's place, it is asked in its turn, and moves."""
    async with Memory.open(settings=patient(own_settings)) as memory:
        [first] = await memory.graph.generations()
        await memory.graph.rebuild()
        owner.send_signal(signal.SIGSTOP)
        moving = asyncio.create_task(memory.graph.use(first.name))
        await asyncio.sleep(1.0)
        owner.kill()
        await owner.wait()

        used = await moving
        [live, _] = await memory.graph.generations()

    assert (used.name, used.state) == (first.name, "live")
    assert live == used


async def _remember_until_refused(memory: Memory) -> None:
    """Go on remembering: the log's server ends a moment after its owner."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            await memory.remember("Is anybody there?")


async def test_an_owner_waits_for_those_who_joined(own_settings: Settings) -> None:
    """Where none may take over, an owner that closes lets a joiner finish; nobody joins meanwhile."""
    first = Memory.open(settings=own_settings.changed(take_over=False))
    await first.__aenter__()
    async with Memory.open(settings=own_settings) as second:
        closing = asyncio.create_task(first.__aexit__())
        await until(lambda: live_runtime(Home(own_settings.home)) is None)
        receipt = await second.remember("Still here.")
        still_open = not closing.done()
    await closing

    assert (receipt.position, still_open) == (2, True)


async def test_a_home_whose_owner_does_not_come_up_is_busy(own_settings: Settings) -> None:
    """Who cannot join within the time given is told to try again."""
    home = Home(own_settings.home)
    home.prepare()
    impatient = own_settings.changed(start_timeout_s=0.2)
    async with Servers(own_settings):  # It owns, and never announces itself.
        with pytest.raises(HomeBusy) as caught:
            async with Memory.open(settings=impatient):
                pass

    assert caught.value.exit_code == 75


@in_full_only
async def test_other_servers_than_the_owners_are_refused(memory: Memory) -> None:
    """A memory on the same home that names another graph would mix two: it does not open."""
    other = memory.settings.changed(neo4j_uri="bolt://127.0.0.1:1")

    with pytest.raises(HomeMismatched, match="NEO4J_URI") as caught:
        async with Memory.open(settings=other):
            pass

    assert caught.value.exit_code == 4


async def test_a_second_up_is_refused_at_once(own_settings: Settings) -> None:
    """Where `up` runs, another one does not wait for it."""
    async with Servers(own_settings, command="up", must_own=True) as servers:
        servers.announce()

        with pytest.raises(AlreadyRunning):
            async with Servers(own_settings, command="up", must_own=True):
                pass


async def test_a_home_that_is_a_file_is_refused(own_settings: Settings) -> None:
    """A home that cannot be made says which, and which setting to change."""
    own_settings.home.write_text("in the way")

    with pytest.raises(HomeUnwritable, match=str(own_settings.home)):
        async with Memory.open(settings=own_settings):
            pass


@pytest.mark.parametrize("field", ["nats_port", "graph_port"])
async def test_a_port_that_is_taken_is_named(own_settings: Settings, field: str) -> None:
    """A fixed port on which somebody listens already ends the start, and says which."""
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    async with server:
        with pytest.raises(PortTaken, match=str(port)):
            async with Memory.open(settings=own_settings.changed(**{field: port})):
                pass

    assert not held(Home(own_settings.home).owner_lock)


@pytest.mark.own_servers
async def test_a_missing_graph_says_what_to_install(
    own_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the embedded graph has no wheel the error names the extra, and nothing stays behind."""
    real = importlib.util.find_spec

    def without_the_wheel(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == ENGINES[HOMES_ENGINE].package else real(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without_the_wheel)

    with pytest.raises(EmbeddedGraphMissing, match="embedded") as caught:
        async with Memory.open(settings=own_settings):
            pass

    assert "NEO4J_URI" in caught.value.fix
    assert not held(Home(own_settings.home).owner_lock)


async def test_a_server_that_is_not_there(own_settings: Settings) -> None:
    """A log or a graph elsewhere that does not answer is told apart, to be tried again."""
    no_log = own_settings.changed(
        nats_url="nats://127.0.0.1:1", neo4j_uri="bolt://127.0.0.1:1", request_timeout_s=1
    )

    with pytest.raises(LogUnavailable) as caught:
        async with Memory.open(settings=no_log):
            pass

    assert caught.value.exit_code == 75


async def test_a_graph_that_is_not_there(memory: Memory) -> None:
    """With a log that answers, the graph that does not is the one that is named."""
    address = namespace_of(memory).backend.servers.log
    elsewhere = memory.settings.changed(
        home=memory.settings.home.parent / "other",
        nats_url=address.url,
        nats_token=address.token,
        neo4j_uri="bolt://127.0.0.1:1",
        request_timeout_s=1,
    )

    with pytest.raises(GraphUnavailable) as caught:
        async with Memory.open(settings=elsewhere):
            pass

    assert isinstance(caught.value, Unavailable)


async def test_a_graph_to_be_filled_that_does_not_answer_is_not_ours(memory: Memory) -> None:
    """Whoever joined a home fills another graph: its own is never taken in the other's place."""
    ours = namespace_of(memory).backend.servers.graph
    other = ours.model_copy(update={"uri": "bolt://127.0.0.1:1"})
    async with Memory.open(settings=memory.settings) as joined:
        role = namespace_of(joined).backend.servers.role

        with pytest.raises(GraphUnavailable):
            await joined.graph.rebuild(into=other)

    assert role == "joined"


async def test_a_wrong_password_is_told(memory: Memory) -> None:
    """The graph refuses a wrong password by its own error, the log a wrong token."""
    log, graph = (
        namespace_of(memory).backend.servers.log,
        namespace_of(memory).backend.servers.graph,
    )
    elsewhere = memory.settings.changed(
        home=memory.settings.home.parent / "other",
        nats_url=log.url,
        nats_token=log.token,
        neo4j_uri=graph.uri,
        neo4j_username=graph.username,
        neo4j_password="not-the-password",
    )

    with pytest.raises(GraphRefused):
        async with Memory.open(settings=elsewhere):
            pass
    with pytest.raises(LogRefused):
        async with Memory.open(settings=elsewhere.changed(nats_token="not-the-token")):
            pass


async def test_nothing_to_end(own_settings: Settings) -> None:
    """Ending what does not run says so, as does ending what is no `up`."""
    with pytest.raises(NothingRunning):
        await end_service(own_settings)
    async with Memory.open(settings=own_settings):
        with pytest.raises(AlreadyRunning):
            await end_service(own_settings)


@pytest.mark.parametrize("graph_address", ["neo4j"], indirect=True)
@in_full_only
async def test_up_works_on_servers_elsewhere(
    memory: Memory, graph_address: GraphAddress, tmp_path: Path
) -> None:
    """With both servers elsewhere `up` projects only, as the container does; SIGTERM ends it.

    A graph that is just starting is waited for.
    """
    await memory.remember("Projected into a graph elsewhere.")
    log = namespace_of(memory).backend.servers.log
    line = CommandLine(
        tmp_path / "projector",
        NATS_URL=log.url,
        NATS_TOKEN=log.token or "",
        NEO4J_USERNAME=graph_address.username,
        NEO4J_PASSWORD=graph_address.password.get_secret_value(),
        NEO4J_DATABASE=graph_address.database or "",
    )
    with socket.socket() as reserved:  # Bound, and not listening: whoever connects is refused.
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        uri = line.environment["NEO4J_URI"] = f"bolt://127.0.0.1:{port}"
        process = await asyncio.create_subprocess_exec(
            *line.command("up"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=line.environment,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        while b"Waiting for the graph" not in (told := await process.stderr.readline()):
            assert told, await process.stdout.read()
    async with Proxy(graph_address.uri, port=port):
        await _projected_elsewhere(memory, graph_address, process, uri)


async def _projected_elsewhere(
    memory: Memory, graph_address: GraphAddress, process: asyncio.subprocess.Process, uri: str
) -> None:
    assert process.stdout is not None
    ready = [await asyncio.wait_for(process.stdout.readline(), 120) for _ in range(2)]
    async with Graph.connect(graph_address) as graph:
        reached = await wait_for(
            namespace_of(memory).backend.log, graph, "graph", 2, timeout_s=PATIENCE_S
        )
    process.terminate()
    await asyncio.wait_for(process.communicate(), 60)

    assert f"Anabranch is up: process {process.pid}" in ready[0].decode()
    assert f"graph {uri}" in ready[1].decode()
    assert (reached, process.returncode) == (2, 0)


async def test_a_graph_elsewhere_that_does_not_come_is_told(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    """Past its bound `up` says which graph did not answer, and for how long it was waited for."""
    line = CommandLine(
        tmp_path / "projector",
        NATS_URL=nats_server.url,
        NATS_TOKEN=nats_server.token or "",
        NEO4J_URI="bolt://127.0.0.1:9",
        NEO4J_PASSWORD="secret",
        ANABRANCH_START_TIMEOUT_S="2",
    )

    ran = await asyncio.to_thread(line, "up", "--json")

    assert (ran.code, ran.error["type"]) == (75, "GraphUnavailable")
    assert "bolt://127.0.0.1:9" in ran.error["message"]
    assert ran.error["message"].endswith("; it was waited for 1.5 s")


@in_full_only
@pytest.mark.parametrize("pid_file", ["graph/host.pid", "log/nats-server.pid"])
def test_up_ends_when_a_server_of_its_does(alone: CommandLine, pid_file: str) -> None:
    """When the log's or the graph's is killed `up` ends, and the next command recovers by itself."""
    alone("up", "--detach", "--json")
    kept = alone.here("remember", "Acknowledged before the kill.", "--json").value
    pid = int((alone.home / pid_file).read_text())

    os.kill(pid, signal.SIGKILL)
    _wait_until_free(alone.home)
    found = alone.here("recall", "What was acknowledged?", "--json").value

    assert [hit["insight_id"] for hit in found["hits"]] == [kept["insight_id"]]
    assert b"ServerEnded" in (alone.home / "up.log").read_bytes()


def _wait_until_free(home: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while held(Home(home).owner_lock):
        assert time.monotonic() < deadline
        time.sleep(0.1)
