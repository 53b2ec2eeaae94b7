"""Event data without its content: what is left of an event that must not say it any more."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

from anabranch_events.event.types import Facts

if TYPE_CHECKING:
    from collections.abc import Mapping

FORGOTTEN: Final = "(forgotten)"
"""The text in the place of one that was forgotten."""

F = TypeVar("F", bound=Facts)


def without_content(facts: F, *, text: str = FORGOTTEN) -> F:
    """Return the same facts without what they say, also in the insights within them.

    A text that must be there becomes `text`; what may be missing is missing.
    """
    changed: dict[str, Any] = {**_blank(type(facts), text)}
    for name, value in facts.__dict__.items():
        if isinstance(value, tuple) and value and isinstance(value[0], Facts):
            changed[name] = tuple(without_content(one, text=text) for one in value)
    return facts.model_copy(update=changed)


@cache
def _blank(made: type[Facts], text: str) -> Mapping[str, Any]:
    """Return a value that says nothing for each field of content."""
    return {
        name: _nothing(field.annotation, text)
        if field.is_required()
        else field.get_default(call_default_factory=True)
        for name, field in made.model_fields.items()
        if name in made.content
    }


def nothing_said(made: type[Facts]) -> dict[str, Any]:
    """Return the members that facts of a class must have once they say nothing."""
    blank = _blank(made, FORGOTTEN)
    return {name: value for name, value in blank.items() if made.model_fields[name].is_required()}


def _nothing(annotation: Any, text: str) -> Any:
    return text if annotation is str else None
