"""A thought in words for the terminal."""

from __future__ import annotations

from rich.text import Text

from anabranch.terminal.thought_tree import outcome
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
