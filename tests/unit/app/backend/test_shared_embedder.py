"""The embedder that a process shares: nothing is made twice, and nothing for nobody."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from anabranch.backend.shared_embedder import SharedEmbedder

if TYPE_CHECKING:
    from collections.abc import Sequence


class Recorded:
    """An embedder that keeps what it was asked for, and answers once its gate is open."""

    model = "recorded"
    dimension = 1

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.cancelled: list[tuple[str, ...]] = []
        self.gate = asyncio.Event()
        self.failure: Exception | None = None

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return the length of each text as its vector."""
        self.asked.append(tuple(texts))
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled.append(tuple(texts))
            raise
        if self.failure is not None:
            raise self.failure
        return [[float(len(text))] for text in texts]


async def begun(embedder: SharedEmbedder, *texts: str) -> asyncio.Task[list[list[float]]]:
    """Ask, and return once the question is on its way."""
    task = asyncio.create_task(embedder.embed(texts))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return task


async def test_what_several_want_at_once_is_made_once() -> None:
    """Texts that are in the making, or were made just now, are not made again."""
    inner = Recorded()
    embedder = SharedEmbedder(inner)

    first = await begun(embedder, "a", "bb")
    second = await begun(embedder, "bb", "ccc", "bb")
    inner.gate.set()
    found = [await first, await second, await embedder.embed(["ccc", "a"])]

    assert found == [[[1.0], [2.0]], [[2.0], [3.0], [2.0]], [[3.0], [1.0]]]
    assert inner.asked == [("a", "bb"), ("ccc",)]


async def test_only_the_last_texts_are_kept() -> None:
    """Beyond the bound the oldest vectors are made again when they are wanted."""
    inner = Recorded()
    inner.gate.set()
    embedder = SharedEmbedder(inner, recent_max=2)

    await embedder.embed(["a", "bb", "ccc"])
    await embedder.embed(["bb", "ccc"])
    again = await embedder.embed(["a"])

    assert again == [[1.0]]
    assert inner.asked == [("a", "bb", "ccc"), ("a",)]


async def test_a_caller_who_leaves_takes_nothing_from_the_others() -> None:
    """Vectors in the making are given up once the last caller has left, and not before."""
    inner = Recorded()
    embedder = SharedEmbedder(inner)

    first = await begun(embedder, "a")
    second = await begun(embedder, "a")
    alone = await begun(embedder, "bb")
    first.cancel()
    alone.cancel()
    await asyncio.gather(first, alone, return_exceptions=True)
    later = await begun(embedder, "bb")
    inner.gate.set()

    assert (await second, await later) == ([[1.0]], [[2.0]])
    assert inner.cancelled == [("bb",)]
    assert inner.asked == [("a",), ("bb",), ("bb",)]


async def test_a_failure_reaches_every_caller_and_is_not_kept() -> None:
    """All who waited hear of it, and the next one asks again."""
    inner = Recorded()
    inner.failure = RuntimeError("no model")
    embedder = SharedEmbedder(inner)

    first, second = await begun(embedder, "a"), await begun(embedder, "a")
    inner.gate.set()
    heard = await asyncio.gather(first, second, return_exceptions=True)
    inner.failure = None
    found = await embedder.embed(["a"])

    assert [str(each) for each in heard] == ["no model", "no model"]
    assert found == [[1.0]]
    assert inner.asked == [("a",), ("a",)]
