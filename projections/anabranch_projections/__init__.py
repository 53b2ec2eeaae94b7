"""Projections: events into the graph, their checkpoints, vectors and rebuilds."""

from anabranch_projections.dead_letters import DeadLetter, DeadLetters, Retried
from anabranch_projections.errors import GraphNotEmpty, ProjectionHalted
from anabranch_projections.fold import fold
from anabranch_projections.pace import Status
from anabranch_projections.positioned import PositionedEvent
from anabranch_projections.projector import Projector
from anabranch_projections.rebuild import Filling, Progress, Rebuilt, rebuild, unfit
from anabranch_projections.rules import ENDINGS, OPENINGS
from anabranch_projections.sessions_then import sessions_then
from anabranch_projections.vectors import VectorProjector
from anabranch_projections.version import PROJECTOR_VERSION
from anabranch_projections.waiting import not_reached, wait_for

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
