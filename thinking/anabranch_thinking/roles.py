"""The roles of branches: what each looks for, how urgent it is, and what of memory it sees.

The presets are used where the user names none of their own. A role of a user's own travels with
its branches, as attributes: who works on them needs no file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from anabranch_events.event.types import Priority
from anabranch_recall import Scope, tokens
from anabranch_thinking.sessions.carried import attributes_for
from anabranch_thinking.sessions.findings import lead
from anabranch_thinking.sessions.sessions import BranchTask

if TYPE_CHECKING:
    from collections.abc import Sequence

SUBJECT_LENGTH_MAX: Final = 400
PLACE: Final = "{task}"
"""The place of the task in an angle."""


@dataclass(frozen=True, slots=True)
class Role:
    """A role: `instructions` for who works in it, `angles` are questions about a task.

    `priority` and `labels` are those of its branches where none are given. `scope` is the part of
    memory that they see.
    """

    name: str
    instructions: str
    angles: tuple[str, ...] = (PLACE,)
    priority: Priority | None = None
    scope: Scope = Scope.NAMESPACE
    labels: tuple[str, ...] = ()

    def question(self, turn: int, subject: str) -> str:
        """Return what the role asks about a subject in its `turn`-th turn."""
        return self.angles[turn % len(self.angles)].replace(PLACE, subject)

    def given_to(
        self,
        task: BranchTask,
        *,
        priority: Priority | str | None,
        labels: Sequence[str] | None = None,
    ) -> BranchTask:
        """Return a task of this role, with the priority that it has, or is given, or the role's.

        So with its labels.
        A preset is known everywhere by its name; another role is written into the attributes.
        """
        chosen: dict[str, object] = {"role": self.name}
        if "priority" not in task.model_fields_set:
            chosen["priority"] = priority or self.priority or Priority.NORMAL
        if "labels" not in task.model_fields_set:
            chosen["labels"] = tuple(self.labels if labels is None else labels)
        if self not in PRESETS:
            chosen["attributes"] = {
                **attributes_for(instructions=self.instructions, scope=self.scope),
                **task.attributes,
            }
        return task.model_copy(update=chosen)


FOCUS: Final = Role(
    "focus",
    "Pick what bears most directly on the task.",
    (
        "{task}",
        "The facts that decide this: {task}",
        "What was said last about this: {task}",
    ),
)
PATTERN_RECOGNITION: Final = Role(
    "pattern recognition",
    "Look for what keeps coming back across sessions.",
    (
        "What keeps coming back: {task}",
        "Habits and preferences behind this: {task}",
        "What changed over time: {task}",
    ),
)
CREATIVE_SYNTHESIS: Final = Role(
    "creative synthesis",
    "Put together what was learned apart.",
    (
        "What could be combined: {task}",
        "Ideas and wishes around this: {task}",
        "Who and what else is connected: {task}",
    ),
)
RISK_ANALYSIS: Final = Role(
    "risk analysis",
    "Look for what could go wrong.",
    (
        "What could go wrong: {task}",
        "Deadlines and limits: {task}",
        "Health, money and safety: {task}",
    ),
)
META_COGNITION: Final = Role(
    "meta-cognition",
    "Say what memory holds on the task, and what it lacks.",
    (
        "What is known and what is missing: {task}",
        "What is uncertain or contradicts itself: {task}",
        "Whom to ask and what to check: {task}",
    ),
)
BACKGROUND: Final = Role(
    "background",
    "Look for what was said before on this and on what is near it, and need not be quick.",
    (
        "What came before this: {task}",
        "What else is known of those in this: {task}",
        "What was decided or tried before: {task}",
    ),
    priority=Priority.LOW,
)
ROLES: Final = (FOCUS, PATTERN_RECOGNITION, CREATIVE_SYNTHESIS, RISK_ANALYSIS, META_COGNITION)
"""The roles that look at a task in turn, where none are named."""
PRESETS: Final = (*ROLES, BACKGROUND)
"""All roles that are known by their name."""
_WORD: Final = re.compile(r"\w[\w'\u2019-]*")


def angles(task: str, *, count: int, roles: Sequence[Role] = ROLES) -> list[BranchTask]:
    """Return `count` ways to look at `task`: each role in turn, each time from another angle.

    Once a role has had all its angles they come again, each time with an eye on another word.
    """
    words = _telling_words(task)
    subject = lead(task, length_max=SUBJECT_LENGTH_MAX)
    found: list[BranchTask] = []
    for number in range(count):
        role = roles[number % len(roles)]
        turn = number // len(roles)
        question = role.question(turn, subject)
        again = turn // len(role.angles)
        if again and words:
            question += f" (with an eye on {words[(again - 1) % len(words)]})"
        found.append(BranchTask(task=question, role=role.name))
    return found


def _telling_words(task: str) -> list[str]:
    return [word for word in dict.fromkeys(_WORD.findall(task)) if tokens(word)]
