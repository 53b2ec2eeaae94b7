"""Vectors from an endpoint with OpenAI's embeddings API: a service, or a server of one's own."""

from __future__ import annotations

import asyncio
import importlib.util
import random
from typing import TYPE_CHECKING, Any, Final, Self

from anabranch_store.embedding.minilm import CHARACTERS_MAX
from anabranch_store.errors import EmbedderMissing, EmbedderRefused, EmbedderUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx2

TEXTS_A_REQUEST: Final = 128
REQUESTS_AT_ONCE: Final = 4
ATTEMPTS_MAX: Final = 5
PAUSE_S: Final = 0.5
PAUSE_MAX_S: Final = 20.0
_NEEDED: Final = ("httpx2", "numpy")
_PASSING: Final = frozenset({408, 409, 425, 429})


class EmbeddingEndpoint:
    """An embedder behind `POST {url}/embeddings`. Make it, and `async with` it.

    A text counts up to its first 16,384 characters. Texts go 128 a request, four requests at a
    time. A request that fails for a passing reason is repeated, up to five times. Passing are a
    rate limit, a fault of the server, and no answer within `timeout_s`. The pauses grow, or are
    those that the server asks for. The vectors are scaled to length one.
    """

    def __init__(
        self,
        url: str,
        *,
        model: str,
        dimension: int,
        key: str | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        self.model = model
        self.dimension = dimension
        self._url = f"{url.rstrip('/')}/embeddings"
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._timeout_s = timeout_s
        self._gate = asyncio.Semaphore(REQUESTS_AT_ONCE)
        self._client: httpx2.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
        if missing:
            raise EmbedderMissing(
                f"an embeddings endpoint cannot be asked: there is no {', '.join(missing)}",
                fix="pip install 'anabranch[graph]', or set ANABRANCH_EMBEDDER to none",
            )
        import httpx2

        self._client = httpx2.AsyncClient(headers=self._headers, timeout=self._timeout_s)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one unit vector a text, in the order given.

        Raises EmbedderUnavailable when the endpoint fails again and again. Raises EmbedderRefused
        when it wants another key, model or text, or answers with something else than such vectors.
        """
        pieces = [
            [text[:CHARACTERS_MAX] or " " for text in texts[start : start + TEXTS_A_REQUEST]]
            for start in range(0, len(texts), TEXTS_A_REQUEST)
        ]
        found = await asyncio.gather(*map(self._embed_piece, pieces))
        return [vector for vectors in found for vector in vectors]

    async def _embed_piece(self, texts: list[str]) -> list[list[float]]:
        async with self._gate:
            for attempt in range(1, ATTEMPTS_MAX + 1):
                try:
                    return self._vectors(await self._answer(texts), len(texts))
                except _Passing as passing:
                    if attempt == ATTEMPTS_MAX:
                        raise EmbedderUnavailable(
                            f"{self._url} failed {attempt} times, lastly: {passing}",
                            fix="see whether it is up and what its rate limit is; vectors follow "
                            "as soon as it answers",
                        ) from passing
                    await asyncio.sleep(_pause_s(attempt, asked_s=passing.wait_s))
        raise AssertionError  # The last attempt returns or raises.

    async def _answer(self, texts: list[str]) -> Any:
        import httpx2

        if self._client is None:
            raise RuntimeError("the embedder is not open: use `async with`")
        body = {"model": self.model, "input": texts, "encoding_format": "float"}
        try:
            response = await self._client.post(self._url, json=body)
        except httpx2.UnsupportedProtocol as error:
            raise self._refused(str(error)) from error
        except httpx2.RequestError as error:
            raise _Passing(f"{type(error).__name__} {error}".strip()) from error
        if response.status_code in _PASSING or response.status_code >= 500:
            raise _Passing(
                f"status {response.status_code}",
                wait_s=_seconds(response.headers.get("Retry-After")),
            )
        if response.status_code != 200:
            raise self._refused(f"status {response.status_code}: {response.text[:300]}")
        try:
            return response.json()
        except ValueError as error:
            raise self._refused("its answer is no JSON") from error

    def _vectors(self, answer: Any, count: int) -> list[list[float]]:
        import numpy as np

        try:
            rows = sorted(answer["data"], key=lambda row: row["index"])
            places = [row["index"] for row in rows]
            numbers = np.array([row["embedding"] for row in rows], dtype=np.float64)
        except (KeyError, TypeError, ValueError) as error:
            raise self._refused("its answer is not one of the embeddings API") from error
        if places != list(range(count)):
            raise self._refused(f"it gave {len(places)} vectors for {count} texts")
        if numbers.ndim != 2 or numbers.shape[1] != self.dimension:
            raise self._refused(
                f"its vectors have {numbers.shape[-1]} numbers, not {self.dimension}",
                fix=f"set ANABRANCH_EMBEDDER_DIMENSION to {numbers.shape[-1]}",
            )
        lengths = np.linalg.norm(numbers, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or not lengths.all():
            raise self._refused("a vector of it has no direction")
        unit: list[list[float]] = (numbers / lengths).tolist()
        return unit

    def _refused(self, problem: str, *, fix: str | None = None) -> EmbedderRefused:
        return EmbedderRefused(
            f"{self._url} gives no vectors of {self.model}: {problem}",
            fix=fix
            or "correct ANABRANCH_EMBEDDER_URL, ANABRANCH_EMBEDDER_MODEL or ANABRANCH_EMBEDDER_KEY",
        )


class _Passing(Exception):
    """A failure that may pass before the next request, after `wait_s` if the server names it."""

    def __init__(self, reason: str, *, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


def _pause_s(attempt: int, *, asked_s: float | None) -> float:
    own_s: float = PAUSE_S * 2.0 ** (attempt - 1) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret.
    return min(PAUSE_MAX_S, max(own_s, asked_s or 0.0))


def _seconds(header: str | None) -> float | None:
    """Read a Retry-After header where it is a number of seconds."""
    try:
        return float(header or "")
    except ValueError:
        return None
