"""The cache of vectors: kept beside the log, by model and text."""

from __future__ import annotations

import asyncio
import sys
from array import array
from hashlib import sha256
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from anabranch_events import Bucket, Log
    from anabranch_projections.vectors.known import KnownVectors
    from anabranch_recall import Embedder

BUCKET: Final = "ANABRANCH_VECTORS"
EMBEDDED_AT_ONCE: Final = 256
ASKED_AT_ONCE: Final = 64


class VectorCache:
    """An embedder with a memory, in a bucket of the log's server.

    Vectors are kept as 32-bit floats and rounded to them before their first use, so that one from
    the cache is the very same. `known` are those of private texts that need not be made again.
    """

    def __init__(self, log: Log, embedder: Embedder, known: KnownVectors | None = None) -> None:
        self._log = log
        self._known_vectors = known
        self._embedder = embedder
        self._model_key = sha256(embedder.model.encode()).hexdigest()[:16]
        self._asking = asyncio.Semaphore(ASKED_AT_ONCE)
        self._bucket: Bucket | None = None

    async def vectors(
        self, texts: Sequence[str], *, private: Collection[str] = ()
    ) -> list[list[float]]:
        """Return a vector for each text, in order; only unknown ones are computed.

        Zeros stand for a text that the embedder has none for; they are not kept. Those of `private`
        texts are never kept either: a bucket does not give back what was deleted.
        """
        if not texts:
            return []
        wanted = list(dict.fromkeys(texts))
        asked = [text for text in wanted if text not in private] if private else wanted
        found = await asyncio.gather(*map(self._known, asked))
        vectors = {
            text: vector for text, vector in zip(asked, found, strict=True) if vector is not None
        }
        if self._known_vectors is not None:
            for text in private:
                if (vector := self._known_vectors.get(text)) is not None:
                    vectors[text] = vector
        missing = [text for text in wanted if text not in vectors]
        for start in range(0, len(missing), EMBEDDED_AT_ONCE):
            some = missing[start : start + EMBEDDED_AT_ONCE]
            vectors.update(await self._computed(some, private))
        return [vectors[text] for text in texts]

    async def _computed(
        self, texts: Sequence[str], private: Collection[str]
    ) -> dict[str, list[float]]:
        made = [array("f", vector) for vector in await self._embedder.embed(texts)]
        kept = [
            (text, vector)
            for text, vector in zip(texts, made, strict=True)
            if any(vector) and text not in private
        ]
        await asyncio.gather(*(self._keep(text, vector) for text, vector in kept))
        return {text: vector.tolist() for text, vector in zip(texts, made, strict=True)}

    async def _known(self, text: str) -> list[float] | None:
        async with self._asking:
            bucket = await self._opened()
            kept = None if bucket is None else await bucket.get(self._key(text))
        if kept is None or len(kept) != 4 * self._embedder.dimension:
            return None
        return _little_endian(array("f", kept)).tolist()

    async def _keep(self, text: str, vector: array[float]) -> None:
        async with self._asking:
            bucket = await self._opened()
            if bucket is not None:
                await bucket.put(self._key(text), _little_endian(array("f", vector)).tobytes())

    def _key(self, text: str) -> str:
        return f"{self._model_key}.{text_key(text)}"

    async def _opened(self) -> Bucket | None:
        """Return the bucket; None for a tenant, who could read there what others hold."""
        if self._log.rights == "namespaces":
            return None
        if self._bucket is None:
            self._bucket = await self._log.bucket(BUCKET)
        return self._bucket


def text_key(text: str) -> str:
    """Return the last token of the keys of a text's vectors, whichever model made them."""
    return sha256(text.encode()).hexdigest()


def _little_endian(numbers: array[float]) -> array[float]:
    """Swap the bytes where the machine's order is not the stored one."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
