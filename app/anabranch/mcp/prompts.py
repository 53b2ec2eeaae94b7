"""The instructions that every client reads, and the prompts that a person may choose."""

from __future__ import annotations

from dataclasses import dataclass
from string import Template
from typing import TYPE_CHECKING, Final

from anabranch.errors import InputInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping

INSTRUCTIONS: Final = """\
Long-term memory shared by every session of every agent here. It outlives this conversation.

Before you begin a task: `recall` (or `get_context`) it, with the names and terms of the task. Do it \
again whenever you are about to assume something, or to find something out.
Then `open_session` with the task; what you learn is kept under its session_id.
For parallel work: `branch_session` once for each part, and give each sub-agent the session_id of \
its branch. It completes its branch itself; `consolidate_session` then joins what the branches found.
As you learn: `remember` each fact, decision, preference or pitfall that a later session needs, at \
once, as a short text that stands alone. Keep plans and the state of the work in `set_note`.
After a recall helped, or misled: `cite_insights` with its recall_id. Where a hit has conflicts and \
you found out which insight holds, cite that one with `resolves`.
For all that is known about one name: `consolidate_session` with `entity`.
At the end: `complete_session` with the result, or `hand_off_session` if the work goes on elsewhere.
Calling a tool again with the same arguments is safe. Never store secrets.
"""


@dataclass(frozen=True, slots=True)
class PromptSpec:
    """A prompt: its text, and for each argument what it means and whether it must be given."""

    name: str
    title: str
    description: str
    arguments: Mapping[str, tuple[str, bool]]
    text: str


PROMPTS: Final = (
    PromptSpec(
        "recall_before_work",
        "Recall before work",
        "Find out what earlier sessions know about a task before it begins.",
        {"task": ("The task that is about to begin.", True)},
        "We are about to work on this: $task\n\n"
        "1. Call get_context with the task as the query. If it gives little, call recall with other "
        "words: the names, files, systems and people in the task.\n"
        "2. Say in a few lines what is already known, what was decided and why, and which pitfalls "
        "to avoid, each with its [n]. Say it where nothing is known.\n"
        "3. Call open_session with the task, and keep its session_id.\n"
        "4. Call cite_insights for what you rely on, with the recall_id.",
    ),
    PromptSpec(
        "hand_off",
        "Hand work off",
        "Pass a session on to another agent, or to a fresh context.",
        {
            "session_id": ("The session to hand off.", True),
            "to_agent": ("The agent that takes over.", False),
        },
        "Hand off the session $session_id$to_agent.\n\n"
        "1. Call get_session to see its task, notes and insights.\n"
        "2. Call remember for each thing learned that is not there yet.\n"
        "3. Call set_note for the state of the work: done, open, next step, files touched.\n"
        "4. Call hand_off_session with a summary that stands alone. Then give me the id in `to`.",
    ),
    PromptSpec(
        "end_session",
        "End a session",
        "Keep what was learned, and end the session.",
        {"session_id": ("The session to end.", True)},
        "End the session $session_id.\n\n"
        "1. Look back over our work: facts, decisions with their reasons, preferences, pitfalls. "
        "Leave out what the code or the documents say anyway, and secrets.\n"
        "2. Call cite_insights for recalled insights that helped (used or confirmed) or misled "
        "(rejected).\n"
        "3. Where the session had branches, call consolidate_session.\n"
        "4. Call complete_session with the result and, in `insights`, what was learned: short texts "
        "that stand alone.",
    ),
)
_SPECS: Final = {spec.name: spec for spec in PROMPTS}


def prompt_text(name: str, arguments: Mapping[str, str]) -> tuple[PromptSpec, str]:
    """Return a prompt and its text. Raises InputInvalid."""
    spec = _SPECS.get(name)
    if spec is None:
        raise InputInvalid(
            f"name: there is no prompt {name!r}", field="name", fix=f"use {', '.join(_SPECS)}"
        )
    missing = [one for one, (_, must) in spec.arguments.items() if must and not arguments.get(one)]
    if missing:
        raise InputInvalid(
            f"{missing[0]}: it must be given", field=missing[0], fix=f"give {', '.join(missing)}"
        )
    given = {one: arguments.get(one, "") for one in spec.arguments}
    if given.get("to_agent"):
        given["to_agent"] = f" to {given['to_agent']}"
    return spec, Template(spec.text).substitute(given)
