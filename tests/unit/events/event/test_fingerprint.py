"""The fingerprint of an event: the same fact told again, and another one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from anabranch_events import fingerprint, new_event
from anabranch_events.event.types import BranchCreated, JoinTerms

ID = "0190c3a8-0000-7000-8000-000000000001"
TRACES = [f"00-{32 * digit}-{16 * digit}-01" for digit in "12"]


def forked(**terms: object) -> bytes:
    """Return the fingerprint of a branch that was forked on these terms."""
    join = JoinTerms(join_id=ID, branches=1, **terms)  # pyright: ignore[reportArgumentType]  # The fields of JoinTerms.
    data = BranchCreated(parent_id=ID, root_id=ID, forked_at=1, depth=1, task="look", join=join)
    return fingerprint(new_event(data, session_id=ID, namespace="test"))


@pytest.mark.parametrize("terms", [{"traceparent": TRACES[1]}, {"deadline": datetime.now(UTC)}])
def test_a_fork_that_is_sent_again_is_the_same(terms: dict[str, object]) -> None:
    """Each try has a span of its own, and a deadline that is so many seconds from now."""
    assert forked(**terms) == forked(traceparent=TRACES[0])


def test_a_fork_on_other_terms_is_another() -> None:
    """The rest of the terms is what was asked for."""
    assert forked(retries=1) != forked()
