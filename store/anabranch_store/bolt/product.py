"""The product behind a graph's address: its name and version."""

from __future__ import annotations

import re
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from anabranch_store.errors import SetupInvalid

_ARCADEDB: Final = re.compile(r"ArcadeDB[ /]([^\s)]+)")
_NEO4J: Final = re.compile(r"Neo4j/(\S+)")


class Product(BaseModel):
    """The server's name and version, taken from the agent it gives over Bolt."""

    model_config = ConfigDict(frozen=True)
    name: Literal["neo4j", "arcadedb"]
    version: str
    agent: str


def product_of(agent: str) -> Product:
    """Read a server's agent: "Neo4j/5.26.20", "Neo4j/5.26.0 compatible (ArcadeDB 26.10.2)".

    Raises SetupInvalid for a server that is neither.
    """
    arcadedb = _ARCADEDB.search(agent)
    if arcadedb:
        return Product(name="arcadedb", version=arcadedb[1], agent=agent)
    neo4j = _NEO4J.search(agent)
    if neo4j:
        return Product(name="neo4j", version=neo4j[1], agent=agent)
    raise SetupInvalid(
        f"the graph's server calls itself {agent!r}: it is neither Neo4j nor ArcadeDB",
        fix="point NEO4J_URI at Neo4j 5.26 or newer",
    )
