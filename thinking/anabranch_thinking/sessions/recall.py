"""The seam by which a session asks memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class RecalledInsight(Protocol):
    """What a recall gives that a branch reads."""

    @property
    def insight_id(self) -> str:
        """Which insight."""
        ...

    @property
    def session_id(self) -> str:
        """The session that produced it."""
        ...

    @property
    def text(self) -> str:
        """What was learned."""
        ...

    @property
    def kind(self) -> str:
        """What kind of insight it is."""
        ...

    @property
    def score(self) -> float:
        """How well it answers; higher is better."""
        ...


class Recall(Protocol):
    """A way to ask memory."""

    async def __call__(self, text: str, /, *, session_id: str, k: int) -> Sequence[RecalledInsight]:
        """Return at most `k` hits for a question that a session asks, the best first."""
        ...
