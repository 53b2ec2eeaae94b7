"""Without a model a branch reads what memory gave from the side of its role."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from anabranch_events import Log, new_id
from anabranch_events.event.identifiers import checked_text
from anabranch_recall import Scope
from anabranch_thinking import (
    ROLES,
    BranchContext,
    BranchOutcome,
    BranchTask,
    Finding,
    RecallExecutor,
    Sessions,
    angles,
)

TASK = "What should we watch for on the trip to Hakone with the budget?"


@dataclass(frozen=True)
class Hit:
    """A recalled insight."""

    insight_id: str
    session_id: str
    text: str
    kind: str = "observation"
    score: float = 1.0


HITS = [
    Hit("i1", "s1", "We chose the hotel in Hakone that Maria likes."),
    Hit("i2", "s2", "The passport of Maria expires before the trip."),
    Hit("i3", "s3", "Could go wrong: an old reading.", kind="derived"),
    Hit("i4", "s3", "The trip starts with a train to Hakone."),
]


async def reading(role: str, hits: list[Hit], *, task: str = TASK) -> Finding:
    """Run the executor for one role over `hits`."""
    root = new_id()

    async def recall(
        text: str, *, session_id: str, k: int, scope: Scope = Scope.NAMESPACE
    ) -> list[Hit]:
        assert (text, session_id, scope) == (task, branch.session_id, Scope.NAMESPACE)
        return hits[:k]

    async def fork(_branches: object) -> list[BranchOutcome]:
        return []

    branch = BranchContext(
        sessions=Sessions(Log.connect("nats://127.0.0.1:4"), namespace="test"),
        session_id=new_id(),
        parent_id=root,
        root_id=root,
        task=task,
        role=role,
        depth=1,
        attempt=1,
        deadline=None,
        asking=recall,
        forking=fork,
    )
    return await RecallExecutor().run(branch)


@pytest.mark.parametrize(
    ("role", "texts", "sources"),
    [
        (
            "focus",
            [f"Most direct: {HITS[0].text}", f"Most direct: {HITS[1].text}"],
            [("i1",), ("i2",)],
        ),
        (
            "pattern recognition",
            [
                f"Maria comes back in 2 sessions: {HITS[0].text} — {HITS[1].text}",
                f"Hakone comes back in 2 sessions: {HITS[0].text} — {HITS[3].text}",
            ],
            [("i1", "i2"), ("i1", "i4")],
        ),
        (
            "creative synthesis",
            [f"Taken together: {HITS[0].text} — and: {HITS[1].text}"],
            [("i1", "i2")],
        ),
        ("risk analysis", [f"Could go wrong: {HITS[1].text}"], [("i2",)]),
        (
            "meta-cognition",
            [f"On “{TASK}” memory gave 3 insights of 3 sessions; none mentions watch, budget."],
            [("i1", "i2", "i4")],
        ),
    ],
)
async def test_each_role_reads_from_its_side(
    role: str, texts: list[str], sources: list[tuple[str, ...]]
) -> None:
    """Each role brings back its own reading, which cites the insights it quotes."""
    found = await reading(role, HITS)

    assert [draft.text for draft in found.insights] == texts
    assert [draft.sources for draft in found.insights] == sources
    assert {draft.kind for draft in found.insights} == {"derived"}


@pytest.mark.parametrize("role", [role.name for role in ROLES])
async def test_nothing_recalled_is_nothing_learned(role: str) -> None:
    """Without hits, or with what old thoughts derived only, the result says so; no insight."""
    found = await reading(role, [HITS[2]])

    assert found == Finding(result=f"Memory holds nothing on “{TASK}”.")


@pytest.mark.parametrize("role", ["pattern recognition", "creative synthesis", "risk analysis"])
async def test_a_role_that_sees_nothing_says_so(role: str) -> None:
    """A reading that finds nothing of its kind brings a result and no insight."""
    found = await reading(role, [Hit("i1", "s1", "The tea is green.")])

    assert found.insights == ()
    assert found.result


@pytest.mark.parametrize("role", [*(role.name for role in ROLES), "my own role"])
async def test_every_result_is_text(role: str) -> None:
    """A result is text that can be stored, also of one hit and of a role nobody knows."""
    found = await reading(role, [Hit("i1", "s1", "x" * 5000)])

    assert checked_text(found.result) == found.result


def test_angles_take_the_roles_in_turn() -> None:
    """Twelve angles are twelve different questions, the five roles again and again."""
    asked = angles("the trip to Hakone", count=12)

    assert [task.role for task in asked] == [ROLES[number % 5].name for number in range(12)]
    assert len({task.task for task in asked}) == 12
    assert asked[0] == BranchTask(task="the trip to Hakone", role="focus")
    assert asked[3] == BranchTask(
        task="What could go wrong: the trip to Hakone", role="risk analysis"
    )


def test_many_angles_take_another_word_each_time() -> None:
    """Past fifteen the angles look at the words of the task one after another."""
    asked = angles("the trip to Hakone", count=45)

    assert asked[15].task == "the trip to Hakone (with an eye on trip)"
    assert asked[30].task == "the trip to Hakone (with an eye on Hakone)"
    assert len({task.task for task in asked}) == 45
