"""The states that a process knows: own appends are taken in, and it holds only so much."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from anabranch_events import Receipt, new_event, new_id
from anabranch_events.event.types import (
    BranchCompleted,
    BranchCreated,
    BranchStarted,
    Insight,
    InsightRecorded,
    SessionOpened,
)
from anabranch_thinking.sessions.state import SessionState, Status
from anabranch_thinking.sessions.state_cache import FOLLOWED_MAX, StateCache

if TYPE_CHECKING:
    from anabranch_events import Event
    from anabranch_events.event.types import EventData

ROOT = new_id()


def _event(session_id: str, data: EventData, namespace: str = "test") -> Event:
    return new_event(data, session_id=session_id, namespace=namespace, correlation_id=ROOT)


def _life(session_id: str, namespace: str = "test") -> list[Event]:
    created = BranchCreated(parent_id=ROOT, root_id=ROOT, forked_at=1, depth=1, task="look")
    return [
        _event(session_id, created, namespace),
        _event(session_id, BranchStarted(worker="w", attempt=1), namespace),
        _event(session_id, BranchCompleted(result="found", duration_ms=1, attempt=1), namespace),
    ]


def _append(cache: StateCache, events: list[Event], first: int, expected: dict[str, int]) -> None:
    receipts = [
        Receipt(event_id=event.id, position=position)
        for position, event in enumerate(events, first)
    ]
    cache.take(events, receipts, expected=expected, namespace="test")


def test_own_appends_give_the_state_that_reading_gives() -> None:
    """One by one, or two of a session in one batch: the same state as the fold of the log."""
    session_id = new_id()
    created, started, completed = _life(session_id)
    read = SessionState(session_id, "test")
    for event, position in ((created, 2), (started, 7), (completed, 8)):
        read = read.after(event, position=position)

    cache = StateCache()
    _append(cache, [created], 2, {session_id: 0})
    _append(cache, [started, completed], 7, {session_id: 2})

    assert cache.get(session_id, namespace="test") == read


def test_an_append_after_something_unknown_is_not_taken_in() -> None:
    """Others have written meanwhile, or nothing was expected: what is known stays what it was."""
    session_id = new_id()
    created, started, completed = _life(session_id)
    cache = StateCache()
    _append(cache, [created], 2, {session_id: 0})

    _append(cache, [completed], 9, {session_id: 5})
    _append(cache, [started], 10, {})
    other = new_id()
    _append(cache, [_event(other, started.data)], 11, {other: 0})

    known = cache.get(session_id, namespace="test")
    assert known is not None
    assert (known.position, known.status) == (2, Status.PENDING)
    assert cache.get(other, namespace="test") is None


def test_it_holds_no_more_than_its_weight() -> None:
    """Those used least lately go first, and a heavy one takes the room of many."""
    cache = StateCache(weight_max=4)
    ids = [new_id() for _ in range(4)]
    for position, session_id in enumerate(ids, 1):
        opened = _event(session_id, SessionOpened(task="look"))
        _append(cache, [opened], position, {session_id: 0})
    assert cache.get(ids[0], namespace="test") is not None  # From here on it is the one used last.

    heavy = SessionState(
        new_id(),
        "test",
        status=Status.OPEN,
        insights=tuple(Insight(insight_id=new_id(), text="x") for _ in range(2)),
    )
    cache.keep(heavy)

    assert [one for one in ids if cache.get(one, namespace="test") is not None] == [ids[0]]
    assert cache.get(heavy.session_id, namespace="test") == heavy


def test_who_follows_the_log_knows_what_reading_gives() -> None:
    """Sessions are kept from their beginning on; one that began before is none of its."""
    session_id, before = new_id(), new_id()
    read = SessionState(session_id, "test")
    cache = StateCache()

    cache.follow(_life(before)[1], 1)
    for position, event in enumerate(_life(session_id), 2):
        read = read.after(event, position=position)
        cache.follow(event, position)

    assert cache.get(session_id, namespace="test") == read
    assert cache.get(before, namespace="test") is None


@pytest.mark.parametrize("first", ["test", "other"])
def test_a_session_is_that_of_its_namespace(first: str) -> None:
    """Another namespace may use its id, before or after it: neither says a word in the other."""
    session_id = new_id()
    second = {"test": "other", "other": "test"}[first]
    cache = StateCache()

    cache.follow(_life(session_id, first)[0], 1)
    for position, event in enumerate(_life(session_id, second), 2):
        cache.follow(event, position)

    here = cache.get(session_id, namespace=first)
    there = cache.get(session_id, namespace=second)
    assert here is not None
    assert there is not None
    assert (here.namespace, here.position, here.result) == (first, 1, None)
    assert (there.namespace, there.position, there.result) == (second, 4, "found")


def test_what_may_repeat_or_gathers_much_is_not_followed() -> None:
    """It is read from the log: a repetition has to be looked up, and a copy an event is too much."""
    repeated, long = new_id(), new_id()
    cache = StateCache()

    created, started, _ = _life(repeated)
    cache.follow(started, 2)
    for event in (created, started, created):
        cache.follow(event, 3)
    cache.follow(_life(long)[0], 10)
    for number in range(FOLLOWED_MAX + 1):
        insight = Insight(insight_id=new_id(), text=f"fact {number}")
        cache.follow(_event(long, InsightRecorded(**vars(insight))), 11 + number)

    assert cache.get(repeated, namespace="test") is None
    assert cache.get(long, namespace="test") is None
