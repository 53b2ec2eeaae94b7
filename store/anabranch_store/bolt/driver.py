"""The driver's names, each imported when it is first used: what opens no graph needs no driver."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from anabranch_store.errors import DriverMissing

if TYPE_CHECKING:
    from neo4j import READ_ACCESS, WRITE_ACCESS, AsyncGraphDatabase, Query
    from neo4j.exceptions import (
        AuthError,
        ConfigurationError,
        ConstraintError,
        DatabaseError,
        DriverError,
        Neo4jError,
    )
    from neo4j.graph import Node, Path, Relationship
    from neo4j.time import Date, DateTime, Duration, Time
    from neo4j.vector import Vector

__all__ = [
    "READ_ACCESS",
    "WRITE_ACCESS",
    "AsyncGraphDatabase",
    "AuthError",
    "ConfigurationError",
    "ConstraintError",
    "DatabaseError",
    "Date",
    "DateTime",
    "DriverError",
    "Duration",
    "Neo4jError",
    "Node",
    "Path",
    "Query",
    "Relationship",
    "Time",
    "Vector",
]

_HOMES: Final = {
    "neo4j": ("READ_ACCESS", "WRITE_ACCESS", "AsyncGraphDatabase", "Query"),
    "neo4j.exceptions": (
        "AuthError",
        "ConfigurationError",
        "ConstraintError",
        "DatabaseError",
        "DriverError",
        "Neo4jError",
    ),
    "neo4j.graph": ("Node", "Path", "Relationship"),
    "neo4j.time": ("Date", "DateTime", "Duration", "Time"),
    "neo4j.vector": ("Vector",),
}
_HOME_OF: Final = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a name of the driver. Raises DriverMissing where it is not installed."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        found: object = getattr(import_module(_HOME_OF[name]), name)
    except ModuleNotFoundError as error:
        raise DriverMissing(
            f"the graph's driver is not installed: {error}",
            fix="pip install 'anabranch[graph]', or 'anabranch[all]' for everything",
        ) from error
    globals()[name] = found
    return found
