"""The seam of embedders: texts into vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Embedder(Protocol):
    """An embedder: texts into vectors of one model, never compared with those of another."""

    @property
    def model(self) -> str:
        """The name under which vectors are cached and stored."""
        ...

    @property
    def dimension(self) -> int:
        """The length of its vectors."""
        ...

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one unit vector a text, in the order given; zeros for one that it has none for."""
        ...
