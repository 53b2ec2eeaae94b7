"""Recall by the index through a memory: followed, waited for, fallen back from, and restarted."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import nats
import pytest

from anabranch import Memory
from anabranch.backend.index_runner import Indexing
from anabranch.home.folder import Home, Lock
from anabranch.home.runtime_file import read_runtime
from anabranch.memory.memory import namespace_of
from anabranch_events.event.types import InsightRecorded
from anabranch_projections.recall_index.writer import LOCK
from anabranch_recall import Question, Scope
from anabranch_recall.index.ranker import IndexRanker
from tests.support.fixtures.commands import Asking
from tests.support.fixtures.memory import CommandLine
from tests.support.histories import at, insight
from tests.support.learning import HashingEmbedder
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from anabranch import Recollection
    from anabranch.settings import Settings
    from anabranch_events import Event, Log
    from anabranch_recall import Ranker

FACTS = (
    "The pump of the north gate is red",
    "Kunle repaired the south gate in March",
    "The gauge in Delta Bay drifts by two degrees",
    "Screws of the old pump rust",
)
QUESTION = "Which pump is red?"


@pytest.fixture
def settings(own_settings: Settings) -> Settings:
    """Give settings of a memory that ranks by the index."""
    return own_settings.changed(ranker="index")


class GatedEmbedder(HashingEmbedder):
    """An embedder that makes no vector before its gate is open."""

    def __init__(self, gate: asyncio.Event) -> None:
        self._gate = gate

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return the vectors, once the gate is open."""
        await self._gate.wait()
        return await super().embed(texts)


def fact(number: int) -> Event:
    """Return the event of a fact that was learned without a session."""
    learned = InsightRecorded(insight_id=insight(number), text=f"A fact {number}")
    return at(number, learned).event


async def patiently(indexing: Indexing, *, knowing: int) -> Ranker:
    """Return the ranker over the index as soon as there is one."""
    while True:
        ranker = await indexing.ranker("default", knowing=knowing)
        if ranker is not None:
            return ranker
        await asyncio.sleep(0.05)


async def by_index(memory: Memory, question: str = QUESTION, **options: Any) -> Recollection:
    """Ask until the index answers: until then it may be behind."""
    while True:
        found = await memory.recall(question, **options)
        if found.ranker == "index":
            return found
        await asyncio.sleep(0.05)


async def remember(memory: Memory, *texts: str) -> int:
    """Remember facts; return the position of the last."""
    return [(await memory.remember(text)).position for text in texts][-1]


async def test_both_rankers_give_the_same_insights(settings: Settings) -> None:
    """Of a small memory, each ranker gives all that may be seen, and the same one first."""
    async with Memory.open(settings=settings) as memory:
        last = await remember(memory, *FACTS)
        indexed = await by_index(memory)
        async with Memory.open(settings=settings.changed(ranker="graph")) as other:
            ranked = await other.recall(QUESTION, after=last)

    assert (indexed.ranker, ranked.ranker) == ("index", "graph")
    assert {hit.insight_id for hit in indexed.hits} == {hit.insight_id for hit in ranked.hits}
    assert indexed.hits[0].text == ranked.hits[0].text == FACTS[0]
    assert indexed.position >= last


async def test_as_of_a_position_is_repeated_to_the_last_bit(settings: Settings) -> None:
    """More events change nothing about an answer as of before them, in this process or another."""
    async with Memory.open(settings=settings) as memory:
        then = await remember(memory, *FACTS)
        first = await by_index(memory, as_of=then)
        await remember(memory, "The pump is painted blue now", "A red pump stands in Delta Bay")
        again = await by_index(memory, as_of=then)
        now = await by_index(memory)
    async with Memory.open(settings=settings) as memory:
        restarted = await by_index(memory, as_of=then)

    assert first.hits
    assert again.hits == restarted.hits == first.hits
    assert len(now.hits) == len(first.hits) + 2


async def test_a_question_about_a_session_is_answered_by_the_index(settings: Settings) -> None:
    """The scope of a session leaves out what others know."""
    async with Memory.open(settings=settings) as memory:
        session = await memory.open_session("Look after the pumps")
        fact = await session.remember("The pump of the west gate is red")
        await remember(memory, *FACTS)
        found = await by_index(memory, scope=Scope.SESSION, session_id=session.session_id)

    assert [hit.insight_id for hit in found.hits] == [fact.insight_id]


async def test_the_graph_answers_while_another_process_follows(settings: Settings) -> None:
    """One process follows the index; the graph answers elsewhere, until that process has left."""
    folder = Home(settings.home).recall_index
    folder.mkdir(parents=True)
    with Lock(folder / LOCK) as lock:
        assert lock.take()
        async with Memory.open(settings=settings) as memory:
            last = await remember(memory, *FACTS)
            held = await memory.recall(QUESTION, after=last)
            lock.release()
            free = await by_index(memory)

    assert (held.ranker, held.hits[0].text) == ("graph", FACTS[0])
    assert free.hits[0].text == FACTS[0]


async def test_who_joined_is_answered_by_the_index_of_the_other(settings: Settings) -> None:
    """A second memory of a home gives the very hits of the one that follows, and loads no index."""
    async with Memory.open(settings=settings) as owner:
        last = await remember(owner, *FACTS)
        own = await by_index(owner, as_of=last)
        async with Memory.open(settings=settings) as joined:
            found = await joined.recall(QUESTION, as_of=last)
            state = await joined.status()
            later = await joined.remember("A blue pump stands in Delta Bay")
            newer = await joined.recall(QUESTION)
            [first, second] = await joined.recall_all([QUESTION, "Who repaired a gate?"])

    assert (found.ranker, found.hits) == ("index", own.hits)
    assert (state.ranker, state.index_position) == ("index", last)
    assert (newer.ranker, first.hits) == ("index", newer.hits)
    assert second.hits[0].text == FACTS[1]
    assert later.insight_id in {hit.insight_id for hit in newer.hits}


async def test_a_home_ranks_by_the_index_unless_told(own_settings: Settings) -> None:
    """Without a setting the index answers; where both servers are elsewhere, the graph does."""
    async with Memory.open(settings=own_settings) as owner:
        await remember(owner, *FACTS)
        indexed = await by_index(owner)
        servers = namespace_of(owner).backend.servers
        graph = servers.graph
        elsewhere = own_settings.changed(
            home=own_settings.home / "client",
            nats_url=servers.log.url,
            nats_token=servers.log.token,
            neo4j_uri=graph.uri,
            neo4j_username=graph.username,
            neo4j_password=graph.password,
            neo4j_database=graph.database,
        )
        async with Memory.open(settings=elsewhere) as client:
            ranked = await client.recall(QUESTION)
            state = await client.status()

    assert (own_settings.ranker, indexed.ranker) == (None, "index")
    assert (ranked.ranker, state.ranker, state.index_position) == ("graph", "graph", None)
    assert ranked.hits[0].text == FACTS[0]


async def test_who_joined_with_another_model_is_answered_by_the_graph(
    settings: Settings,
) -> None:
    """Vectors of one model say nothing about a question of another."""
    async with Memory.open(settings=settings) as owner:
        await remember(owner, *FACTS)
        await by_index(owner)
        async with Memory.open(settings=settings.changed(embedder="none")) as joined:
            found = await joined.recall(QUESTION)

    assert (found.ranker, found.lanes["meaning"].state) == ("graph", "skipped")


@in_full_only
async def test_an_index_that_is_behind_has_no_ranker(log: Log, tmp_path: Path) -> None:
    """Words or vectors that are missing make it None; once they are there the index ranks."""
    gate = asyncio.Event()
    embedder = GatedEmbedder(gate)
    async with Indexing(Home(tmp_path / "home"), log, embedder) as indexing:
        await log.ingest([fact(number) for number in (1, 2, 3)])
        without_vectors = await indexing.ranker("default", knowing=3)
        gate.set()
        ranker = await patiently(indexing, knowing=3)
        far_ahead = await indexing.ranker("default", knowing=1_000)
        ahead = await indexing.ranker("default", knowing=4)
        await log.ingest([fact(4)])
        later = await patiently(indexing, knowing=4)
        found = await later.recall(Question(text="A fact", namespace="default"))

    assert (without_vectors, far_ahead, ahead) == (None, None, None)
    assert isinstance(ranker, IndexRanker)
    assert (len(found.hits), found.position) == (4, 4)


@in_full_only
async def test_the_service_answers_by_the_index(tmp_path: Path) -> None:
    """`anabranch up` follows the index, and a command line beside it is answered by that."""
    line = CommandLine(tmp_path / "home", ANABRANCH_RANKER="index")
    started = await asyncio.to_thread(line, "up", "--detach", "--json")
    runtime = read_runtime(Home(line.home))
    assert started.code == 0, started.err
    assert runtime is not None
    assert runtime.log is not None

    client = await nats.connect(runtime.log.url, token=runtime.log.token)
    ask = Asking(client)
    learned = await ask("remember", {"text": FACTS[0]})
    while True:
        answer = await ask("recall", {"query": QUESTION, "after": learned["position"]})
        if answer["ranker"] == "index":
            break
        await asyncio.sleep(0.05)
    joined = await asyncio.to_thread(line, "recall", QUESTION, "--json")
    await client.close()
    ended = await asyncio.to_thread(line, "down", "--json")

    assert [hit["text"] for hit in answer["hits"]] == [FACTS[0]]
    assert joined.value["ranker"] == "index"
    assert [hit["text"] for hit in joined.value["hits"]] == [FACTS[0]]
    assert ended.code == 0, ended.err


@in_full_only
async def test_damaged_files_are_built_again(settings: Settings) -> None:
    """An index whose file lost a bit while nobody looked is built again from the log."""
    folder = Home(settings.home).recall_index
    async with Memory.open(settings=settings) as memory:
        then = await remember(memory, *FACTS)
        first = await by_index(memory, as_of=then)
        await asyncio.to_thread(_await_manifest, folder)
    written = list(folder.glob("*/words-*.seg"))
    for path in written:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)

    async with Memory.open(settings=settings) as memory:
        again = await by_index(memory, as_of=then)

    assert written
    assert again.hits == first.hits


def _await_manifest(folder: Path) -> None:
    """Return once the index is in files."""
    while not (folder / "manifest.json").exists():
        time.sleep(0.05)
