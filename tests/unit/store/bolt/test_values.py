"""The driver's values in a form that JSON can hold."""

from __future__ import annotations

from neo4j.graph import Graph, Node
from neo4j.vector import Vector

from anabranch_store.bolt.values import jsonable


def test_a_node_is_returned_without_its_vector() -> None:
    """The vector of a node is left out, wherever the node stands; by its name it is a list."""
    node = Node(
        Graph(), "4:x:1", 1, ["Insight"], {"text": "The port is 5433.", "embedding": [0.1, 0.2]}
    )

    found = jsonable([node, {"in a map": node}, node["embedding"]])

    without = {"labels": ["Insight"], "properties": {"text": "The port is 5433."}}
    assert found == [without, {"in a map": without}, [0.1, 0.2]]


def test_a_vector_is_a_list_of_its_numbers() -> None:
    """Neo4j 2026 makes them of lists, though its Community edition keeps none (2026.09.0)."""
    found = jsonable({"e": Vector([1.0, float("nan")], "f64"), "i": Vector([1, 2], "i8")})

    assert found == {"e": [1.0, None], "i": [1, 2]}
