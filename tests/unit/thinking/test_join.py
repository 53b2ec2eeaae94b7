"""The decision of a join: a pure function of how its branches have ended."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anabranch_events.errors import InputInvalid
from anabranch_events.event.types import JoinKind
from anabranch_thinking import Join, Status
from anabranch_thinking.join import BranchEnd, decide

DONE = BranchEnd(Status.COMPLETED, "seventy")
OTHER = BranchEnd(Status.COMPLETED, " eighty ")
FAILED = BranchEnd(Status.FAILED)
_ENDS = st.lists(st.sampled_from([None, DONE, OTHER, FAILED]), min_size=1, max_size=7)


@pytest.mark.parametrize(
    ("join", "ends", "counted"),
    [
        ("all", [DONE, None], None),
        ("all", [DONE, FAILED], ["0", "1"]),
        ("first", [None, FAILED, DONE], ["2"]),
        ("first", [None, FAILED], None),
        ("first", [FAILED, FAILED], []),
        (2, [DONE, None, DONE], ["0", "2"]),
        (2, [FAILED, None, DONE], None),
        (2, [FAILED, FAILED, DONE], ["2"]),
        (2, [FAILED, FAILED, None], []),
        ("majority", [DONE, OTHER, DONE], ["0", "2"]),
        ("majority", [DONE, None, DONE], ["0", "2"]),
        ("majority", [DONE, OTHER, None], None),
        ("majority", [DONE, OTHER, FAILED], ["0", "1"]),
    ],
)
def test_a_join_is_decided_as_soon_as_it_can_be(
    join: str | int, ends: list[BranchEnd | None], counted: list[str] | None
) -> None:
    """With enough results, or once there cannot be enough: not before, and not later."""
    found = decide(Join.of(join, branches=len(ends)), {str(n): e for n, e in enumerate(ends)})

    assert (None if found is None else list(found.counted)) == counted


@given(ends=_ENDS, kind=st.sampled_from(JoinKind), needed=st.integers(1, 7))
def test_what_is_decided_stays_decided(
    ends: list[BranchEnd | None], kind: JoinKind, needed: int
) -> None:
    """Once all have ended there is a verdict; one that is met is met whatever comes after it."""
    join = Join(kind, min(needed, len(ends)))
    now = {str(number): end for number, end in enumerate(ends)}
    later = {name: end or DONE for name, end in now.items()}

    early, late = decide(join, now), decide(join, later)

    assert late is not None
    assert decide(join, now, overdue=True) is not None
    if early is not None and early.met:
        assert late.met


@pytest.mark.parametrize("join", [0, 4, True, "some", "-1"])
def test_no_other_join_is_taken(join: str | int) -> None:
    """More results than branches, none, or a word that is no join is refused, by its field."""
    with pytest.raises(InputInvalid) as refused:
        Join.of(join, branches=3)

    assert refused.value.field == "join"
