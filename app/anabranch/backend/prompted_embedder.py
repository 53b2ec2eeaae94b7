"""An embedder whose model wants words of its own before a question, and before a text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch_recall import Embedder


class PromptedEmbedder:
    """Puts a prefix before each text, and `questions` puts another one before each question.

    The prefix of texts is part of the model's name: vectors with another one are never compared.
    """

    def __init__(self, embedder: Embedder, *, text: str = "", question: str = "") -> None:
        model = f"{embedder.model} after {text.strip()!r}" if text else embedder.model
        self._texts = _Prefixed(embedder, text, model)
        self.questions: Embedder = _Prefixed(embedder, question, model)

    @property
    def model(self) -> str:
        """The name under which vectors are cached and stored."""
        return self._texts.model

    @property
    def dimension(self) -> int:
        """The length of its vectors."""
        return self._texts.dimension

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one unit vector a text, in the order given. Raises what the embedder raises."""
        return await self._texts.embed(texts)


class _Prefixed:
    def __init__(self, embedder: Embedder, prefix: str, model: str) -> None:
        self._embedder = embedder
        self._prefix = prefix
        self.model = model

    @property
    def dimension(self) -> int:
        return self._embedder.dimension

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return await self._embedder.embed([f"{self._prefix}{text}" for text in texts])


def of_questions(embedder: Embedder | None) -> Embedder | None:
    """Return what makes the vectors of questions, to be compared with those of `embedder`."""
    return embedder.questions if isinstance(embedder, PromptedEmbedder) else embedder
