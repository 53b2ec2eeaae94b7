"""The history of a branch's attempts: each has its own error, once."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from anabranch_events import new_event, new_id
from anabranch_events.event.types import BranchDeadLettered, BranchFailed, BranchStarted, EventData
from anabranch_thinking.executors.policy import given_up
from anabranch_thinking.work.history import attempts_in
from tests.support.events import NAMESPACE


@pytest.mark.parametrize(
    ("reason", "own"),
    [
        (given_up(["attempt 1 by a: no route", "attempt 2 by b: no\nroute"]), "no\nroute"),
        ("put aside by hand", "put aside by hand"),
    ],
)
def test_a_branch_that_was_put_aside_has_each_error_once(reason: str, own: str) -> None:
    """The reason holds the errors of all attempts: the last attempt's is what it says of that."""
    data: list[EventData] = [
        BranchStarted(worker="a"),
        BranchFailed(error="no route", attempt=1, will_retry=True),
        BranchStarted(worker="b", attempt=2),
        BranchDeadLettered(reason=reason, attempt=2),
    ]

    session_id = new_id()

    made = attempts_in(
        new_event(one, session_id=session_id, namespace=NAMESPACE, time=datetime.now(UTC))
        for one in data
    )

    assert [(one.outcome, one.error) for one in made] == [
        ("failed", "no route"),
        ("dead_lettered", own),
    ]
