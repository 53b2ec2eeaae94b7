"""Our own content in a graph that others may write to: labels, keys, properties, relationships.

A node is ours by its key: it has one of our labels and every property of that label's key, which a
constraint holds unique. A relationship is ours by its type, its ends, and the position it carries.
All else is foreign, and so are further properties and labels of our nodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from anabranch_store.graph.schema import KEYS

if TYPE_CHECKING:
    from collections.abc import Mapping

Row = dict[str, Any]
"""A node {element, labels, properties}; or a relationship, with type, start and end."""


class Link(NamedTuple):
    """A type of relationship: the labels of its ends, its properties, the one it always has.

    It may begin at nodes of several labels.
    """

    starts: str | tuple[str, ...]
    end: str
    properties: frozenset[str] = frozenset()
    sign: str | None = "recorded"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PROPERTIES: Final[Mapping[str, frozenset[str]]] = {
    "Agent": _words("namespace name"),
    "Checkpoint": _words("projection position updated_at held_until"),
    "Consolidation": _words("namespace id root_id text method recorded recorded_at"),
    "DeadLetter": _words(
        "position namespace session_id error reason projection put_aside_at attempts tried_at "
        "discarded_at"
    ),
    "Entity": _words("namespace name mentions"),
    "Generation": _words("id log schema_version projector_version created served"),
    "Insight": _words(
        "namespace id session_id root_id agent text subject kind confidence tags entities sources recorded "
        "recorded_at valid_from valid_until current retired retired_reason lapses final "
        "final_reason retracted stated_until restated forgotten forgotten_receipt citations "
        "confirmations cited embedding embedding_model"
    ),
    "Note": _words("namespace session_id key value recorded"),
    "Session": _words(
        "namespace id task role agent status priority depth root_id parent_id forked_at opened "
        "opened_at ended ended_at ended_reason result erased forgotten forgotten_receipt error executor "
        "worker attempt duration_ms deadline attributes updated"
    ),
    "Vectors": _words("id model dimension"),
}
"""The properties of our nodes, by label."""
OLD_NOTES: Final = "working_memory."
"""The prefix of a session's notes up to projector version 5, when each was a property."""
LINKS: Final[Mapping[str, Link]] = {
    "ASSOCIATED_WITH": Link(
        "Insight",
        "Insight",
        _words(
            "kind weight formed_weight reason recorded recorded_at retired citations cited "
            "last_cited steps step_weights step_times"
        ),
    ),
    "BRANCHED_FROM": Link("Session", "Session", _words("forked_at"), "forked_at"),
    "CONFLICTS_WITH": Link("Insight", "Insight", _words("recorded subject retired decision")),
    "CONSOLIDATES": Link("Consolidation", "Session", sign=None),
    "DERIVED_FROM": Link(("Consolidation", "Insight"), "Insight", sign=None),
    "HANDED_OFF_TO": Link("Session", "Session", _words("recorded summary")),
    "MENTIONS": Link("Insight", "Entity", _words("recorded")),
    "NOTED": Link("Session", "Note", sign=None),
    "PRODUCED": Link("Session", "Insight", _words("recorded")),
    "RAN": Link("Agent", "Session", _words("recorded")),
    "RETIRED": Link("Session", "Insight", _words("recorded by void")),
    "SUPERSEDES": Link("Insight", "Insight", _words("recorded void")),
}
"""Our relationships, by type."""
BOOK_KEEPING: Final = frozenset({"Checkpoint", "Generation", "Vectors"})
"""Labels of nodes that no event determines."""
TIMES: Final = frozenset({"deadline", "last_cited", "stated_until", "valid_from", "valid_until"})
"""Properties that are times, beside those that end in `_at`."""
UNDETERMINED: Final[Mapping[str, frozenset[str]]] = {
    "DeadLetter": _words("reason projection put_aside_at attempts tried_at discarded_at"),
    "Insight": _words("embedding embedding_model"),
}
"""Properties that no event determines: vectors, and the fate of dead letters."""


def own_node(row: Row) -> Row | None:
    """Return what is ours of a node: None where nothing is."""
    properties = row["properties"]
    labels = own_labels(row["labels"], properties)
    if not labels:
        return None
    names = {name for label in labels for name in PROPERTIES[label]}
    is_session = "Session" in labels
    return {
        "element": row["element"],
        "labels": labels,
        "properties": {
            name: value
            for name, value in properties.items()
            if name in names or (is_session and name.startswith(OLD_NOTES))
        },
    }


def own_labels(labels: list[str], properties: Row) -> list[str]:
    """Return those of a node's labels by which it is ours: content with a whole key."""
    return sorted(
        label
        for label in labels
        if label in KEYS
        and label not in BOOK_KEEPING
        and all(properties.get(name) is not None for name in KEYS[label])
    )


def own_relationship(row: Row) -> Row | None:
    """Return what is ours of a relationship: None where nothing is."""
    link = LINKS[row["type"]]
    properties = {name: row["properties"].get(name) for name in link.properties}
    start = _start(row["start_labels"], row["start"], link.starts)
    end = _end(row["end_labels"], row["end"], link.end)
    unsigned = link.sign is not None and properties[link.sign] is None
    if start is None or end is None or unsigned:
        return None
    return {
        "element": row["element"],
        "type": row["type"],
        "start": start,
        "end": end,
        "properties": properties,
    }


def _start(labels: list[str], properties: Row, allowed: str | tuple[str, ...]) -> list[Any] | None:
    names = (allowed,) if isinstance(allowed, str) else allowed
    found = (_end(labels, properties, name) for name in names)
    return next((one for one in found if one is not None), None)


def _end(labels: list[str], properties: Row, label: str) -> list[Any] | None:
    """Return the label and the key of one end, None where it is not ours."""
    if label not in labels:
        return None
    key = [properties.get(name) for name in KEYS[label]]
    return None if None in key else [label, *key]


def is_time(name: str) -> bool:
    """Tell whether a property of ours is a time."""
    return name in TIMES or (name.endswith("_at") and name != "forked_at")
