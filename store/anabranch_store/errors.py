"""The graph's errors, in the tree whose root is `anabranch_events.errors`.

::

    AnabranchError
    ├── InputInvalid
    │   ├── CypherInvalid        the query does not parse, or a parameter is missing
    │   ├── QueryRefused         a write, or something else a reader may not do
    │   └── QueryTooLarge        more memory than the server gives to one query
    ├── Unavailable
    │   ├── EmbedderUnavailable  the embeddings endpoint does not answer, or is busy
    │   ├── GraphUnavailable
    │   │   ├── CommitUnknown        the connection was lost while it committed
    │   │   ├── ConstraintBroken     a constraint refused it, which may be another program's
    │   │   └── TransactionUndone    for a reason that passes: a deadlock, another leader
    │   └── QueryTimedOut        the query ran longer than it may
    └── SetupInvalid
        ├── GraphRefused         wrong user or password
        ├── GraphFull            the disk is full
        ├── GraphTooNew          a newer version wrote the graph
        ├── DriverMissing        the graph's driver is not installed
        ├── EmbeddedGraphMissing no wheel for this platform, or it is not installed
        ├── EmbedderMissing      the embedding model is not installed, or is another one
        ├── EmbedderRefused      the embeddings endpoint wants another key, model or text
        └── VectorsMismatched    the graph holds vectors of another model
"""

from __future__ import annotations

from anabranch_events.errors import (
    AnabranchError,
    Explain,
    InputInvalid,
    SetupInvalid,
    Unavailable,
)

__all__ = [
    "AnabranchError",
    "CommitUnknown",
    "ConstraintBroken",
    "CypherInvalid",
    "DriverMissing",
    "EmbeddedGraphMissing",
    "EmbedderMissing",
    "EmbedderRefused",
    "EmbedderUnavailable",
    "Explain",
    "GraphFull",
    "GraphRefused",
    "GraphTooNew",
    "GraphUnavailable",
    "InputInvalid",
    "QueryRefused",
    "QueryTimedOut",
    "QueryTooLarge",
    "SetupInvalid",
    "TransactionUndone",
    "Unavailable",
    "VectorsMismatched",
]


class CypherInvalid(InputInvalid):
    """The query does not parse, or names something that is not there."""

    def __init__(self, message: str) -> None:
        super().__init__(message, field="query", fix="correct the query")


class QueryRefused(InputInvalid):
    """The query would do something forbidden to a reader; `construct` names it."""

    def __init__(self, message: str, *, construct: str, fix: str) -> None:
        super().__init__(message, field="query", fix=fix)
        self.construct = construct


class QueryTooLarge(InputInvalid):
    """The query needs more memory than the graph's server gives to one."""

    def __init__(self, message: str) -> None:
        super().__init__(
            message,
            field="query",
            fix="ask for less (MATCH fewer, count instead of collecting), or give the server more",
        )


class EmbedderUnavailable(Unavailable):
    """The embeddings endpoint does not answer, or fails again and again."""


class GraphUnavailable(Unavailable):
    """The graph's server cannot be reached, or does not answer."""


class CommitUnknown(GraphUnavailable):
    """The connection was lost while a transaction committed: nobody knows whether it holds."""


class TransactionUndone(GraphUnavailable):
    """The server undid the transaction for a reason that passes; trying again is safe."""


class ConstraintBroken(GraphUnavailable):
    """A constraint of the graph refused it: a rival was faster, or it is another program's."""


class QueryTimedOut(Unavailable):
    """The query ran longer than it may."""


class GraphRefused(SetupInvalid):
    """The graph's server refused the user or the password."""


class GraphFull(SetupInvalid):
    """The graph takes no more: its disk is full."""


class GraphTooNew(SetupInvalid):
    """A newer version of Anabranch wrote the graph, and this one may not write to it: upgrade."""


class DriverMissing(SetupInvalid):
    """The graph's driver is not installed: a graph cannot be opened."""


class EmbeddedGraphMissing(SetupInvalid):
    """The embedded graph is not installed, or has no wheel for this platform."""


class EmbedderMissing(SetupInvalid):
    """The embedding model is not installed, or its file is not the one we know."""


class EmbedderRefused(SetupInvalid):
    """The embeddings endpoint wants another key or model, or answers with other vectors."""


class VectorsMismatched(SetupInvalid):
    """The graph holds vectors of another model or dimension than the one in use."""
