"""Recall under questions that nobody should ask, by both rankers."""

from __future__ import annotations

import math
import random
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import pytest

from anabranch import Memory
from tests.support.odd_questions import REFUSALS, question
from tests.support.patience import PATIENCE_S
from tests.support.rounds import FUZZ_EXAMPLES, FUZZING, in_full_only

if TYPE_CHECKING:
    from anabranch.settings import Settings
    from anabranch_recall import Recollection

pytestmark = [pytest.mark.timeout(0), *([] if FUZZING else [in_full_only])]

SEED: Final = 20261129
SAID: Final = (
    "The ferry to Grünau sails at 09:40",
    "Postgres runs on port 5433",
    "港口在河的北边",
    "الميناء مغلق يوم الجمعة",
    "Which port has the ferry?",
    "Ada keeps the timetable of the ferry",
    "a",
    "フェリーは毎朝出る",
)


async def learned(memory: Memory) -> list[str]:
    """Fill a memory in a few sessions, with links and ends; return the sessions."""
    first = await memory.open_session("watch", agent="ada", role="watcher")
    second = await first.branch("look closer")
    ids: list[str] = []
    for number, text in enumerate(SAID):
        session = (first, second)[number % 2]
        receipt = await session.remember(
            text,
            subject="the harbour" if number % 3 == 0 else None,
            tags=["sea"] if number % 2 else [],
            kind="fact" if number % 4 == 0 else "observation",
        )
        ids.append(receipt.insight_id)
    await memory.associate(ids[0], ids[1], weight=0.8)
    await memory.retract(ids[6], "it says nothing")
    await memory.cite(ids[:3], outcome="confirmed")
    return [first.session_id, second.session_id]


@pytest.mark.parametrize("ranker", ["index", "graph"])
async def test_every_question_has_an_answer_or_a_reason(
    own_settings: Settings, ranker: str
) -> None:
    """Hits in order, of which the parts make the score; or an error that names the field."""
    outcomes: Counter[str] = Counter()
    unexplained: list[dict[str, Any]] = []
    dice = random.Random(SEED)  # noqa: S311 - repeatable, not secret.
    async with Memory.open(settings=own_settings.changed(ranker=ranker)) as memory:
        sessions = await learned(memory)
        for _ in range(FUZZ_EXAMPLES):
            asked: dict[str, Any] = {"timeout_s": PATIENCE_S, **question(dice, sessions)}
            try:
                found = await memory.recall(**asked)
            except REFUSALS as error:
                outcomes[type(error).__name__] += 1
                unexplained += [] if error.fix else [asked]
            else:
                outcomes[f"{ranker}, {'hits' if found.hits else 'none'}"] += 1
                check(found, asked, ranker=ranker)

    print(f"{FUZZ_EXAMPLES} questions: {dict(sorted(outcomes.items()))}")  # noqa: T201 - the count
    assert unexplained == []
    assert outcomes[f"{ranker}, hits"] > FUZZ_EXAMPLES // 10
    assert outcomes["InputInvalid"] > FUZZ_EXAMPLES // 20


def check(found: Recollection, asked: dict[str, Any], *, ranker: str) -> None:
    """Hold an answer against its question."""
    scores = [hit.score for hit in found]
    assert found.ranker == ranker, asked
    assert len(found) <= asked.get("k", 10), asked
    assert scores == sorted(scores, reverse=True), asked
    assert all(map(math.isfinite, scores)), asked
    assert [lane for lane in found.lanes.values() if lane.state == "failed"] == [], asked
    for hit in found:
        why = hit.why
        parts = (*why.lanes.values(), why.session, why.length, *why.priors.values())
        assert hit.score == pytest.approx(sum(parts) + why.path + why.linked, abs=1e-9), asked
