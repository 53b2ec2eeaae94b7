"""A thought in words for the terminal."""

from __future__ import annotations

import io

from rich.console import Console
from rich.text import Text

from anabranch.terminal.thought_tree import ThoughtPicture, outcome
from anabranch_events import new_event, new_id
from anabranch_events.event.types import BranchCreated, BranchFailed
from anabranch_thinking.thought import Consolidation, Thought


def test_one_of_a_kind_is_in_the_singular() -> None:
    """A thought of one branch with one insight is told as such."""
    consolidation = Consolidation(
        consolidation_id="c",
        root_id="s",
        sessions=("b",),
        sources=("i",),
        text="The pump is red.",
        method="extractive",
        event_id="e",
        position=4,
    )
    thought = Thought(
        session_id="s",
        task="Which colour has the pump?",
        branches=(),
        consolidation=consolidation,
        total_branches=1,
        total_duration_ms=1300,
        parallel_ms=1200,
        sequential_ms=1200,
        parallel_max=1,
        position=5,
    )

    said = [str(one) for one in outcome(thought) if isinstance(one, Text)]

    assert said == [
        "The pump is red.",
        "from 1 insight",
        "1 branch took 1.2 s",
        "session s",
    ]


def test_an_attempt_that_is_made_again_is_no_failure() -> None:
    """What is tried again has the mark of what waits, and says so; what is given up has failed."""
    root_id, branch_id = new_id(), new_id()
    written = io.StringIO()
    fork = BranchCreated(
        parent_id=root_id, root_id=root_id, forked_at=1, depth=1, task="Look", role="focus"
    )
    ends = [
        BranchFailed(error="its worker ended", attempt=attempt, will_retry=attempt == 1)
        for attempt in (1, 2)
    ]

    with ThoughtPicture(Console(file=written, width=80)) as picture:
        for position, data in enumerate([fork, *ends], start=2):
            picture(new_event(data, session_id=branch_id, namespace="default"), position)

    assert written.getvalue().splitlines() == [
        "  ○ focus (0 ms): to be tried again: its worker ended",
        "  ✗ focus (0 ms): its worker ended",
    ]
