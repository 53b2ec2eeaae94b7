"""The prompt of a branch says its role: a preset by its name, another by what the branch carries."""

from __future__ import annotations

from dataclasses import replace

import pytest

from anabranch_thinking.executors.prompt import answer_text, prompt_of
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


FOUND = '{"result": "A hotel.", "insights": []}'


@pytest.mark.parametrize(
    ("said", "read"),
    [
        (FOUND, FOUND),
        (f"```json\n{FOUND}\n```", FOUND),
        (f"Here it is:\n\n```json\n{FOUND}\n```\nI hope that helps.", FOUND),
        (f"Here it is:\n```\n{FOUND}\n```", FOUND),
        ("Run this:\n```sh\nls\n```", "Run this:\n```sh\nls\n```"),
        (f"```\n{FOUND}\n```\nor\n```\n{FOUND}\n```", f"{FOUND}\n```\nor\n```\n{FOUND}"),
        ("A hotel.", "A hotel."),
    ],
)
def test_an_answer_is_read_without_what_stands_around_it(said: str, read: str) -> None:
    """A fence, and words before or after it; other fences belong to the answer."""
    assert answer_text(said) == read
