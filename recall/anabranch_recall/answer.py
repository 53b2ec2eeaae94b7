"""The answer made of ranked insights: identical texts as one, and nothing where nothing is near."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, Self, TypeVar

from anabranch_recall.question import ALSO_MAX, Floor, Restatement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from anabranch_recall.question import Hit, Question

FLOOR: Final = Floor(similarity=0.25, words=0.5)
"""The default floor of a memory, chosen by measuring (docs/recall.md)."""

NEAR_AMONG: Final = 10
"""The number of best insights among which one must be near, whatever `k` is."""


class Restated(Protocol):
    """A ranked insight that knows the others with its text."""

    @property
    def same(self) -> list[Self]:
        """The others, best first."""
        ...


R = TypeVar("R", bound=Restated)


def distinct(ranked: Iterable[R], text_of: Callable[[R], str]) -> list[R]:
    """Return the best of each text, in order; `same` of each has the others.

    Texts that differ in nothing but white space are the same.
    """
    found: dict[str, R] = {}
    for each in ranked:
        each.same.clear()
        first = found.setdefault(" ".join(text_of(each).split()), each)
        if first is not each:
            first.same.append(each)
    return list(found.values())


def other_sessions(own: str, others: Sequence[Restatement]) -> int:
    """Return in how many sessions but `own` a text was said."""
    return len({each.session_id for each in others} - {own})


def listed(others: Sequence[Restatement]) -> tuple[Restatement, ...]:
    """Return the others that a hit lists."""
    return tuple(others[:ALSO_MAX])


def shown(question: Question) -> int:
    """Return the number of best insights that an answer is made of."""
    return max(question.k, NEAR_AMONG)


def ranked_plainly(question: Question) -> Question:
    """Return a question that ranks no evidence down: what alone is near must not be hidden."""
    return question.model_copy(update={"evidence_prior": 0.0})


def near_enough(question: Question, similarity: float | None) -> bool:
    """Tell whether an insight reaches the similarity that was asked for."""
    asked = question.min_similarity
    return asked is None or (similarity is not None and similarity >= asked)


def answer(question: Question, hits: Sequence[Hit], *, words: int) -> tuple[list[Hit], bool]:
    """Return the hits that are given, and whether there are none because nothing is close.

    `hits` are the best that reach `min_similarity`. `words` is the number of words in the question.
    """
    if question.min_similarity is not None:
        return list(hits[: question.k]), not hits
    floor = question.floor
    if not hits or floor is None or any(_near(each, floor, words) for each in hits[:NEAR_AMONG]):
        return list(hits[: question.k]), False
    return [], True


def _near(hit: Hit, floor: Floor, words: int) -> bool:
    if hit.similarity is None:
        return bool(hit.why.matched)
    matched = len(hit.why.matched)
    return hit.similarity >= floor.similarity or (matched > 0 and matched >= floor.words * words)
