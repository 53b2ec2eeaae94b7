"""An index that stands still, for a ranker over it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anabranch_projections.recall_index.cut import Cut
    from anabranch_projections.recall_index.namespace_index import NamespaceIndex


class StandingIndex:
    """One index of the namespace `default`."""

    def __init__(self, index: NamespaceIndex) -> None:
        self._index = index
        self.position = index.position

    async def cut(self, namespace: str, as_of: int | None = None) -> Cut:
        """Return the index as of a position."""
        assert namespace == "default"
        return self._index.cut(as_of)
