"""The graph: sessions, insights and associations on Neo4j or the embedded ArcadeDB."""

from anabranch_store.address import GraphAddress
from anabranch_store.bolt.product import Product
from anabranch_store.bolt.statements import statement
from anabranch_store.bolt.transactions import Ask, Plan, RestartTransaction, Step
from anabranch_store.cypher.guard import checked_query
from anabranch_store.cypher.lexer import parameters_in
from anabranch_store.cypher.query import QueryResult
from anabranch_store.embedded.databases import create_database, database_names, drop_database
from anabranch_store.embedded.scratch import scratch_graph
from anabranch_store.embedded.server import EmbeddedGraph
from anabranch_store.embedding.endpoint import EmbeddingEndpoint
from anabranch_store.embedding.minilm import MiniLM
from anabranch_store.graph.digest import Digest
from anabranch_store.graph.graph import Graph
from anabranch_store.graph.stamp import (
    Stamp,
    is_of_another_log,
    mark_served,
    read_stamp,
    rebuild_due,
    refuse_newer,
    stamp,
)
from anabranch_store.recall.ranker import GraphRanker

__all__ = [
    "Ask",
    "Digest",
    "EmbeddedGraph",
    "EmbeddingEndpoint",
    "Graph",
    "GraphAddress",
    "GraphRanker",
    "MiniLM",
    "Plan",
    "Product",
    "QueryResult",
    "RestartTransaction",
    "Stamp",
    "Step",
    "checked_query",
    "create_database",
    "database_names",
    "drop_database",
    "is_of_another_log",
    "mark_served",
    "parameters_in",
    "read_stamp",
    "rebuild_due",
    "refuse_newer",
    "scratch_graph",
    "stamp",
    "statement",
]
