"""Projections: events into the graph, their checkpoints, vectors and rebuilds."""

from anabranch_projections.dead_letters import DeadLetter, DeadLetters, RetryOutcome
from anabranch_projections.errors import GraphNotBegun, GraphNotEmpty, ProjectionHalted
from anabranch_projections.fold.fold import fold
from anabranch_projections.fold.past_sessions import past_sessions
from anabranch_projections.fold.positioned import PositionedEvent
from anabranch_projections.fold.rules import ENDINGS, OPENINGS
from anabranch_projections.graph.projector import Projector
from anabranch_projections.rebuild import (
    GraphFiller,
    RebuildProgress,
    RebuildResult,
    rebuild,
    unfit,
)
from anabranch_projections.repair import RepairResult, repair
from anabranch_projections.run.batch import GRAPH
from anabranch_projections.run.throughput import FollowerStatus
from anabranch_projections.run.wait import not_reached, wait_for
from anabranch_projections.vectors.known import KnownVectors
from anabranch_projections.vectors.projector import VectorProjector
from anabranch_projections.version import PROJECTOR_VERSION

__all__ = [
    "ENDINGS",
    "GRAPH",
    "OPENINGS",
    "PROJECTOR_VERSION",
    "DeadLetter",
    "DeadLetters",
    "FollowerStatus",
    "GraphFiller",
    "GraphNotBegun",
    "GraphNotEmpty",
    "KnownVectors",
    "PositionedEvent",
    "ProjectionHalted",
    "Projector",
    "RebuildProgress",
    "RebuildResult",
    "RepairResult",
    "RetryOutcome",
    "VectorProjector",
    "fold",
    "not_reached",
    "past_sessions",
    "rebuild",
    "repair",
    "unfit",
    "wait_for",
]
