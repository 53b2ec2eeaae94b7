"""The deletion of a namespace from the graph: its nodes with all that links them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anabranch_store.bolt.transactions import Step

if TYPE_CHECKING:
    from anabranch_store.graph.graph import Graph

NOUNS: Final = (
    "insights",
    "notes",
    "sessions",
    "consolidations",
    "entities",
    "agents",
    "dead_letters",
)
"""The statements, a kind of node each."""
BATCH: Final = 1000
_ALL: Final = 2**31 - 1


def deletion_steps(namespace: str, *, most: int = _ALL) -> list[Step]:
    """Return the statements that delete at most so many nodes of each kind."""
    return [Step(f"deletion/{noun}", {"namespace": namespace, "most": most}) for noun in NOUNS]


async def delete_namespace(graph: Graph, namespace: str) -> None:
    """Delete all that the graph holds of a namespace, in transactions that stay small."""
    while await _remains(graph, namespace):
        await graph.write(deletion_steps(namespace, most=BATCH))


async def _remains(graph: Graph, namespace: str) -> bool:
    [row] = await graph.read("deletion/remains", namespace=namespace)
    return bool(row["found"])
