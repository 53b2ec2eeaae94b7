"""The weights of the index ranker: one set for everything, chosen by measuring (docs/recall.md)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """The weight of each part of a score."""

    words: float = 0.35
    meaning: float = 0.65
    session: float = 0.7
    length: float = 0.3
    date: float = 0.4
    subject: float = 0.2
    question: float = -0.1
    answer: float = 0.2
    recency: float = 0.4
    recency_insights: float = 50.0
    evidence: float = 0.0
    path: float = 0.3
    linked: float = 0.1
    k1: float = 0.9
    b: float = 0.4
    seeds: int = 2
    shared_by_max: int = 6
    linked_from: int = 5
    candidates: int = 100
    """The best of each lane, among which words and meaning are weighed; 0 for all eligible."""


RECIPE = Recipe()
