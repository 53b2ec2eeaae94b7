"""Projections: events into the graph, their checkpoints, vectors and rebuilds."""

from anabranch_projections.dead_letters import DeadLetter, DeadLetters, Retried
from anabranch_projections.errors import GraphNotEmpty, ProjectionHalted
from anabranch_projections.fold.fold import fold
from anabranch_projections.fold.positioned import PositionedEvent
from anabranch_projections.fold.rules import ENDINGS, OPENINGS
from anabranch_projections.fold.sessions_then import sessions_then
from anabranch_projections.graph.projector import Projector
from anabranch_projections.rebuild import Filling, Progress, Rebuilt, rebuild, unfit
from anabranch_projections.run.throughput import Status
from anabranch_projections.run.wait import not_reached, wait_for
from anabranch_projections.vectors.projector import VectorProjector
from anabranch_projections.version import PROJECTOR_VERSION

__all__ = [
    "ENDINGS",
    "OPENINGS",
    "PROJECTOR_VERSION",
    "DeadLetter",
    "DeadLetters",
    "Filling",
    "GraphNotEmpty",
    "PositionedEvent",
    "Progress",
    "ProjectionHalted",
    "Projector",
    "Rebuilt",
    "Retried",
    "Status",
    "VectorProjector",
    "fold",
    "not_reached",
    "rebuild",
    "sessions_then",
    "unfit",
    "wait_for",
]
