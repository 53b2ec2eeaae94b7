"""Files of the embedded graph that a crash left empty or garbled: it starts all the same."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING

import pytest

from anabranch_store import EmbeddedGraph, Graph, create_database
from anabranch_store.embedded.state import current_in
from tests.support.graphs import ask
from tests.support.rounds import ENGINE, in_full_only

if TYPE_CHECKING:
    from pathlib import Path

CONTENTS = [
    pytest.param(b"", id="empty"),
    pytest.param(b"\0" * 40, id="zeros", marks=in_full_only),
    pytest.param(b'{"half', id="cut off", marks=in_full_only),
]
NAMES = [
    "schema.json",
    pytest.param("configuration.json", marks=in_full_only),
    pytest.param("dictionary*", marks=in_full_only),
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the folder of a graph that holds one agent, in a generation of its own."""
    folder = tmp_path_factory.mktemp("damage") / "graph"
    asyncio.run(_filled(folder))
    return folder


async def _filled(folder: Path) -> None:
    async with EmbeddedGraph(folder, engine=ENGINE) as embedded:
        address = await create_database(embedded.address)
        async with Graph.connect(address) as graph:
            await graph.apply_schema()
        await ask(address, "CREATE (:Agent {namespace: 'n', name: 'kept'})")
        await ask(address, "CREATE (:Generation {id: 'one', schema_version: 1})")
        await embedded.point_to(str(address.database))


async def agents(folder: Path) -> list[str]:
    """Start on a folder, see that it takes writes and reads, and return the agents there were."""
    async with (
        EmbeddedGraph(folder, engine=ENGINE) as embedded,
        Graph.connect(embedded.address) as graph,
    ):
        await graph.apply_schema()
        found = await ask(embedded.address, "MATCH (a:Agent) RETURN a.name AS name")
        await ask(embedded.address, "CREATE (:Agent {namespace: 'n', name: 'new'})")
    return [str(row["name"]) for row in found]


@in_full_only
@pytest.mark.parametrize("content", CONTENTS)
async def test_state_files_that_are_damaged_are_made_anew(
    whole: Path, tmp_path: Path, content: bytes
) -> None:
    """Passwords, users, rights, the process id and the pointer: the content is there as before."""
    folder = tmp_path / "graph"
    shutil.copytree(whole, folder)
    for name in (
        *("credentials.json", "current", "owner.lock", "host.pid"),
        *("config/server-users.jsonl", "config/server-groups.json"),
    ):
        (folder / name).write_bytes(content)

    found = await agents(folder)

    assert found == ["kept"]


@in_full_only
@pytest.mark.parametrize("content", CONTENTS[:2])
@pytest.mark.parametrize("name", NAMES)
async def test_a_graph_that_does_not_open_is_put_aside(
    whole: Path, tmp_path: Path, name: str, content: bytes
) -> None:
    """The graph serves again: with its content where that can be read, else empty, to be filled."""
    folder = tmp_path / "graph"
    shutil.copytree(whole, folder)
    database = folder / "databases" / current_in(folder)
    for file in database.glob(name):
        file.write_bytes(content or b"\0" * file.stat().st_size)

    found = await agents(folder)

    assert found in ([], ["kept"])
    assert (folder / "damaged").is_dir() == (found == [])


@in_full_only
async def test_a_folder_of_any_name_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spaces, other scripts, quotes and dollars, also where the locale knows ASCII only."""
    monkeypatch.setenv("LC_ALL", "C")

    found = await agents(tmp_path / "Jürgen 漢字 'quo\"te dol$lar")

    assert found == []
