"""The embedded graph's process and folder: starting, ending, and everything that may be in the way."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import stat
import sys
from asyncio.subprocess import DEVNULL, PIPE
from typing import TYPE_CHECKING

import pytest

from anabranch_store import EmbeddedGraph, Graph, create_database, drop_database
from anabranch_store.embedded import server as embedded_module
from anabranch_store.embedded import state
from anabranch_store.embedded.engine import ENGINES, EngineName
from anabranch_store.embedded.process import HOST
from anabranch_store.errors import (
    EmbeddedGraphMissing,
    GraphFull,
    GraphUnavailable,
    QueryRefused,
    QueryTimedOut,
    SetupInvalid,
)
from tests.support.graphs import ask
from tests.support.patience import until
from tests.support.rounds import ENGINE, in_full_only

if TYPE_CHECKING:
    from pathlib import Path


@in_full_only
async def test_a_second_start_finds_what_the_first_left(tmp_path: Path) -> None:
    """Content, passwords and the schema outlive the process; ports do not."""
    folder = tmp_path / "graph"
    async with EmbeddedGraph(folder, engine=ENGINE) as first, Graph.connect(first.address) as graph:
        await graph.apply_schema()
        await ask(graph.address, "CREATE (:Agent {namespace: 'n', name: 'a'})")
        before, password = await graph.digest(), first.address.password

    async with (
        EmbeddedGraph(folder, engine=ENGINE) as second,
        Graph.connect(second.address) as graph,
    ):
        after = await graph.digest()

    assert after == before
    assert second_password(folder) == password.get_secret_value()


def second_password(folder: Path) -> str:
    """Return root's password as the folder keeps it."""
    return state.credentials_in(folder)["root"]


async def test_only_its_owner_can_read_the_folder(embedded_graph: EmbeddedGraph) -> None:
    """The folder is 0700, the passwords 0600, and both ports are of 127.0.0.1."""
    folder = embedded_graph.folder

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "credentials.json").stat().st_mode) == 0o600
    assert embedded_graph.address.uri.startswith("bolt://127.0.0.1:")
    assert str(embedded_graph.address.admin_url).startswith("http://127.0.0.1:")


async def test_passwords_are_on_no_command_line(embedded_graph: EmbeddedGraph) -> None:
    """Whoever lists the machine's processes learns nothing."""
    ps = await asyncio.create_subprocess_exec(
        "ps", "-ww", "-o", "command=", "-p", str(embedded_graph.pid), stdout=PIPE
    )
    said, _ = await ps.communicate()

    assert HOST.name.encode() in said
    assert embedded_graph.address.password.get_secret_value().encode() not in said


async def test_a_second_owner_is_turned_away(embedded_graph: EmbeddedGraph) -> None:
    """One process at a time owns a folder, and the graph goes on for the first."""
    with pytest.raises(GraphUnavailable, match="owns the embedded graph"):
        async with EmbeddedGraph(embedded_graph.folder, engine=ENGINE):
            pass

    assert await ask(embedded_graph.address, "RETURN 1 AS x") == [{"x": 1}]


@in_full_only
async def test_a_server_that_is_gone_is_unavailable(tmp_path: Path) -> None:
    """A read, a write and a query each say so within seconds; the next start goes on."""
    folder = tmp_path / "graph"
    async with (
        EmbeddedGraph(folder, engine=ENGINE) as embedded,
        Graph.connect(embedded.address) as graph,
    ):
        await graph.apply_schema()
        os.kill(embedded.pid, signal.SIGKILL)

        with pytest.raises(GraphUnavailable):
            await graph.checkpoint("graph")
        with pytest.raises(GraphUnavailable):
            await graph.query("RETURN 1")
        with pytest.raises(GraphUnavailable):
            await graph.write([])

    async with (
        EmbeddedGraph(folder, engine=ENGINE) as embedded,
        Graph.connect(embedded.address) as graph,
    ):
        assert await graph.checkpoint("graph") == 0


@in_full_only
async def test_queries_that_do_not_listen_keep_nobody_waiting(tmp_path: Path) -> None:
    """The server cannot end an expression that makes no rows: writers go on, the graph closes.

    These end by themselves after a moment, long after the caller has had its answer.
    """
    slow = "RETURN reduce(s = 0, x IN range(1, 1000000) | s + size(split($text, ' ')))"
    text = "one two three four " * 5
    async with (
        EmbeddedGraph(tmp_path / "graph", engine=ENGINE) as embedded,
        Graph.connect(embedded.address) as graph,
    ):
        await graph.apply_schema()

        ended = await asyncio.gather(
            *(graph.query(slow, {"text": text}, timeout_s=0.05) for _ in range(5)),
            return_exceptions=True,
        )
        await graph.claim_vectors(model="one", dimension=384)
        rows = await ask(graph.address, "MATCH (v:Vectors) RETURN v.model AS model")

    assert [type(each) for each in ended] == [QueryTimedOut] * 5
    assert rows == [{"model": "one"}]


@in_full_only
async def test_lost_passwords_are_made_anew(tmp_path: Path) -> None:
    """Without its credentials file a folder opens again, with other passwords."""
    folder = tmp_path / "graph"
    async with EmbeddedGraph(folder, engine=ENGINE) as embedded:
        await ask(embedded.address, "CREATE (:Agent {namespace: 'n', name: 'a'})")
    (folder / "credentials.json").unlink()

    async with (
        EmbeddedGraph(folder, engine=ENGINE) as embedded,
        Graph.connect(embedded.address) as graph,
    ):
        rows = await ask(embedded.address, "MATCH (a:Agent) RETURN a.name AS name")
        read = await graph.query("MATCH (a:Agent) RETURN a.name AS name")

    assert rows == read.rows == [{"name": "a"}]


@in_full_only
async def test_a_host_whose_owner_was_killed_ends(tmp_path: Path) -> None:
    """The server closes its databases and goes, though nobody told it to."""
    owner = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.graph_writer", str(tmp_path / "graph")),
        stdout=PIPE,
        stderr=DEVNULL,
    )
    assert owner.stdout is not None
    await owner.stdout.readline()
    host = int((tmp_path / "graph" / "host.pid").read_text(encoding="ascii"))

    owner.kill()
    await owner.wait()
    await owner.stdout.read()

    await until(lambda: not _alive(host))


@in_full_only
async def test_a_host_whose_owner_is_killed_before_it_is_ready_ends(tmp_path: Path) -> None:
    """It finds nobody to tell that it serves, closes what it opened, and goes."""
    written = tmp_path / "graph" / "host.pid"
    owner = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.graph_writer", str(tmp_path / "graph")),
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    await until(lambda: written.exists() and written.read_text(encoding="ascii").endswith("\n"))
    host = int(written.read_text(encoding="ascii"))

    owner.kill()
    await owner.wait()

    await until(lambda: not _alive(host))


async def test_generations_stand_side_by_side(embedded_graph: EmbeddedGraph) -> None:
    """A new generation is empty, the old one stays as it is, and one can be dropped."""
    address = await create_database(embedded_graph.address)
    other = await create_database(embedded_graph.address)
    await ask(address, "CREATE (:Agent {namespace: 'n', name: 'a'})")

    assert await ask(other, "MATCH (n) RETURN count(n) AS n") == [{"n": 0}]
    await drop_database(other)
    await drop_database(other)
    assert await ask(address, "MATCH (n) RETURN count(n) AS n") == [{"n": 1}]
    await drop_database(address)


@in_full_only
async def test_the_next_start_serves_the_generation_pointed_to(tmp_path: Path) -> None:
    """The pointer is in the folder: a rebuilt graph takes over with one small file."""
    folder = tmp_path / "graph"
    async with EmbeddedGraph(folder, engine=ENGINE) as embedded:
        address = await create_database(embedded.address)
        await ask(address, "CREATE (:Agent {namespace: 'n', name: 'new'})")
        await embedded.point_to(str(address.database))

    async with EmbeddedGraph(folder, engine=ENGINE) as embedded:
        rows = await ask(embedded.address, "MATCH (a:Agent) RETURN a.name AS name")

    assert state.current_in(folder) == address.database
    assert rows == [{"name": "new"}]


@pytest.mark.parametrize(
    "cypher",
    ["CREATE (:Agent)", "CREATE USER bobby SET PASSWORD 'a-b-c-d-e-1'",
     "LOAD CSV FROM 'file:///etc/passwd' AS line RETURN line"],
)  # fmt: skip
async def test_the_reader_may_not_write_whatever_the_guard_lets_through(
    embedded_graph: EmbeddedGraph, cypher: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server itself refuses the reader, with no guard before it."""

    def unguarded(text: str) -> str:
        return text

    monkeypatch.setattr("anabranch_store.cypher.query.checked_query", unguarded)

    async with Graph.connect(embedded_graph.address) as graph:
        with pytest.raises(QueryRefused):
            await graph.query(cypher)


@pytest.mark.parametrize("engine", list(ENGINES))
async def test_a_platform_without_a_wheel_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: EngineName
) -> None:
    """The error names the extra to install and the other way: a Neo4j server."""
    monkeypatch.setitem(sys.modules, ENGINES[engine].package, None)

    with pytest.raises(EmbeddedGraphMissing) as missing:
        async with EmbeddedGraph(tmp_path / "graph", engine=engine):
            pass

    assert f"anabranch[{ENGINES[engine].extra}]" in missing.value.fix
    assert "NEO4J_URI" in missing.value.fix


async def test_a_folder_that_cannot_be_made_is_a_setup_error(tmp_path: Path) -> None:
    """A file stands where the folder should: the error names the path and the setting."""
    (tmp_path / "file").write_text("", encoding="ascii")

    with pytest.raises(SetupInvalid, match="cannot be written") as invalid:
        async with EmbeddedGraph(tmp_path / "file" / "graph", engine=ENGINE):
            pass

    assert "ANABRANCH_HOME" in invalid.value.fix


async def test_a_full_disk_is_its_own_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No space left while the folder is made ready: nothing was started."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)

    with pytest.raises(GraphFull, match="full"):
        async with EmbeddedGraph(tmp_path / "graph", engine=ENGINE):
            pass


@in_full_only
async def test_ports_that_are_taken_are_tried_anew(
    tmp_path: Path, embedded_graph: EmbeddedGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody took the ports between the choice and the start: others are chosen."""
    taken = int(embedded_graph.address.uri.rpartition(":")[2])
    choices = [[taken, taken], embedded_module.free_ports(2)]

    def chosen(_: int) -> list[int]:
        return choices.pop(0)

    monkeypatch.setattr(embedded_module, "free_ports", chosen)

    async with EmbeddedGraph(tmp_path / "graph", engine=ENGINE) as other:
        assert await ask(other.address, "RETURN 1 AS x") == [{"x": 1}]

    assert choices == []


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
