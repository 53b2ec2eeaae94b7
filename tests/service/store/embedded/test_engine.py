"""The embedded graph's engines: one graph, whichever of them serves it."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, get_args

import pytest

from anabranch import Memory
from anabranch.settings import Settings
from anabranch_projections import fold
from anabranch_store import EmbeddedGraph, Graph
from anabranch_store.embedded.engine import DEFAULT_ENGINE, ENGINES
from tests.support.histories import positioned, stream
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from pathlib import Path

    from anabranch_store.embedded.engine import EngineName

EVENTS = 300
BATCH = 50
SEED = 20261128


async def _digest(folder: Path, engine: EngineName, *, write: bool = False) -> str:
    """Open a folder by `engine`, write the same events where wanted, and return the digest."""
    events = positioned(list(islice(stream(SEED), EVENTS)))
    async with (
        EmbeddedGraph(folder, engine=engine) as embedded,
        Graph.connect(embedded.address) as graph,
    ):
        await graph.apply_schema()
        for start in range(0, EVENTS if write else 0, BATCH):
            await graph.write(fold(events[start : start + BATCH]))
        return (await graph.digest()).digest


@in_full_only
async def test_the_same_events_give_the_same_graph_by_each_engine(tmp_path: Path) -> None:
    """Their digests are equal, and that of no events is another."""
    digests = {engine: await _digest(tmp_path / engine, engine, write=True) for engine in ENGINES}
    empty = await _digest(tmp_path / "empty", "native")

    assert digests["jvm"] == digests["native"] != empty


@in_full_only
@pytest.mark.parametrize(("first", "second"), [("jvm", "native"), ("native", "jvm")])
async def test_a_folder_goes_from_one_engine_to_the_other(
    tmp_path: Path, first: EngineName, second: EngineName
) -> None:
    """The setting may be changed over a graph that is there: it is read, and written on, as before.

    Both wheels hold the same ArcadeDB. Where that changes, this test says that a graph must be
    made anew.
    """
    written = await _digest(tmp_path / "graph", first, write=True)

    read = await _digest(tmp_path / "graph", second)
    rewritten = await _digest(tmp_path / "graph", second, write=True)
    back = await _digest(tmp_path / "graph", first)

    assert read == rewritten == back == written


async def test_the_setting_chooses_the_engine(own_settings: Settings) -> None:
    """A memory that is opened with the other engine remembers and recalls, without an archive."""
    settings = own_settings.changed(embedded_engine="native")

    async with Memory.open(settings=settings) as memory:
        remembered = await memory.remember("The sluice at the weir is open")
        found = await memory.recall("Which sluice is open?", after=remembered.position)

    assert [hit.insight_id for hit in found.hits] == [remembered.insight_id]
    assert not (settings.home / "graph" / "classes.txt").exists()


def test_settings_and_store_have_the_same_engines() -> None:
    """The setting offers what there is, and its default is the store's."""
    field = Settings.model_fields["embedded_engine"]

    assert set(get_args(field.annotation)) == set(ENGINES)
    assert field.default == DEFAULT_ENGINE
