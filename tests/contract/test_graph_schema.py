"""The schema, on every backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from anabranch_store.errors import VectorsMismatched

if TYPE_CHECKING:
    from anabranch_store.graph import Graph


async def test_applying_the_schema_again_changes_nothing(graph: Graph) -> None:
    """A second start finds its schema there and goes on."""
    await graph.apply_schema()

    assert await graph.checkpoint("graph") == 0


async def test_another_dimension_is_refused(graph: Graph) -> None:
    """A graph whose vector index has 384 numbers takes no vectors of 512."""
    with pytest.raises(VectorsMismatched, match="384"):
        await graph.apply_schema(dimension=512)


async def test_vectors_of_another_model_are_refused(graph: Graph) -> None:
    """Two models' vectors are never mixed in one graph."""
    await graph.claim_vectors(model="one", dimension=384)
    await graph.claim_vectors(model="one", dimension=384)

    with pytest.raises(VectorsMismatched, match="one"):
        await graph.claim_vectors(model="two", dimension=384)
