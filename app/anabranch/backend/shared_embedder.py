"""An embedder shared by the projections and the questions of a process."""

from __future__ import annotations

import asyncio
from array import array
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from anabranch_recall import Embedder

RECENT_MAX: Final = 512


class SharedEmbedder:
    """An embedder that makes no vector twice for callers who want it at about the same time.

    The graph's vectors, the recall index and a question often need the same text within a moment.
    The vectors of the last texts are kept.
    """

    def __init__(self, embedder: Embedder, *, recent_max: int = RECENT_MAX) -> None:
        self._embedder = embedder
        self._recent_max = recent_max
        self._recent: OrderedDict[str, array[float]] = OrderedDict()
        self._making: dict[str, _Making] = {}

    @property
    def model(self) -> str:
        """The name under which vectors are cached and stored."""
        return self._embedder.model

    @property
    def dimension(self) -> int:
        """The length of its vectors."""
        return self._embedder.dimension

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one unit vector a text, in the order given. Raises what the embedder raises."""
        wanted = list(dict.fromkeys(texts))
        found = {text: self._recent[text].tolist() for text in wanted if text in self._recent}
        missing = [text for text in wanted if text not in found]
        new = [text for text in missing if text not in self._making]
        if new:
            making = _Making(asyncio.create_task(self._made(new)))
            self._making.update(dict.fromkeys(new, making))
        for making in await self._ended(dict.fromkeys(self._making[text] for text in missing)):
            found |= making.task.result()
        return [found[text] for text in texts]

    async def _made(self, texts: list[str]) -> dict[str, list[float]]:
        vectors = await self._embedder.embed(texts)
        return dict(zip(texts, vectors, strict=True))

    async def _ended(self, makings: Iterable[_Making]) -> list[_Making]:
        """Wait for vectors. Once nobody does any more they are given up, or kept where made."""
        waited = list(makings)
        for making in waited:
            making.waiting += 1
        try:
            if waited:
                await asyncio.wait([making.task for making in waited])
        finally:
            for making in waited:
                making.waiting -= 1
                if making.task.done() or not making.waiting:
                    self._end(making)
        return waited

    def _end(self, making: _Making) -> None:
        self._making = {text: each for text, each in self._making.items() if each is not making}
        if not making.task.done():
            making.task.cancel()
        elif not making.task.cancelled() and making.task.exception() is None:
            for text, vector in making.task.result().items():
                self._recent[text] = array("d", vector)
            while len(self._recent) > self._recent_max:
                self._recent.popitem(last=False)


class _Making:
    """Vectors in the making, and the number of callers who wait for them."""

    def __init__(self, task: asyncio.Task[dict[str, list[float]]]) -> None:
        self.task = task
        self.waiting = 0
