"""The seam by which a session asks memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from anabranch_recall import Scope

if TYPE_CHECKING:
    from collections.abc import Sequence


class RecalledInsight(Protocol):
    """A recalled insight, as far as a branch reads it."""

    @property
    def insight_id(self) -> str:
        """The id of the insight."""
        ...

    @property
    def session_id(self) -> str:
        """The session that produced it."""
        ...

    @property
    def text(self) -> str:
        """The text of the insight."""
        ...

    @property
    def kind(self) -> str:
        """The kind of the insight."""
        ...

    @property
    def score(self) -> float:
        """The score of its answer; higher is better."""
        ...


class Recall(Protocol):
    """A way to ask memory."""

    async def __call__(
        self, text: str, /, *, session_id: str, k: int, scope: Scope = Scope.NAMESPACE
    ) -> Sequence[RecalledInsight]:
        """Return at most `k` hits for a question that a session asks, the best first."""
        ...
