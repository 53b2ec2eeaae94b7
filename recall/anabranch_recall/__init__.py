"""Recall: questions, answers, words, fusion and ranking; pure, without a driver."""

from anabranch_recall.embedder import Embedder
from anabranch_recall.language import entities, tokens
from anabranch_recall.question import (
    Association,
    Hit,
    Lane,
    Question,
    Ranker,
    Recollection,
    Scope,
    Why,
)

__all__ = [
    "Association",
    "Embedder",
    "Hit",
    "Lane",
    "Question",
    "Ranker",
    "Recollection",
    "Scope",
    "Why",
    "entities",
    "tokens",
]
