"""Histories that meet one another often, and indexes over them with vectors at once."""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from hypothesis import strategies as st

from anabranch_events.event import types
from anabranch_events.event.types import Outcome
from anabranch_projections.recall_index.namespace_index import NamespaceIndex
from anabranch_recall import Question
from anabranch_recall.asked import read
from anabranch_recall.filters import NO_FILTERS, Filters
from anabranch_recall.index.eligible import eligible
from anabranch_recall.index.ranking import Ranking, rank
from anabranch_recall.recipe import RECIPE
from anabranch_recall.text.words import stems
from tests.support.histories import at, consolidation, insight, moment, session

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from anabranch_events.event.types import EventData
    from anabranch_projections import PositionedEvent

DIMENSION: Final = 48
TEXTS: Final = (
    "The gauge at Delta Bay drifts in May 2026",
    "Ada: Which gauge drifts?",
    "Ben read the gauge in Delta Bay and wrote it down for Access Bank",
    "Screws rust",
    "Ada asked Access Bank about the flood of 24 November 2026",
    "河边的水位在上升",
)
SUBJECTS: Final = ("Ada", "the lending bank")
KINDS: Final = ("observation", "finding")
TAGS: Final = ("water", "money")
AGENTS: Final = ("ada", "ben", None)

_STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *["learn"] * 6,
                *["open", "branch", "complete", "retract", "supersede", "expire", "forget"],
                *["link"] * 3,
                *["cite"] * 4,
                *["consolidate"] * 3,
                *["sever", "erase"],
            ]
        ),
        st.integers(0, 999),
        st.integers(0, 999),
    ),
    min_size=25,
    max_size=50,
)

_FIRST: Final = [("learn", number, number) for number in range(5)]


def histories() -> st.SearchStrategy[list[PositionedEvent]]:
    """Return histories of one namespace: sessions, branches, insights, ends, links, citations."""
    return _STEPS.map(lambda steps: [*_events([*_FIRST, *steps])])


def index_over(events: Iterable[PositionedEvent], *, vectors: bool = True) -> NamespaceIndex:
    """Return the index that has taken in `events`, each with its vector at once."""
    index = NamespaceIndex("default", dimension=DIMENSION)
    for each in events:
        take_in(index, each, vectors=vectors)
    return index


def take_in(index: NamespaceIndex, event: PositionedEvent, *, vectors: bool = True) -> None:
    """Let an index take in an event, and the vectors of what it brought."""
    index.apply(event)
    texts = index.texts_without_vectors(len(index))
    if vectors and texts:
        index.add_vectors(np.stack([vector_of(text) for text in texts]))


def vector_of(text: str) -> NDArray[np.float32]:
    """Return a unit vector of a text: texts that share stems are near. None for no text."""
    total = np.zeros(DIMENSION)
    for stem in stems(text):
        chance = random.Random(hashlib.sha256(stem.encode()).digest())  # noqa: S311 - repeatable.
        total += [chance.gauss(0, 1) for _ in range(DIMENSION)]
    length = float(np.linalg.norm(total)) or 1.0
    return (total / length).astype(np.float32)


def recalled(
    index: NamespaceIndex,
    text: str,
    *,
    filters: Filters = NO_FILTERS,
    vectors: bool = True,
    candidates: int = RECIPE.candidates,
    **fields: object,
) -> list[tuple[object, ...]]:
    """Return all that is recalled, best first, with every part of every score to the last bit.

    Histories are short: with few `candidates` it is ranked as among many insights.
    """
    question = Question.model_validate(
        {"text": text, "namespace": "default", "filters": filters, **fields}
    )
    cut = index.cut(question.as_of)
    ranking = rank(
        cut,
        read(text),
        eligible(cut, question, at=moment(60)),
        k=question.k,
        vector=vector_of(text) if vectors else None,
        asked_at=question.asked_at,
        recipe=replace(RECIPE, evidence=question.evidence_prior, candidates=candidates),
    )
    return parts(ranking)


def parts(ranking: Ranking) -> list[tuple[object, ...]]:
    """Return a ranking as plain values, floats as their bits."""
    return [
        (
            each.insight_id,
            each.score.hex(),
            each.words.hex(),
            each.meaning.hex(),
            each.session.hex(),
            each.length.hex(),
            sorted((name, value.hex()) for name, value in each.priors.items()),
            each.path.hex(),
            each.linked.hex(),
            each.names,
            each.seeds,
            each.associations,
            [one.insight_id for one in each.same],
        )
        for each in ranking.best
    ]


def _events(steps: Sequence[tuple[str, int, int]]) -> Iterable[PositionedEvent]:
    yield at(1, types.SessionOpened(task="Watch the river", role="watcher"), agent="ada")
    sessions, learned, position = 1, 0, 1
    for step, one, other in steps:
        position += 1
        where = session(1 + one % sessions)
        data: EventData
        if step == "open":
            sessions += 1
            role = (None, "watcher", "banker")[other % 3]
            data, where = types.SessionOpened(task="Root", role=role), session(sessions)
        elif step == "branch":
            sessions += 1
            data = types.BranchCreated(
                parent_id=where,
                root_id=where if one % sessions == 0 else session(1),
                forked_at=1 + other % position,
                depth=1,
                task="Ask upstream",
                role="banker",
            )
            where = session(sessions)
        elif step == "consolidate":
            data = types.ConsolidationRecorded(
                consolidation_id=consolidation(1 + one % 20),
                root_id=session(1),
                sessions=(where,) if one % 2 else (),
                sources=tuple(insight(1 + (other + 3 * each) % 12) for each in range(other % 4)),
                text="All of it",
                method=("extractive", "restated")[one // 2 % 2],
            )
        elif step == "erase":
            data = types.SessionForgotten(receipt="R")
        elif step == "complete":
            learned += 2
            both = (_insight(learned - 1, other), _insight(learned, one))
            data = types.BranchCompleted(result="Done", insights=both)
        elif step == "learn" or learned < 2:
            learned += 1
            data = types.InsightRecorded(**_insight(learned, other).model_dump())
        else:
            few = 4 if step in {"link", "cite", "sever"} else learned + 1
            data = _about(step, 1 + one % few, 1 + other // 7 % few, other)
        yield at(position, data, of=where, agent=AGENTS[other % 3])


def _insight(number: int, chance: int) -> types.Insight:
    return types.Insight(
        insight_id=insight(number),
        text=TEXTS[chance % len(TEXTS)],
        subject=SUBJECTS[chance // 4 % 2] if chance % 4 == 0 else None,
        kind=KINDS[chance % 2],
        confidence=(chance % 4 + 1) / 4,
        tags=TAGS[: chance % 3],
        entities=("Access Bank",) if chance % 5 == 0 else (),
        valid_from=moment(chance % 100) if chance % 7 == 0 else None,
        valid_until=moment(chance % 100 + 20) if chance % 3 == 0 else None,
    )


def _about(step: str, one: int, other: int, chance: int) -> EventData:
    """Return an event about two insights, of which one may not be there yet."""
    first, second = insight(one), insight(other if one != other else other + 1)
    match step:
        case "retract":
            until = moment(chance % 50) if chance % 2 else None
            return types.InsightRetracted(insight_id=first, reason="wrong", valid_until=until)
        case "supersede":
            return types.InsightSuperseded(insight_id=first, by=second)
        case "expire":
            return types.InsightExpired(insight_id=first, reason="old", policy=1)
        case "forget":
            return types.InsightForgotten(insight_id=first, receipt="R")
        case "link":
            weight = chance % 11 / 10
            return types.AssociationFormed(
                from_id=first, to_id=second, kind="supports", weight=weight
            )
        case "sever":
            return types.AssociationSevered(from_id=first, to_id=second, kind="supports")
        case _:
            outcome = list(Outcome)[chance % 3]
            return types.InsightCited(insight_ids=(first, second), outcome=outcome)
