"""Asking memory a question: what may be asked, how it is ranked, and the shape of the answer."""

from anabranch_store.recall.question import (
    Association,
    Hit,
    Lane,
    Question,
    Ranker,
    Recollection,
    Scope,
    Why,
)
from anabranch_store.recall.ranker import GraphRanker

__all__ = [
    "Association",
    "GraphRanker",
    "Hit",
    "Lane",
    "Question",
    "Ranker",
    "Recollection",
    "Scope",
    "Why",
]
