"""Recall: questions, answers, words, fusion and ranking; pure, without a driver."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anabranch_recall.context import Citation, RecalledContext
    from anabranch_recall.embedder import Embedder
    from anabranch_recall.filters import FilterFields, Filters
    from anabranch_recall.question import (
        Associated,
        Association,
        Hit,
        Lane,
        Question,
        Ranker,
        Recollection,
        Restatement,
        Scope,
        Why,
    )
    from anabranch_recall.text.language import entities, tokens

__all__ = [
    "Associated",
    "Association",
    "Citation",
    "Embedder",
    "FilterFields",
    "Filters",
    "Hit",
    "Lane",
    "Question",
    "Ranker",
    "RecalledContext",
    "Recollection",
    "Restatement",
    "Scope",
    "Why",
    "entities",
    "tokens",
]

_HOMES = {
    "anabranch_recall.context": ("Citation", "RecalledContext"),
    "anabranch_recall.embedder": ("Embedder",),
    "anabranch_recall.filters": ("FilterFields", "Filters"),
    "anabranch_recall.text.language": ("entities", "tokens"),
    "anabranch_recall.question": (
        "Associated",
        "Association",
        "Hit",
        "Lane",
        "Question",
        "Ranker",
        "Recollection",
        "Restatement",
        "Scope",
        "Why",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: a question needs no stemmer."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Return the names that editors and shells list, also those that nobody has used yet."""
    return sorted({*globals(), *__all__})
