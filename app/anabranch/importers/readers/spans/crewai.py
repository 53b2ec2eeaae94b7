"""Spans of CrewAI by OpenInference, given what its agents were asked and what they answered.

A task's own words stand in its result; its prompt has sentences of CrewAI's around them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.records.spans import KIND, structured
from anabranch.importers.records.values import object_of, text_of

if TYPE_CHECKING:
    from anabranch.importers.records.spans import Span

_TASK: Final = "._execute_core"
_KICKOFF: Final = ".kickoff"
_INPUT, _OUTPUT = "input.value", "output.value"
_ASKED: Final = "Current Task: "
_AROUND: Final = (
    "\n\nThis is the expected criteria for your final answer: ",
    "\n\nThis is the context you're working with:\n",
)


def said_plainly(span: Span) -> Span:
    """Return a span of CrewAI with what was asked and answered, and any other as it is."""
    if span.name.endswith((_TASK, _KICKOFF)) and KIND in span.attributes:
        gave = object_of(structured(span.attributes.get(_OUTPUT)))
        told: dict[str, Any] = {}
        if "raw" in gave:
            told[_OUTPUT] = text_of(gave["raw"])
        if span.name.endswith(_TASK):
            told[_INPUT] = text_of(gave.get("description"))
        return replace(span, attributes={**span.attributes, **told}) if told else span
    asked = {
        name: task
        for name, value in span.attributes.items()
        if name.endswith(".message.content") and (task := task_in(value)) is not None
    }
    return replace(span, attributes={**span.attributes, **asked}) if asked else span


def task_in(prompt: Any) -> str | None:
    """Return the task of one of CrewAI's prompts, None for any other text."""
    if not isinstance(prompt, str) or not prompt.startswith(f"\n{_ASKED}"):
        return None
    task = prompt.lstrip().removeprefix(_ASKED)
    ends = [at for mark in _AROUND if (at := task.find(mark)) >= 0]
    return (task[: min(ends)] if ends else task).strip() or None
