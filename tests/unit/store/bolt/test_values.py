"""The driver's values in a form that JSON can hold."""

from __future__ import annotations

from neo4j.graph import Graph, Node

from anabranch_store.bolt.values import jsonable


def test_a_node_is_returned_without_its_vector() -> None:
    """The vector of a node is left out, wherever the node stands; by its name it is a list."""
    node = Node(
        Graph(), "4:x:1", 1, ["Insight"], {"text": "The port is 5433.", "embedding": [0.1, 0.2]}
    )

    found = jsonable([node, {"in a map": node}, node["embedding"]])

    without = {"labels": ["Insight"], "properties": {"text": "The port is 5433."}}
    assert found == [without, {"in a map": without}, [0.1, 0.2]]
