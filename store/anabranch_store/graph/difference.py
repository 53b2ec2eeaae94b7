"""The difference between two graphs, in rows; and the rows that make the one like the other.

Rows are compared by a hash each, eight bytes of which are kept: a graph of a million nodes and
relationships takes some 100 MB.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from anabranch_store.bolt.values import native
from anabranch_store.graph.content import OLD_NOTES, PROPERTIES, UNDETERMINED, is_time
from anabranch_store.graph.schema import KEYS

if TYPE_CHECKING:
    from anabranch_store.graph.content import Row
    from anabranch_store.graph.graph import Graph


class Difference(NamedTuple):
    """The rows that a graph lacks, and those that it has instead or too many."""

    missing: list[Row]
    surplus: list[Row]


class Mending(NamedTuple):
    """The rows of the statements that mend a graph, and how many nodes they add and remove.

    `stripped` are elements of nodes, by label, `unlinked` elements of relationships.
    """

    unlinked: list[str]
    stripped: dict[str, list[str]]
    nodes: list[Row]
    links: list[Row]
    added: int
    removed: int


async def difference(graph: Graph, wanted: Graph) -> Difference:
    """Compare `graph` with `wanted`: both are read twice, and stand still meanwhile."""
    missing = await wanted.rows_beyond(await graph.content_hashes())
    surplus = await graph.rows_beyond(await wanted.content_hashes())
    return Difference(missing, surplus)


def mending(found: Difference) -> Mending:
    """Return the rows that end the difference `found`."""
    surplus = {_identity(row): row for row in found.surplus if "labels" in row}
    wanted = {_identity(row): row for row in found.missing if "labels" in row}
    stripped: dict[str, list[str]] = {}
    for (label, *_), row in surplus.items():
        if _identity(row) not in wanted:
            stripped.setdefault(label, []).append(row["element"])
    return Mending(
        unlinked=[row["element"] for row in found.surplus if "type" in row],
        stripped=stripped,
        nodes=[_node(key, row, surplus.get(key)) for key, row in wanted.items()],
        links=[_link(row) for row in found.missing if "type" in row],
        added=len(wanted.keys() - surplus.keys()),
        removed=len(surplus.keys() - wanted.keys()),
    )


def cleared(label: str) -> dict[str, None]:
    """Return every property of a label of ours, as null."""
    return dict.fromkeys(sorted(PROPERTIES[label]))


def _identity(row: Row) -> tuple[Any, ...]:
    label = row["labels"][0]
    return (label, *(row["properties"][name] for name in KEYS[label]))


def _node(key: tuple[Any, ...], row: Row, before: Row | None) -> Row:
    label, *values = key
    left_out = frozenset[str]() if before is None else UNDETERMINED.get(label, frozenset())
    old = {} if before is None else dict.fromkeys(_removable(before["properties"]))
    properties = {**old, **row["properties"]}
    kept = {name: value for name, value in properties.items() if name not in left_out}
    plain, times = _parted(kept)
    return {"label": label, "key": values, "properties": plain, "times": times}


def _removable(properties: Row) -> list[str]:
    return [name for name in properties if not is_time(name) or name.startswith(OLD_NOTES)]


def _link(row: Row) -> Row:
    plain, times = _parted(row["properties"])
    return {
        "type": row["type"],
        "start": row["start"],
        "end": row["end"],
        "properties": {name: value for name, value in plain.items() if value is not None},
        "times": times,
    }


def _parted(properties: Row) -> tuple[Row, Row]:
    """Return the properties that are no times, and the times as text."""
    plain, times = {}, {}
    for name, value in properties.items():
        if is_time(name):
            times[name] = _text(native(value))
        else:
            plain[name] = native(value)
    return plain, times


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, datetime):
        return str(value)
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return aware.isoformat(timespec="milliseconds")
