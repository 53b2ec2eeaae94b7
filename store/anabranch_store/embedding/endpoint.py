"""Vectors from an endpoint with OpenAI's embeddings API: a service, or a server of one's own."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import random
from typing import TYPE_CHECKING, Any, Final, Self

from anabranch_store.embedding.network import CHARACTERS_MAX
from anabranch_store.errors import EmbedderMissing, EmbedderRefused, EmbedderUnavailable
from anabranch_store.together import together

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx2

TEXTS_A_REQUEST: Final = 128
REQUESTS_AT_ONCE: Final = 4
ATTEMPTS_MAX: Final = 5
ATTEMPTS_OF_HALVES: Final = 2
PAUSE_S: Final = 0.5
PAUSE_MAX_S: Final = 20.0
_NEEDED: Final = ("httpx2", "numpy")
_PASSING: Final = frozenset({408, 409, 425, 429})
_AWAY: Final = frozenset({*_PASSING, 502, 503})
"""The answers of a server that is busy or away, whatever the text."""
_OF_THE_TEXT: Final = frozenset({400, 413, 422})
"""The answers to a text that is too long, or that the model will not take."""
SHORTEST: Final = 256
_PROBE: Final = "A river."
_log = logging.getLogger("anabranch")

Vector = list[float]


class EmbeddingEndpoint:
    """An embedder behind `POST {url}/embeddings`. Make it, and `async with` it.

    A text counts up to its first 16,384 characters. Texts go 128 a request, four requests at a
    time. A request that fails for a passing reason is repeated, up to five times. Passing are a
    rate limit, a fault of the server, and no answer within `timeout_s`. The pauses grow, or are
    those that the server asks for. The vectors are scaled to length one.

    A text that is refused counts up to its first half, and so on, down to 256 characters. So does
    one over which the server fails again and again, while a plain text gets its vector. One that
    gets no vector all the same, or one that is none, is put aside: its vector is all zeros.
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
        """Return one unit vector a text, in the order given; zeros for one that has none.

        Raises EmbedderUnavailable when the endpoint fails again and again. Raises EmbedderRefused
        when it wants another key, model or text, or answers with something else than such vectors.
        """
        pieces = [
            [text[:CHARACTERS_MAX] or " " for text in texts[start : start + TEXTS_A_REQUEST]]
            for start in range(0, len(texts), TEXTS_A_REQUEST)
        ]
        found = await together(map(self._embed_piece, pieces))
        return [vector for vectors in found for vector in vectors]

    async def _embed_piece(self, texts: list[str]) -> list[Vector]:
        async with self._gate:
            try:
                return _all_of(await self._tried(texts))
            except _Unfit as unfit:
                await self._probe(unfit)
            found = await self._each(texts)
        aside = found.count(None)
        if aside:
            _log.warning("%s gives no vector for %s of %s texts", self._url, aside, len(texts))
        return [[0.0] * self.dimension if vector is None else vector for vector in found]

    async def _probe(self, unfit: _Unfit) -> None:
        """Return if a plain text gets its vector: then the fault is that of others."""
        try:
            _all_of(await self._tried([_PROBE]))
        except _Unfit as same:
            raise self._refused(str(same), fix=same.fix) from unfit

    async def _each(self, texts: list[str]) -> list[Vector | None]:
        """Return the vectors of texts of which some get none: asked for in halves, then alone."""
        attempts = ATTEMPTS_MAX if len(texts) == 1 else ATTEMPTS_OF_HALVES
        try:
            found = await self._tried(texts, attempts=attempts)
        except _Unfit:
            if len(texts) == 1:
                return [await self._shortened(texts[0])]
            half = len(texts) // 2
            return [*await self._each(texts[:half]), *await self._each(texts[half:])]
        if len(texts) == 1:
            return [vector if isinstance(vector, list) else None for vector in found]
        return [
            vector if isinstance(vector, list) else (await self._each([text]))[0]
            for text, vector in zip(texts, found, strict=True)
        ]

    async def _shortened(self, text: str) -> Vector | None:
        while len(text) > SHORTEST:
            text = text[: max(SHORTEST, len(text) // 2)]
            try:
                (found,) = await self._tried([text])
            except _Unfit:
                continue
            return found if isinstance(found, list) else None
        return None

    async def _tried(
        self, texts: list[str], *, attempts: int | None = None
    ) -> list[Vector | _Unfit]:
        """Ask for vectors, again after a passing failure.

        Raises _Unfit where texts are refused, and where the server fails over them alone.
        """
        attempts = attempts or ATTEMPTS_MAX
        for attempt in range(1, attempts + 1):
            try:
                return self._vectors(await self._answer(texts), len(texts))
            except _Passing as passing:
                if attempt == attempts:
                    if passing.may_be_of_the_text and await self._answers():
                        raise _Unfit(f"it failed {attempt} times, lastly: {passing}") from passing
                    raise EmbedderUnavailable(
                        f"{self._url} failed {attempt} times, lastly: {passing}",
                        fix="see whether it is up and what its rate limit is; vectors follow "
                        "as soon as it answers",
                    ) from passing
                await asyncio.sleep(_pause_s(attempt, asked_s=passing.wait_s))
        raise AssertionError  # The last attempt returns or raises.

    async def _answers(self) -> bool:
        """Tell whether a plain text gets an answer right now."""
        try:
            await self._answer([_PROBE])
        except _Passing:
            return False
        return True

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
            raise _Passing(
                f"{type(error).__name__} {error}".strip(),
                may_be_of_the_text=not isinstance(
                    error, httpx2.ConnectError | httpx2.ConnectTimeout
                ),
            ) from error
        if response.status_code in _PASSING or response.status_code >= 500:
            raise _Passing(
                f"status {response.status_code}",
                wait_s=_seconds(response.headers.get("Retry-After")),
                may_be_of_the_text=response.status_code not in _AWAY,
            )
        if response.status_code != 200:
            problem = f"status {response.status_code}: {response.text[:300]}"
            if response.status_code in _OF_THE_TEXT:
                raise _Unfit(problem)
            raise self._refused(problem)
        try:
            return response.json()
        except ValueError as error:
            raise self._refused("its answer is no JSON") from error

    def _vectors(self, answer: Any, count: int) -> list[Vector | _Unfit]:
        try:
            rows = sorted(answer["data"], key=lambda row: row["index"])
            places = [row["index"] for row in rows]
            given = [row["embedding"] for row in rows]
        except (KeyError, TypeError, ValueError) as error:
            raise self._refused("its answer is not one of the embeddings API") from error
        if places != list(range(count)):
            raise _Unfit(f"it gave {len(places)} vectors for {count} texts")
        return [self._unit(numbers) for numbers in given]

    def _unit(self, given: object) -> Vector | _Unfit:
        """Return a vector at length one, or what is wrong with it."""
        import numpy as np

        try:
            numbers = np.array(given, dtype=np.float64)
        except (OverflowError, TypeError, ValueError):
            return _Unfit("a vector of it is not made of numbers")
        if numbers.ndim != 1 or len(numbers) != self.dimension:
            size = len(numbers) if numbers.ndim == 1 else 0
            return _Unfit(
                f"its vectors have {size} numbers, not {self.dimension}",
                fix=f"set ANABRANCH_EMBEDDER_DIMENSION to {size}" if size else None,
            )
        with np.errstate(over="ignore"):
            length = np.linalg.norm(numbers)
        if not np.isfinite(length) or not length:
            return _Unfit("a vector of it has no direction")
        unit: Vector = (numbers / length).tolist()
        return unit

    def _refused(self, problem: str, *, fix: str | None = None) -> EmbedderRefused:
        return EmbedderRefused(
            f"{self._url} gives no vectors of {self.model}: {problem}",
            fix=fix
            or "correct ANABRANCH_EMBEDDER_URL, ANABRANCH_EMBEDDER_MODEL or ANABRANCH_EMBEDDER_KEY",
        )


class _Passing(Exception):
    """A failure that may pass before the next request, after `wait_s` if the server names it."""

    def __init__(
        self, reason: str, *, wait_s: float | None = None, may_be_of_the_text: bool = False
    ) -> None:
        super().__init__(reason)
        self.wait_s = wait_s
        self.may_be_of_the_text = may_be_of_the_text


class _Unfit(Exception):
    """A text that the endpoint refuses or fails over, or a vector that is none."""

    def __init__(self, problem: str, *, fix: str | None = None) -> None:
        super().__init__(problem)
        self.fix = fix


def _all_of(found: Sequence[Vector | _Unfit]) -> list[Vector]:
    """Return the vectors if all are good. Raises the first _Unfit."""
    vectors: list[Vector] = []
    for vector in found:
        if isinstance(vector, _Unfit):
            raise vector
        vectors.append(vector)
    return vectors


def _pause_s(attempt: int, *, asked_s: float | None) -> float:
    own_s: float = PAUSE_S * 2.0 ** (attempt - 1) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret.
    return min(PAUSE_MAX_S, max(own_s, asked_s or 0.0))


def _seconds(header: str | None) -> float | None:
    """Read a Retry-After header where it is a number of seconds."""
    try:
        return float(header or "")
    except ValueError:
        return None
