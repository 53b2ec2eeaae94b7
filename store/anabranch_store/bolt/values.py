"""The driver's values as Python's own, and as JSON."""

from __future__ import annotations

import base64
import datetime as dt
import math
from typing import Any, Final

from anabranch_store.bolt import driver as neo4j

VECTOR: Final = "embedding"
"""The property that holds a node's vector: hundreds of numbers, which nobody reads."""
_PLAIN: Final = frozenset({str, int, float, bool, type(None)})


def native(value: Any) -> Any:
    """Return `value` with Python's own dates and times inside, nodes as their properties."""
    if type(value) in _PLAIN:  # Most values are plain: the slow questions below are for the others.
        return value
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, neo4j.DateTime | neo4j.Date | neo4j.Time):
        return value.to_native()
    if isinstance(value, neo4j.Node | neo4j.Relationship):
        return {key: native(each) for key, each in value.items()}
    if isinstance(value, list):
        return [native(each) for each in value]
    if isinstance(value, dict):
        return {key: native(each) for key, each in value.items()}
    return value


def jsonable(value: Any) -> Any:
    """Return `value` in a form that JSON can hold.

    A node is {"labels", "properties"}, without its vector: that is returned where it is named, as
    in `RETURN i.embedding`. A relationship is {"type", "properties"}, a path {"nodes",
    "relationships"}. Dates, times and durations are ISO 8601 text, bytes base64. A vector is a list
    of its numbers. A float that is no number is null.
    """
    if isinstance(value, neo4j.Node):
        properties = _properties(value)
        properties.pop(VECTOR, None)
        return {"labels": sorted(value.labels), "properties": properties}
    if isinstance(value, neo4j.Relationship):
        return {"type": value.type, "properties": _properties(value)}
    if isinstance(value, neo4j.Path):
        return {
            "nodes": [jsonable(node) for node in value.nodes],
            "relationships": [jsonable(each) for each in value.relationships],
        }
    if isinstance(value, neo4j.Vector):
        value = value.to_native()
    if isinstance(value, list | tuple):
        return [jsonable(each) for each in value]
    if isinstance(value, dict):
        return {str(key): jsonable(each) for key, each in value.items()}
    return _scalar(value)


def _properties(entity: neo4j.Node | neo4j.Relationship) -> dict[str, Any]:
    return {key: jsonable(value) for key, value in sorted(entity.items())}


def _scalar(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, neo4j.DateTime | neo4j.Date | neo4j.Time | neo4j.Duration):
        return value.iso_format()
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    return str(value)
