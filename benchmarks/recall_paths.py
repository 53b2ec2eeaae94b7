"""Repeated use: how much paths that were cited help later questions, and if they hurt others.

The data are those of `recall_quality`. Of each space half of the questions, drawn by a fixed seed,
have been answered: the insights that answer one are associated in a chain, and cited together so
many times. Then all are asked, and compared with the same memory without these events:

- again: a question that was answered, asked once more
- on a path: a new one of which at least one answer lies on such a chain
- elsewhere: a new one without

`python -m benchmarks.recall_paths realmem` runs one file. Questions are asked at the end.
"""

from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from anabranch_events import new_event
from anabranch_events.event.identifiers import new_id
from anabranch_events.event.types import AssociationFormed, InsightCited, Outcome
from anabranch_projections import PositionedEvent
from anabranch_recall import Question
from anabranch_recall.asked import read
from anabranch_recall.index.eligible import eligible
from anabranch_recall.index.ranking import rank
from benchmarks.recall_quality import (
    answerable,
    interval,
    learned,
    measure_named,
    measures,
    read_spaces,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.recall_quality import Kept, Space

SEED: Final = 20261129
TIMES: Final = (1, 3, 10)
WEIGHT: Final = 0.5
GROUPS: Final = ("again", "on a path", "elsewhere")
NOW: Final = datetime(2026, 11, 29, tzinfo=UTC)


def groups(space: Space) -> tuple[list[int], dict[str, list[int]]]:
    """Return the questions that leave a path, and all by group; some are in none."""
    numbers = list(range(len(space.questions)))
    random.Random(SEED).shuffle(numbers)  # noqa: S311 - repeatable, not secret.
    answered, new = numbers[: len(numbers) // 2], numbers[len(numbers) // 2 :]
    paths = [number for number in answered if len(space.questions[number][3]) > 1]
    on_paths = {row for number in paths for row in space.questions[number][3]}
    touching = [number for number in new if space.questions[number][3] & on_paths]
    others = [number for number in new if not space.questions[number][3] & on_paths]
    return paths, dict(zip(GROUPS, (paths, touching, others), strict=True))


def use(space: Space, paths: list[int], *, times: int) -> None:
    """Let the answers of these questions be associated, and cited so many times."""
    session_id = new_id()
    for number in paths:
        rows = np.asarray(sorted(space.questions[number][3]), np.int64)
        ids = space.index.cut().insight_ids(rows)
        formed = [
            AssociationFormed(from_id=one, to_id=other, kind="answers", weight=WEIGHT)
            for one, other in itertools.pairwise(ids)
        ]
        cited = InsightCited(insight_ids=tuple(ids), outcome=Outcome.CONFIRMED)
        for data in (*formed, *[cited] * times):
            event = new_event(data, session_id=session_id, namespace="space", time=NOW)
            space.index.apply(PositionedEvent(space.index.position + 1, event))


def found(space: Space, number: int) -> tuple[float, float]:
    """Return recall at 5 and at 10 of one question."""
    text, vector, _, relevant = space.questions[number]
    cut = space.index.cut()
    reach = eligible(cut, Question(text=text, namespace="space"))
    ranking = rank(cut, read(text), reach, k=10, vector=vector, asked_at=NOW)
    at_5, at_10, *_ = measures([each.row for each in ranking.best[:10]], relevant)
    return at_5, at_10


async def measure(folder: Path, name: str, vectors: Kept) -> str:
    """Return what repeated use does in one file, as lines."""
    spaces: list[dict[str, Any]] = read_spaces(folder, name)
    before: dict[str, list[tuple[float, float]]] = {group: [] for group in GROUPS}
    after = {times: {group: list[tuple[float, float]]() for group in GROUPS} for times in TIMES}
    for space in spaces:
        await vectors.make(each["text"] for each in (*space["corpus"], *answerable(space)))
        for times in (0, *TIMES):
            filled = learned(space, vectors)
            paths, by_group = groups(filled)
            if times:
                use(filled, paths, times=times)
            answers = after[times] if times else before
            for group, numbers in by_group.items():
                answers[group] += [found(filled, number) for number in numbers]
    lines = [f"{name}: R@5, R@10 without use; the change in R@5 by citations"]
    for group in GROUPS:
        bare = 100 * np.asarray(before[group] or [(0.0, 0.0)])
        told = [f"  {group:10}{len(before[group]):5} questions {bare.mean(axis=0).round(1)}"]
        for times in TIMES:
            used = 100 * np.asarray(after[times][group] or [(0.0, 0.0)])
            told.append(f"{times}: {interval((used - bare)[:, 0] / 100)}")
        lines.append("  ".join(told))
    return "\n".join(lines)


def main(show: Callable[[str], None] = print) -> None:
    """Measure the files that were named, or all there are."""
    measure_named(measure, "benchmarks.recall_paths", __doc__, show)


if __name__ == "__main__":
    main()
