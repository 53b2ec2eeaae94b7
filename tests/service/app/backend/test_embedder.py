"""The embedder by setting: the built-in model, an endpoint, or none, and the change between them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from anabranch import Memory
from anabranch.doctor import examine
from anabranch.errors import SettingInvalid
from anabranch.memory.memory import namespace_of
from tests.support.chinese_model import DIMENSION as CHINESE_DIMENSION
from tests.support.chinese_model import chinese_model
from tests.support.embeddings import DIMENSION, MODEL, EmbeddingsServer
from tests.support.patience import PATIENCE_S
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from anabranch.settings import Settings

QUESTION = "Which instrument drifts?"


def _with_endpoint(settings: Settings, server: EmbeddingsServer) -> Settings:
    return settings.changed(
        embedder="endpoint",
        embedder_url=server.url,
        embedder_model=MODEL,
        embedder_dimension=DIMENSION,
    )


async def test_none_skips_meaning_and_a_rebuild_brings_it(own_settings: Settings) -> None:
    """Without an embedder recall goes by words at once; an embedder set later catches up."""
    with EmbeddingsServer() as server:
        async with Memory.open(settings=own_settings.changed(embedder="none")) as memory:
            await memory.remember("The old gauge drifts.")
            words = await memory.recall(QUESTION)
            checks = {check.name: check for check in await examine(memory.settings)}
        async with Memory.open(settings=_with_endpoint(own_settings, server)) as memory:
            await namespace_of(memory).backend.wait_for(
                namespace_of(memory).backend.seen, projection="vectors", timeout_s=PATIENCE_S
            )
            both = await memory.recall(QUESTION)

    assert [hit.text for hit in words.hits] == ["The old gauge drifts."]
    assert (words.lanes["meaning"].state, words.lanes["meaning"].reason) == (
        "skipped",
        "no embedder is set",
    )
    assert (checks["vectors"].ok, "none" in checks["vectors"].detail) == (True, True)
    assert both.lanes["meaning"].state == "ok"
    assert both.hits[0].why.cosine


@in_full_only
async def test_another_model_is_refused_until_a_rebuild(own_settings: Settings) -> None:
    """Vectors of two models are never mixed; words go on, and every place says the way out."""
    with EmbeddingsServer() as server:
        changed = _with_endpoint(own_settings, server)
        async with Memory.open(settings=own_settings) as memory:
            await memory.remember("The old gauge drifts.")
            await memory.recall(QUESTION)
        async with Memory.open(settings=changed) as memory:
            await memory.remember("A new gauge does not drift.")
            refused = await memory.recall(QUESTION)
            checks = {check.name: check for check in await examine(changed)}
            asked = list(server.texts)
            rebuilt = await memory.graph.rebuild()
            fresh = await memory.recall(QUESTION)
            digest = await memory.graph.digest()

    assert len(refused.hits) == 2
    assert refused.lanes["meaning"].state == "skipped"
    assert "until it is rebuilt with that embedder" in str(refused.lanes["meaning"].reason)
    assert not checks["vectors"].ok
    assert "rebuild --embedder" in str(checks["vectors"].fix)
    assert asked == []
    assert rebuilt.digest == digest.digest
    assert fresh.lanes["meaning"].state == "ok"
    assert {"The old gauge drifts.", "A new gauge does not drift.", QUESTION} == set(server.texts)


async def test_a_rebuild_asks_the_model_for_nothing(own_settings: Settings) -> None:
    """Every vector of the new graph comes from the cache in the log."""
    with EmbeddingsServer() as server:
        async with Memory.open(settings=_with_endpoint(own_settings, server)) as memory:
            await memory.remember("The old gauge drifts.")
            last = await memory.remember("A new gauge does not drift.")
            await namespace_of(memory).backend.wait_for(
                last.position, projection="vectors", timeout_s=PATIENCE_S
            )
            before = list(server.texts)
            await memory.graph.rebuild()
            asked = server.texts[len(before) :]
            found = await memory.cypher(
                "MATCH (i:Insight) WHERE i.embedding IS NOT NULL RETURN count(i) AS vectors"
            )

    assert set(before) == {"The old gauge drifts.", "A new gauge does not drift."}
    assert asked == []
    assert found.rows == [{"vectors": 2}]


@in_full_only
async def test_an_embedder_that_hangs_keeps_no_words_waiting(own_settings: Settings) -> None:
    """What is learned is in the graph and found by its words while no vector comes of it."""
    with EmbeddingsServer() as server:
        server.dawdle_s = 60.0
        async with Memory.open(settings=_with_endpoint(own_settings, server)) as memory:
            learned = [await memory.remember(f"Gauge {number} drifts.") for number in range(20)]
            last = learned[-1]
            await asyncio.to_thread(server.asked.wait, 30)
            reached = await memory.wait_for(last.position, timeout_s=PATIENCE_S)
            projecting = namespace_of(memory).backend.projecting
            assert projecting is not None
            behind = projecting.positions["vectors"]
            found = await memory.recall("gauge 19")

    assert server.asked.is_set()
    assert reached >= last.position
    assert behind < last.position
    assert server.texts == []
    assert found.hits[0].text == "Gauge 19 drifts."
    assert (found.lanes["words"].state, found.lanes["meaning"].state) == ("ok", "failed")


async def test_an_endpoint_needs_its_settings(own_settings: Settings) -> None:
    """What is missing is named before anything starts."""
    half = own_settings.changed(embedder="endpoint", embedder_url="http://127.0.0.1:1/v1")

    with pytest.raises(SettingInvalid, match="ANABRANCH_EMBEDDER_MODEL: is not set"):
        async with Memory.open(settings=half):
            pass


@in_full_only
async def test_a_model_in_a_folder_finds_what_its_language_means(own_settings: Settings) -> None:
    """A Chinese question finds its answer, which shares no word with it, by a Chinese model."""
    settings = own_settings.changed(
        embedder="folder",
        embedder_folder=chinese_model(),
        embedder_dimension=CHINESE_DIMENSION,
    )
    async with Memory.open(settings=settings) as memory:
        answer = await memory.remember("这次出行靠银行贷款。")
        last = await memory.remember("投影器在断档之后会重置消费者。")
        await namespace_of(memory).backend.wait_for(
            last.position, projection="vectors", timeout_s=PATIENCE_S
        )
        found = await memory.recall("旅游怎么付钱")

    assert found.lanes["meaning"].state == "ok"
    assert found.hits[0].insight_id == answer.insight_id
    assert found.hits[0].why.matched == ()


@pytest.mark.parametrize("ranker", ["index", "graph"])
async def test_questions_and_texts_have_their_own_prefixes(
    own_settings: Settings, ranker: str
) -> None:
    """The endpoint gets what its model wants; the prefix of texts is part of the model's name."""
    with EmbeddingsServer() as server:
        settings = _with_endpoint(own_settings, server).changed(
            embedder_text_prefix="passage: ", embedder_question_prefix="query: ", ranker=ranker
        )
        async with Memory.open(settings=settings) as memory:
            receipt = await memory.remember("The old gauge drifts.")
            await namespace_of(memory).backend.wait_for(
                receipt.position, projection="vectors", timeout_s=PATIENCE_S
            )
            found = await memory.recall(QUESTION)
            embedder = namespace_of(memory).backend.embedder

    assert found.ranker == ranker
    assert found.lanes["meaning"].state == "ok"
    assert {"passage: The old gauge drifts.", f"query: {QUESTION}"} <= set(server.texts)
    assert all(text.startswith(("passage: ", "query: ")) for text in server.texts)
    assert embedder is not None
    assert embedder.model == f"{MODEL} after 'passage:'"


@pytest.mark.parametrize("embedder", ["endpoint", "folder"])
async def test_a_setting_that_lacks_is_named(own_settings: Settings, embedder: str) -> None:
    """An embedder without its address or its folder is refused before anything is opened."""
    with pytest.raises(SettingInvalid, match=f"is not set, and ANABRANCH_EMBEDDER is {embedder}"):
        async with Memory.open(settings=own_settings.changed(embedder=embedder)):
            pass
