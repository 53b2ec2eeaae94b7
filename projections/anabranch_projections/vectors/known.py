"""Vectors that a graph has already, of texts that no cache may keep."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final

from anabranch_recall.text.subject import with_subject

if TYPE_CHECKING:
    from anabranch_store import Graph

KNOWN_MAX: Final = 200_000
"""The number of vectors that are held: 300 MB of 384 numbers each. Others are made anew."""
_AT_ONCE: Final = 256


class KnownVectors:
    """The vectors of sealed texts, in memory for as long as a graph and an index are filled anew.

    They are those of the graph in use, so that forgetting one insight embeds no other one again.
    """

    def __init__(self) -> None:
        self._vectors: dict[str, array[float]] = {}

    async def read(self, graph: Graph, namespace: str, *, model: str) -> None:
        """Take in the vectors that a graph has of a namespace's insights, by one model."""
        found = await graph.read("insights/with_vector", namespace=namespace, model=model)
        ids = [row["insight_id"] for row in found][: KNOWN_MAX - len(self._vectors)]
        for start in range(0, len(ids), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            rows = await graph.read("insights/said_with_vectors", namespace=namespace, ids=some)
            for row in rows:
                said = with_subject(row["text"], row["subject"])
                self._vectors[said] = array("f", row["vector"])

    def get(self, text: str) -> list[float] | None:
        """Return the vector of a text, if it is known."""
        found = self._vectors.get(text)
        return None if found is None else found.tolist()

    def forget(self) -> None:
        """Hold none any more."""
        self._vectors.clear()
