"""The graph: sessions, insights and associations on Neo4j or the embedded ArcadeDB."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anabranch_store.address import GraphAddress
    from anabranch_store.bolt.product import Product
    from anabranch_store.bolt.statements import statement
    from anabranch_store.bolt.transactions import Ask, Plan, RestartTransaction, Step
    from anabranch_store.cypher.guard import checked_query
    from anabranch_store.cypher.lexer import parameters_in
    from anabranch_store.cypher.query import QueryResult
    from anabranch_store.embedded.databases import create_database, database_names, drop_database
    from anabranch_store.embedded.scratch import drop_scratch, scratch_graph
    from anabranch_store.embedded.server import EmbeddedGraph
    from anabranch_store.embedding.endpoint import EmbeddingEndpoint
    from anabranch_store.embedding.minilm import MiniLM
    from anabranch_store.embedding.model_folder import ModelFolder
    from anabranch_store.graph.deletion import delete_namespace, deletion_steps
    from anabranch_store.graph.difference import Mending, cleared, difference, mending
    from anabranch_store.graph.digest import Digest
    from anabranch_store.graph.foreign import Foreign, find_foreign
    from anabranch_store.graph.graph import Graph
    from anabranch_store.graph.stamp import (
        Stamp,
        is_of_another_log,
        mark_served,
        read_stamp,
        rebuild_due,
        refuse_newer,
        restamp,
        stamp,
    )
    from anabranch_store.recall.ranker import GraphRanker

__all__ = [
    "Ask",
    "Digest",
    "EmbeddedGraph",
    "EmbeddingEndpoint",
    "Foreign",
    "Graph",
    "GraphAddress",
    "GraphRanker",
    "Mending",
    "MiniLM",
    "ModelFolder",
    "Plan",
    "Product",
    "QueryResult",
    "RestartTransaction",
    "Stamp",
    "Step",
    "checked_query",
    "cleared",
    "create_database",
    "database_names",
    "delete_namespace",
    "deletion_steps",
    "difference",
    "drop_database",
    "drop_scratch",
    "find_foreign",
    "is_of_another_log",
    "mark_served",
    "mending",
    "parameters_in",
    "read_stamp",
    "rebuild_due",
    "refuse_newer",
    "restamp",
    "scratch_graph",
    "stamp",
    "statement",
]

_HOMES = {
    "anabranch_store.address": ("GraphAddress",),
    "anabranch_store.bolt.product": ("Product",),
    "anabranch_store.bolt.statements": ("statement",),
    "anabranch_store.bolt.transactions": ("Ask", "Plan", "RestartTransaction", "Step"),
    "anabranch_store.cypher.guard": ("checked_query",),
    "anabranch_store.cypher.lexer": ("parameters_in",),
    "anabranch_store.cypher.query": ("QueryResult",),
    "anabranch_store.embedded.databases": ("create_database", "database_names", "drop_database"),
    "anabranch_store.embedded.scratch": ("drop_scratch", "scratch_graph"),
    "anabranch_store.embedded.server": ("EmbeddedGraph",),
    "anabranch_store.embedding.endpoint": ("EmbeddingEndpoint",),
    "anabranch_store.embedding.minilm": ("MiniLM",),
    "anabranch_store.embedding.model_folder": ("ModelFolder",),
    "anabranch_store.graph.deletion": ("delete_namespace", "deletion_steps"),
    "anabranch_store.graph.difference": ("Mending", "cleared", "difference", "mending"),
    "anabranch_store.graph.digest": ("Digest",),
    "anabranch_store.graph.foreign": ("Foreign", "find_foreign"),
    "anabranch_store.graph.graph": ("Graph",),
    "anabranch_store.graph.stamp": (
        "Stamp",
        "is_of_another_log",
        "mark_served",
        "read_stamp",
        "rebuild_due",
        "refuse_newer",
        "restamp",
        "stamp",
    ),
    "anabranch_store.recall.ranker": ("GraphRanker",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: an error needs no driver."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Return the names that editors and shells list, also those that nobody has used yet."""
    return sorted({*globals(), *__all__})
