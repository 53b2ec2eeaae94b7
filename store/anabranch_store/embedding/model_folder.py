"""A model of the user's own choice: a folder as sentence-transformers and Optimum export it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from anabranch_store.embedding.network import LocalEmbedder, Network, Pooling, check_installed
from anabranch_store.errors import EmbedderMissing, EmbedderRefused

if TYPE_CHECKING:
    from collections.abc import Hashable
    from pathlib import Path

    from tokenizers import Tokenizer

TOKENS_MAX: Final = 512
_NETWORKS: Final = ("model.onnx", "model_quantized.onnx", "model_int8.onnx")
_SAMPLE: Final = 1 << 20
_LIMITS: Final = (
    ("sentence_bert_config.json", "max_seq_length"),
    ("tokenizer_config.json", "model_max_length"),
    ("config.json", "max_position_embeddings"),
)


class Prompts(NamedTuple):
    """The words that a model wants before a text, and before a question."""

    text: str = ""
    question: str = ""


class ModelFolder(LocalEmbedder):
    """The ONNX network in a folder, with the `tokenizer.json` beside it.

    The network is `model.onnx`, a quantized one, or the only `.onnx` there, also in `onnx/`. The
    folder also says the pooling (`1_Pooling/config.json`; without it the mean) and the longest
    text, at most 512 tokens. `prompts` are its own, for a caller to put before texts and questions.
    `model` names the folder and the network's content, so that vectors of two networks never mix.
    `dimension` need not be given where the folder says it.

    Source: sentence-transformers, "Creating custom models", the layout of a saved model.
    """

    def __init__(self, folder: Path, *, dimension: int | None = None) -> None:
        """Look at the folder. Raises EmbedderMissing and EmbedderRefused; loads nothing yet."""
        super().__init__()
        check_installed()
        self._folder = folder
        self._path = _network_in(folder)
        self._pooling: Pooling = _pooling(folder)
        self.prompts = _prompts(folder)
        _tokenizer_file(folder)
        self.dimension = dimension or _dimension(folder)
        self.model = f"{folder.resolve().name}-{_fingerprint(self._path)}"

    def _key(self) -> Hashable:
        return (self._path.resolve(), self.model, self.dimension, self._pooling)

    def _load(self) -> Network:
        tokenizer = _tokenizer(self._folder)
        try:
            network = Network(str(self._path), tokenizer, pooling=self._pooling)
        except EmbedderRefused:
            raise
        except Exception as error:
            # The errors of onnxruntime have no class in common.
            raise EmbedderRefused(
                f"{self._path} cannot be loaded: {str(error).splitlines()[0]}",
                fix="export the model to ONNX again",
            ) from error
        [vector] = network.vectors(["a river"])
        if len(vector) != self.dimension:
            raise EmbedderRefused(
                f"{self._path} gives vectors of {len(vector)} numbers, not of {self.dimension}",
                fix=f"set ANABRANCH_EMBEDDER_DIMENSION to {len(vector)}",
            )
        return network


def _network_in(folder: Path) -> Path:
    places = [place for place in (folder, folder / "onnx") if place.is_dir()]
    for name in _NETWORKS:
        for place in places:
            if (place / name).is_file():
                return place / name
    others = sorted(found for place in places for found in place.glob("*.onnx"))
    if len(others) == 1:
        return others[0]
    if others:
        raise EmbedderRefused(
            f"{folder} has several networks: {', '.join(other.name for other in others)}",
            fix="leave one of them there, or call it model.onnx",
        )
    raise EmbedderMissing(
        f"{folder} has no network: neither model.onnx nor another .onnx, also not in onnx/",
        fix="set ANABRANCH_EMBEDDER_FOLDER to the folder of a model that was exported to ONNX",
    )


def _tokenizer_file(folder: Path) -> Path:
    path = folder / "tokenizer.json"
    others = sorted(folder.glob("*tokenizer.json"))
    if not path.is_file() and len(others) != 1:
        raise EmbedderMissing(
            f"{folder} has no tokenizer.json",
            fix="put the model's tokenizer.json beside its network",
        )
    return path if path.is_file() else others[0]


def _tokenizer(folder: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    path = _tokenizer_file(folder)
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:
        # The errors of tokenizers have no class of their own.
        raise EmbedderRefused(
            f"{path} is no tokenizer: {error}", fix="take the tokenizer.json of the model"
        ) from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(_tokens_max(folder))
    return tokenizer


def _tokens_max(folder: Path) -> int:
    said = [_read(folder, file).get(key) for file, key in _LIMITS]
    return min([TOKENS_MAX, *(each for each in said if isinstance(each, int) and each > 2)])


def _pooling(folder: Path) -> Pooling:
    said = _read(folder, "1_Pooling/config.json")
    named = {"mean_tokens": "mean", "cls_token": "cls"}
    start = "pooling_mode_"
    used = [key.removeprefix(start) for key in said if key.startswith(start) and said[key] is True]
    wanted = [str(said["pooling_mode"])] if "pooling_mode" in said else used
    modes = [named.get(one, one) for one in wanted] or ["mean"]
    if modes == ["mean"]:
        return "mean"
    if modes == ["cls"]:
        return "cls"
    raise EmbedderRefused(
        f"{folder / '1_Pooling/config.json'} wants {', '.join(modes)}, which is not known here",
        fix="take a model that pools by its mean or its first token",
    )


def _prompts(folder: Path) -> Prompts:
    """Return the prompts that sentence-transformers would use for a document and a query."""
    said = _read(folder, "config_sentence_transformers.json").get("prompts")
    if not isinstance(said, dict):
        return Prompts()
    texts = {str(name): str(prompt) for name, prompt in said.items()}
    return Prompts(texts.get("document", texts.get("passage", "")), texts.get("query", ""))


def _dimension(folder: Path) -> int:
    said = [
        _read(folder, "1_Pooling/config.json").get("word_embedding_dimension"),
        _read(folder, "config.json").get("hidden_size"),
    ]
    for each in said:
        if isinstance(each, int) and each > 0:
            return each
    raise EmbedderRefused(
        f"{folder} does not say how many numbers a vector has: it has no config.json",
        fix="set ANABRANCH_EMBEDDER_DIMENSION",
    )


def _read(folder: Path, name: str) -> dict[str, Any]:
    """Return an object of JSON in the folder; an empty one where there is none."""
    path = folder / name
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise EmbedderRefused(
            f"{path} is no JSON: {error}", fix="download or export the model again"
        ) from error
    return found if isinstance(found, dict) else {}


def _fingerprint(path: Path) -> str:
    """Return a short hash of a file's size, its first and its last megabyte."""
    size = path.stat().st_size
    content = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        content.update(file.read(_SAMPLE))
        file.seek(max(0, size - _SAMPLE))
        content.update(file.read(_SAMPLE))
    return content.hexdigest()[:8]
