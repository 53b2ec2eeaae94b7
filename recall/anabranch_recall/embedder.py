"""The seam of embedders: texts into vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Embedder(Protocol):
    """Turns texts into vectors of one model; vectors of different models are never compared."""

    @property
    def model(self) -> str:
        """The name under which vectors are cached and stored."""
        ...

    @property
    def dimension(self) -> int:
        """How many numbers a vector has."""
        ...

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one unit vector a text, in the order given."""
        ...
