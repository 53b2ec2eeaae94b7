"""The roles of branches, used when the user names none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from anabranch_recall import tokens
from anabranch_thinking.sessions.findings import lead
from anabranch_thinking.sessions.sessions import BranchTask

SUBJECT_LENGTH_MAX: Final = 400


@dataclass(frozen=True, slots=True)
class Role:
    """A role: `looks` describes its view, `angles` are questions about a task."""

    name: str
    looks: str
    angles: tuple[str, ...]


FOCUS: Final = Role(
    "focus",
    "picks what bears most directly on the task",
    (
        "{task}",
        "The facts that decide this: {task}",
        "What was said last about this: {task}",
    ),
)
PATTERN_RECOGNITION: Final = Role(
    "pattern recognition",
    "looks for what keeps coming back across sessions",
    (
        "What keeps coming back: {task}",
        "Habits and preferences behind this: {task}",
        "What changed over time: {task}",
    ),
)
CREATIVE_SYNTHESIS: Final = Role(
    "creative synthesis",
    "puts together what was learned apart",
    (
        "What could be combined: {task}",
        "Ideas and wishes around this: {task}",
        "Who and what else is connected: {task}",
    ),
)
RISK_ANALYSIS: Final = Role(
    "risk analysis",
    "looks for what could go wrong",
    (
        "What could go wrong: {task}",
        "Deadlines and limits: {task}",
        "Health, money and safety: {task}",
    ),
)
META_COGNITION: Final = Role(
    "meta-cognition",
    "says what memory holds on the task, and what it lacks",
    (
        "What is known and what is missing: {task}",
        "What is uncertain or contradicts itself: {task}",
        "Whom to ask and what to check: {task}",
    ),
)
ROLES: Final = (FOCUS, PATTERN_RECOGNITION, CREATIVE_SYNTHESIS, RISK_ANALYSIS, META_COGNITION)
_WORD: Final = re.compile(r"\w[\w'\u2019-]*")


def angles(task: str, *, count: int) -> list[BranchTask]:
    """Return `count` ways to look at `task`: each role in turn, each time from another angle.

    Past fifteen the angles come again, each time with an eye on another word of the task.
    """
    rounds = len(FOCUS.angles)
    words = _telling_words(task)
    subject = lead(task, length_max=SUBJECT_LENGTH_MAX)
    found: list[BranchTask] = []
    for number in range(count):
        role = ROLES[number % len(ROLES)]
        turn = number // len(ROLES)
        question = role.angles[turn % rounds].format(task=subject)
        if turn >= rounds and words:
            question += f" (with an eye on {words[(turn // rounds - 1) % len(words)]})"
        found.append(BranchTask(task=question, role=role.name))
    return found


def _telling_words(task: str) -> list[str]:
    return [word for word in dict.fromkeys(_WORD.findall(task)) if tokens(word)]
