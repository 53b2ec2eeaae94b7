"""The work of others in the database that holds the graph: nodes, properties, constraints, indexes.

Nothing of it is an error. A constraint on a label of ours may refuse good events, and an index in
the place of ours takes its searches away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict

from anabranch_store.graph.content import OLD_NOTES, PROPERTIES
from anabranch_store.graph.schema import KEYS, RELATIONSHIP_TYPES, TEXT_INDEX, VECTOR_INDEX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from anabranch_store.graph.graph import Graph

_INDEXED: Final = {TEXT_INDEX: "text", VECTOR_INDEX: "embedding"}


class Foreign(BaseModel):
    """The findings: `hindering` are those that can stop the graph, each as a phrase.

    `nodes` counts nodes with a label of ours that are not ours, by label. `properties` and `labels`
    name what others put on nodes of ours, None where nobody looked at each node.
    """

    model_config = ConfigDict(frozen=True)
    nodes: dict[str, int] = {}
    properties: dict[str, tuple[str, ...]] | None = None
    labels: dict[str, tuple[str, ...]] | None = None
    hindering: tuple[str, ...] = ()

    @property
    def phrases(self) -> list[str]:
        """The findings that hinder nobody, as phrases."""
        found = [f"{count} {label} nodes of others" for label, count in self.nodes.items()]
        for what, named in (("property", self.properties), ("label", self.labels)):
            for label, names in (named or {}).items():
                found.append(f"{what} {', '.join(names)} on our {label} nodes")
        return found


async def find_foreign(graph: Graph, *, whole: bool = False) -> Foreign:
    """Look for what others wrote; with `whole` at each node, which costs what a digest costs.

    Nobody else writes to the embedded graph, so without `whole` nothing is asked of it.
    """
    is_neo4j = graph.product.name == "neo4j"
    if not (is_neo4j or whole):
        return Foreign()
    hindering = tuple(await _hindering(graph)) if is_neo4j else ()
    if not whole:
        [counts] = await graph.read("foreign/count")
        return Foreign(nodes={name: n for name, n in counts.items() if n}, hindering=hindering)
    rows = await graph.read(
        "foreign/nodes",
        keys={label: list(names) for label, names in KEYS.items()},
        properties={label: sorted(names) for label, names in PROPERTIES.items()},
        old=OLD_NOTES,
    )
    ours = [row for row in rows if row["ours"]]
    return Foreign(
        nodes=_counts(row for row in rows if not row["ours"]),
        properties=_names(ours, "properties"),
        labels=_names(ours, "labels"),
        hindering=hindering,
    )


def _counts(rows: Iterable[dict[str, Any]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in rows:
        found[row["label"]] = found.get(row["label"], 0) + row["count"]
    return dict(sorted(found.items()))


def _names(rows: list[dict[str, Any]], what: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {}
    for row in rows:
        if row[what]:
            found.setdefault(row["label"], set()).update(row[what])
    return {label: tuple(sorted(names)) for label, names in sorted(found.items())}


async def _hindering(graph: Graph) -> list[str]:
    """Return the constraints of others on what is ours, and what stands in an index's place."""
    constraints = _constraints(await graph.read("foreign/constraints"))
    indexes = {row["name"]: row for row in await graph.read("foreign/indexes")}
    return [*constraints, *_indexes(indexes)]


def _constraints(rows: list[dict[str, Any]]) -> Iterator[str]:
    for row in sorted(rows, key=lambda row: str(row["name"])):
        for label in row["labels"]:
            own = KEYS.get(label)
            if own is None and label not in RELATIONSHIP_TYPES:
                continue
            if own is None or row["type"] != "UNIQUENESS" or tuple(row["properties"]) != own:
                names = ", ".join(row["properties"])
                yield f"constraint {row['name']} ({row['type']}) on {label} ({names})"


def _indexes(found: dict[str, dict[str, Any]]) -> Iterator[str]:
    for name, text in _INDEXED.items():
        row = found.get(name)
        if row is None:
            yield f"index {name} is not there; another may stand on Insight ({text})"
        elif (row["labels"], row["properties"]) != (["Insight"], [text]):
            yield f"index {name} is on {', '.join(row['labels'])}, not on Insight ({text})"
