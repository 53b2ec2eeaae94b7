"""Spans of smolagents by OpenInference, given what its other instrumentations say.

An agent's name stands in the name of its span alone, its task in the arguments of its run. A model
of a program's own has no span, so that both are all there is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.records.spans import KIND, structured
from anabranch.importers.records.values import object_of, text_of

if TYPE_CHECKING:
    from anabranch.importers.records.spans import Span

STEPS_MAX: Final = "smolagents.max_steps"
_INPUT: Final = "input.value"
_OF_TOOL: Final = {"args", "kwargs", "sanitize_inputs_outputs"}
_SUBMITTED: Final = "You're a helpful agent named '"


def said_plainly(span: Span) -> Span:
    """Return a span that names its agent and has its task, or a tool's arguments, as its input."""
    given = object_of(structured(span.attributes.get(_INPUT)))
    if STEPS_MAX in span.attributes and span.attributes.get(KIND) == "AGENT":
        asked = text_of(given.get("task"))
        return _with(span, {"agent.name": span.name.removesuffix(".run"), _INPUT: _task(asked)})
    if set(given) == _OF_TOOL and not given["args"]:
        return _with(span, {_INPUT: given["kwargs"]})
    return span


def _task(asked: str | None) -> str | None:
    """Return a task without the instructions that stand around it where another agent gave it."""
    if not asked or not asked.startswith(_SUBMITTED):
        return asked
    return asked.partition("\n---\nTask:\n")[2].partition("\n---\n")[0] or asked


def _with(span: Span, told: dict[str, Any]) -> Span:
    return replace(span, attributes={**span.attributes, **told})
