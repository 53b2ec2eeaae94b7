"""An embeddings endpoint over real HTTP: order, length, repetition, and answers that are refused."""

from __future__ import annotations

import asyncio
import json
import math
from typing import TYPE_CHECKING

import pytest

from anabranch_store import EmbeddingEndpoint
from anabranch_store.embedding import endpoint
from anabranch_store.errors import EmbedderRefused, EmbedderUnavailable
from tests.support.embeddings import DIMENSION, MODEL, EmbeddingsServer, vector_of
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddingsServer]:
    """Run an endpoint, before which nobody waits long."""
    monkeypatch.setattr(endpoint, "PAUSE_S", 0.001)
    with EmbeddingsServer() as running:
        yield running


def endpoint_of(server: EmbeddingsServer, *, timeout_s: float = 30.0) -> EmbeddingEndpoint:
    """Return the embedder before it."""
    return EmbeddingEndpoint(
        server.url, model=MODEL, dimension=DIMENSION, key="secret", timeout_s=timeout_s
    )


def unit(text: str) -> list[float]:
    """Return the server's vector for a text at length one."""
    vector = vector_of(text)
    length = math.hypot(*vector)
    return [number / length for number in vector]


async def test_each_text_gets_its_vector_at_length_one(server: EmbeddingsServer) -> None:
    """Over several requests, answered in any order, vectors stand in the order of the texts."""
    texts = [f"Gauge {number}" for number in range(300)]

    async with endpoint_of(server) as embedder:
        vectors = await embedder.embed(texts)
        nothing = await embedder.embed([])

    assert vectors == [pytest.approx(unit(text)) for text in texts]
    assert nothing == []
    assert sorted(len(asked["input"]) for asked in server.requests) == [44, 128, 128]
    assert {asked["model"] for asked in server.requests} == {MODEL}
    assert set(server.keys) == {"Bearer secret"}


@in_full_only
async def test_passing_failures_are_repeated(server: EmbeddingsServer) -> None:
    """A rate limit, a fault, a lost connection and a slow answer delay a vector, and lose none."""
    server.failing.extend([429, 503, "drop", 9.0])

    async with endpoint_of(server, timeout_s=2) as embedder:
        vectors = await embedder.embed(["Gauge"])

    assert vectors == [pytest.approx(unit("Gauge"))]
    assert len(server.requests) == 5


async def test_an_endpoint_that_keeps_failing_is_unavailable(server: EmbeddingsServer) -> None:
    """After five attempts the caller is told, to try again later."""
    server.failing.extend([500] * 6)

    async with endpoint_of(server) as embedder:
        with pytest.raises(EmbedderUnavailable, match="failed 5 times, lastly: status 500"):
            await embedder.embed(["Gauge"])

    assert len(server.requests) == 6  # The last one asked for a plain text.


async def test_nobody_there_is_unavailable(server: EmbeddingsServer) -> None:
    """An endpoint that nobody serves is a passing failure: it may come up."""
    gone = server.url

    with EmbeddingsServer() as other:
        gone = other.url
    async with EmbeddingEndpoint(gone, model=MODEL, dimension=DIMENSION) as embedder:
        with pytest.raises(EmbedderUnavailable, match="ConnectError"):
            await embedder.embed(["Gauge"])


def _answer(*rows: object) -> tuple[int, str]:
    return 200, json.dumps({"data": list(rows)})


@pytest.mark.parametrize(
    ("answer", "problem", "fix"),
    [
        (401, "status 401: .*not now", "ANABRANCH_EMBEDDER_KEY"),
        (404, "status 404", "ANABRANCH_EMBEDDER_URL"),
        ((200, "<html>"), "no JSON", "ANABRANCH_EMBEDDER_URL"),
        ((200, "[]"), "not one of the embeddings API", "ANABRANCH_EMBEDDER_URL"),
    ],
)
async def test_what_no_repetition_mends_is_refused(
    server: EmbeddingsServer, answer: int | tuple[int, str], problem: str, fix: str
) -> None:
    """A wrong key or an answer of another kind is told at once, with the setting to correct."""
    server.failing.append(answer)

    async with endpoint_of(server) as embedder:
        with pytest.raises(EmbedderRefused, match=problem) as refused:
            await embedder.embed(["Gauge"])

    assert fix in refused.value.fix
    assert len(server.requests) == 1


async def test_after_an_error_nothing_further_is_asked(
    server: EmbeddingsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the texts that wait for their turn, at most the next has begun when the error is there."""
    monkeypatch.setattr(endpoint, "REQUESTS_AT_ONCE", 1)
    monkeypatch.setattr(endpoint, "TEXTS_A_REQUEST", 1)
    server.failing.append(401)

    async with endpoint_of(server) as embedder:
        with pytest.raises(EmbedderRefused, match="status 401"):
            await embedder.embed(["Gauge"] * 20)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*left, return_exceptions=True)

    assert len(server.requests) <= 2


@pytest.mark.parametrize(
    ("answer", "problem", "fix"),
    [
        (400, "status 400: .*not now", "ANABRANCH_EMBEDDER_MODEL"),
        (_answer(), "0 vectors for 1 texts", "ANABRANCH_EMBEDDER_URL"),
        (_answer({"index": 0, "embedding": None}), "0 numbers, not 8", "ANABRANCH_EMBEDDER_"),
        (
            _answer({"index": 0, "embedding": [1.0, 2.0]}),
            "have 2 numbers, not 8",
            "ANABRANCH_EMBEDDER_DIMENSION to 2",
        ),
        (_answer({"index": 0, "embedding": [0.0] * 8}), "no direction", "ANABRANCH_EMBEDDER_MODEL"),
    ],
)
async def test_an_endpoint_that_gives_no_text_a_vector_is_refused(
    server: EmbeddingsServer, answer: int | tuple[int, str], problem: str, fix: str
) -> None:
    """A plain text that has none either shows that the fault is not the text's."""
    server.failing.extend([answer] * 2)

    async with endpoint_of(server) as embedder:
        with pytest.raises(EmbedderRefused, match=problem) as refused:
            await embedder.embed(["Gauge"])

    assert fix in refused.value.fix
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "bad",
    [
        *([math.nan] * DIMENSION, [None] * DIMENSION, [0.0] * DIMENSION, [1.0], "x", None, 400),
        *([10**400] * DIMENSION, [1e308] * DIMENSION),
        *(500, "drop", "left out", pytest.param("hang", marks=in_full_only)),
    ],
    ids=[
        *("nan", "null", "zeros", "short", "text", "none", "refused", "whole", "long"),
        *("fault", "dropped", "left out", "hang"),
    ],
)
async def test_a_text_without_a_vector_holds_up_no_other(
    server: EmbeddingsServer, bad: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NaN, zeros, a refusal, a fault or silence for one text: it is put aside, the others go on."""
    texts = [f"Gauge {number}" for number in range(9)]
    server.bad = {"Gauge 4": bad}
    monkeypatch.setattr(endpoint, "ATTEMPTS_MAX", 1 if bad == "hang" else 5)
    monkeypatch.setattr(endpoint, "ATTEMPTS_OF_HALVES", 1)

    async with endpoint_of(server, timeout_s=2 if bad == "hang" else 30) as embedder:
        vectors = await embedder.embed(texts)
        alone = await embedder.embed(["Gauge 4"])

    nothing = [0.0] * DIMENSION
    assert vectors == [
        nothing if text == "Gauge 4" else pytest.approx(unit(text)) for text in texts
    ]
    assert alone == [nothing]


async def test_a_text_that_is_too_long_is_cut(server: EmbeddingsServer) -> None:
    """What an endpoint refuses for its length counts up to a half, or a quarter."""
    server.characters_max = 5000
    long = "Gauge " * 2500

    async with endpoint_of(server) as embedder:
        vectors = await embedder.embed(["Gauge", long])

    assert vectors == [pytest.approx(unit(text)) for text in ("Gauge", long[:3750])]
