"""A session's state is a fold of its own events."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from anabranch_events import new_event, new_id
from anabranch_events.event.types import (
    AssociationFormed,
    AssociationSevered,
    BranchCancelled,
    BranchCompleted,
    BranchCreated,
    BranchDeadLettered,
    BranchFailed,
    BranchStarted,
    ConflictOpened,
    Insight,
    InsightRecorded,
    InsightRetracted,
    InsightSuperseded,
    SessionClosed,
    SessionHandedOff,
    SessionOpened,
    WorkingMemoryCleared,
    WorkingMemorySet,
)
from anabranch_thinking.sessions.state import Claim, Link, SessionState, StateFold, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from anabranch_events.event.types import EventData

SESSION, ROOT, ONE, TWO = new_id(), new_id(), new_id(), new_id()
OPENED = SessionOpened(task="plan the trip", role="planner")
FORKED = BranchCreated(
    parent_id=ROOT, root_id=ROOT, forked_at=3, depth=1, task="find a hotel", role="focus"
)


def folded(*data: EventData) -> SessionState:
    """Fold `data` at positions 10, 20, 30, ..."""
    state = SessionState(SESSION, "test")
    for number, one in enumerate(data, start=1):
        event = new_event(
            one,
            session_id=SESSION,
            namespace="test",
            agent="scout",
            time=datetime(2026, 1, number, tzinfo=UTC),
        )
        state = state.after(event, position=number * 10)
    return state


def test_a_branch_keeps_its_attributes() -> None:
    """A branch has what was kept of it when it was forked, as a root session has."""
    kept = FORKED.model_copy(update={"attributes": {"ticket": 7}})

    assert (folded(kept).attributes, folded(FORKED).attributes) == ({"ticket": 7}, {})


def test_a_session_without_events_does_not_exist() -> None:
    """Before its first event a session is nothing, and so has not ended either."""
    state = SessionState(SESSION, "test")

    assert (state.exists, state.ended, state.position) == (False, False, 0)


def test_an_opened_session_is_its_own_root() -> None:
    """A root session is open, at depth 0, and carries its task, role and agent."""
    state = folded(OPENED)

    assert (state.status, state.root_id, state.depth, state.parent_id) == ("open", SESSION, 0, None)
    assert (state.task, state.role, state.agent) == ("plan the trip", "planner", "scout")
    assert state.opened_at == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_branch_waits_runs_and_completes() -> None:
    """A branch is pending, then running under a claim, then completed with its insights."""
    learned = Insight(insight_id=ONE, text="The Ryokan has a bath.")
    waiting = folded(FORKED)
    running = folded(FORKED, BranchStarted(worker="w1"))
    ended = folded(
        FORKED, BranchStarted(worker="w1"), BranchCompleted(result="done", insights=(learned,))
    )

    assert (waiting.status, waiting.parent_id, waiting.forked_at) == ("pending", ROOT, 3)
    assert (running.status, running.claim) == ("running", Claim(SESSION, "w1", 1, 20))
    assert (ended.status, ended.result, ended.insights) == ("completed", "done", (learned,))
    assert ended.ended_at == datetime(2026, 1, 3, tzinfo=UTC)


def test_a_failure_that_is_retried_frees_the_branch() -> None:
    """A failed attempt with a retry leaves the branch pending, unclaimed, its attempt counted."""
    state = folded(
        FORKED, BranchStarted(worker="w1"), BranchFailed(error="no bath", will_retry=True)
    )

    assert (state.status, state.claim, state.attempt) == (Status.PENDING, None, 1)
    assert (state.error, state.ended) == ("no bath", False)


def test_every_end_is_an_end() -> None:
    """Failing, cancelling, dead-lettering, handing off and closing each end the session."""
    ends: dict[str, EventData] = {
        "failed": BranchFailed(error="x"),
        "cancelled": BranchCancelled(reason="x"),
        "dead_lettered": BranchDeadLettered(reason="x"),
        "handed_off": SessionHandedOff(to=ONE, summary="x"),
        "closed": SessionClosed(reason="x"),
    }

    found = {name: folded(FORKED, end) for name, end in ends.items()}

    assert {name: str(state.status) for name, state in found.items()} == dict(zip(ends, ends))  # noqa: B905 - the same keys.
    assert all(state.ended for state in found.values())
    assert found["handed_off"].handed_to == ONE


def test_working_memory_holds_the_last_value_of_each_key() -> None:
    """A note replaces the one before; a cleared one is gone."""
    state = folded(
        OPENED,
        WorkingMemorySet(key="plan", value={"nights": 2}),
        WorkingMemorySet(key="budget", value=None),
        WorkingMemorySet(key="plan", value=["hotel"]),
        WorkingMemorySet(key="old", value=1),
        WorkingMemoryCleared(key="old"),
        WorkingMemorySet(key="gru\u0308n", value=3),
        WorkingMemoryCleared(key="gr\u00fcn"),
    )

    assert state.working_memory == {"plan": ["hotel"], "budget": None}


def test_insights_retired_here_are_known() -> None:
    """What was recorded stays listed; what was retracted is named apart."""
    recorded = InsightRecorded(insight_id=ONE, text="It is open.", tags=("hours",))

    state = folded(OPENED, recorded, InsightRetracted(insight_id=ONE, reason="wrong"))

    assert state.insights == (Insight(insight_id=ONE, text="It is open.", tags=("hours",)),)
    assert state.retired == {ONE}


def test_an_insight_whose_newer_one_is_retracted_here_holds_again() -> None:
    """A consolidation reads it then."""
    state = folded(OPENED, InsightSuperseded(insight_id=ONE, by=TWO))

    retracted = folded(
        OPENED,
        InsightSuperseded(insight_id=ONE, by=TWO),
        InsightRetracted(insight_id=TWO, reason="wrong"),
    )

    assert state.retired == {ONE}
    assert retracted.retired == {TWO}


def test_links_are_those_formed_and_not_severed() -> None:
    """An association is active until it is severed with the same ends and kind."""
    formed = AssociationFormed(from_id=ONE, to_id=TWO, kind="similar", weight=0.7)
    named = AssociationFormed(from_id=ONE, to_id=TWO, kind="shares_entity", weight=0.5)

    state = folded(
        OPENED, formed, named, AssociationSevered(from_id=ONE, to_id=TWO, kind="similar")
    )

    assert state.links == {Link(ONE, TWO, "shares_entity")}


def test_other_events_move_only_the_position() -> None:
    """An event that says nothing about the session leaves everything but its position."""
    before = folded(OPENED)

    after = folded(OPENED, ConflictOpened(insights=(ONE, TWO), subject="the hours"))

    assert (before.position, after.position) == (10, 20)
    assert (after.status, after.insights, after.ended_at) == (before.status, (), None)


def test_a_fold_of_many_events_is_that_of_each() -> None:
    """Whatever the session gathers, and wherever the fold is cut."""
    told: list[EventData] = [
        FORKED,
        BranchStarted(worker="w"),
        InsightRecorded(insight_id=ONE, text="One"),
        WorkingMemorySet(key="a", value=1),
        WorkingMemorySet(key="b", value=[2]),
        AssociationFormed(from_id=ONE, to_id=TWO, kind="x", weight=0.5),
        WorkingMemoryCleared(key="a"),
        InsightRetracted(insight_id=ONE, reason="no"),
        AssociationSevered(from_id=ONE, to_id=TWO, kind="x"),
        BranchFailed(error="wet", will_retry=True),
        InsightRecorded(insight_id=TWO, text="Two"),
        BranchCompleted(result="Done", insights=(Insight(insight_id=ROOT, text="Three"),)),
        WorkingMemorySet(key="c", value=None),
        InsightRecorded(insight_id=new_id(), text="Late"),
    ]
    events = [new_event(data, session_id=SESSION, namespace="test") for data in told]
    each = SessionState(SESSION, "test")
    for position, event in enumerate(events, start=1):
        each = each.after(event, position=position)

    for cut in range(len(events) + 1):
        first = StateFold(SessionState(SESSION, "test"))
        for position, event in enumerate(events[:cut], start=1):
            first.take(event, position=position)
        second = StateFold(first.state())
        for position, event in enumerate(events[cut:], start=cut + 1):
            second.take(event, position=position)

        assert second.state() == each


def _observed(number: int) -> EventData:
    return InsightRecorded(insight_id=new_id(), text=f"Observation {number}")


def _moved(number: int) -> EventData:
    return WorkingMemorySet(key="cursor", value=number)


def _noted(number: int) -> EventData:
    return WorkingMemorySet(key=f"item-{number}", value=number)


@pytest.mark.parametrize("told", [_observed, _moved, _noted])
def test_a_long_session_is_folded_in_proportion(told: Callable[[int], EventData]) -> None:
    """Eight times as many events take no thirty times as long; by the square it would be 64."""

    def seconds(count: int) -> float:
        events = [
            new_event(told(number), session_id=SESSION, namespace="test") for number in range(count)
        ]
        fold = StateFold(SessionState(SESSION, "test"))
        begun = time.process_time()
        for position, event in enumerate(events, start=1):
            fold.take(event, position=position)
        assert fold.state().position == count
        return time.process_time() - begun

    short = min(seconds(1000) for _ in range(3))

    assert min(seconds(8000) for _ in range(2)) < 30 * short
