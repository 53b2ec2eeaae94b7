"""The prompt of a branch says its role: a preset by its name, another by what the branch carries."""

from __future__ import annotations

from dataclasses import replace

import pytest

from anabranch_thinking.executors.prompt import prompt_of
from tests.support.commanding_process import lone_branch


@pytest.mark.parametrize(
    ("role", "instructions", "said"),
    [
        ("focus", None, "Your role is focus. Pick what bears most directly on the task. Answer"),
        ("focus", "Look closely.", "Your role is focus. Look closely. Answer"),
        ("skeptic", "Doubt it.", "Your role is skeptic. Doubt it. Answer"),
        ("skeptic", None, "Your role is skeptic. Answer"),
        (None, None, "in parallel. Answer"),
    ],
)
async def test_a_prompt_says_the_role(
    role: str | None, instructions: str | None, said: str
) -> None:
    """Instructions that the branch carries go before those of a preset of the same name."""
    branch = replace(lone_branch(), role=role, instructions=instructions)

    system, user = await prompt_of(branch)

    assert said in system
    assert user == f"The task:\n{branch.task}"
