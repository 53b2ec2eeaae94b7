"""The demo's story: what it claims, and what it says of it."""

from __future__ import annotations

import io

from rich.console import Console

from anabranch.demo.narration import side_by_side
from anabranch.terminal.narrator import Story


def test_the_speed_up_is_shown_and_its_wait_is_called_simulated() -> None:
    """Each way of asking has a bar as long as it took, and the pause is no model's."""
    file = io.StringIO()

    side_by_side(Story(Console(file=file, width=100)), branches=15, together_s=1.5, apart_s=6.0)

    said, together, apart = (line.split() for line in file.getvalue().splitlines())
    assert " ".join(said) == (
        "15 branches: each asks memory, then waits 300 ms as for a model's answer (simulated)"
    )
    assert together == ["side", "by", "side", "█" * 8, "1.5", "s"]
    assert apart == ["one", "after", "another", "█" * 30, "6.0", "s"]
