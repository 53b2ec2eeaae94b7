"""Messages and fields in the input and output of a chain, in each form that libraries have.

LangChain's messages come as pairs, as dumps and as data; AutoGen's have a source, and a module of
DSPy the fields of its signature.
"""

from __future__ import annotations

from types import NoneType
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.records.values import list_of, object_of, said_in, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anabranch.importers.records.spans import Span

_ARGUMENTS: Final = "input_args"
"""The name that holds the fields of a DSPy module's input."""
_OF_DSPY: Final = ".forward"
_OF_TEAM: Final = "TextMessage"
"""A message of AutoGen's: its source is the user, or an agent."""


def said_of(given: Any) -> Iterator[tuple[str, str]]:
    """Yield the messages of an input or output, as role and text, in each form of LangChain's."""
    for one in list_of(object_of(given).get("messages")):
        if len(pair := list_of(one)) == 2:
            role, content = pair
        else:
            told = object_of(one)
            held = object_of(told.get("data")) or object_of(told.get("kwargs")) or told
            role = held.get("type") or held.get("role") or told.get("type")
            if role == _OF_TEAM:
                role = "user" if held.get("source") == "user" else "assistant"
            content = held.get("content")
        text = said_in(content)
        if isinstance(role, str) and text:
            yield role, text


def only_text(given: Any) -> str | None:
    """Return the text of an input that has one, and beside it nothing but switches."""
    held = object_of(given)
    if set(held) == {_ARGUMENTS}:
        held = object_of(held[_ARGUMENTS])
    values = [value for value in held.values() if not isinstance(value, (bool, NoneType))]
    return text_of(values[0]) if len(values) == 1 else None


def last_field(span: Span, given: Any) -> str | None:
    """Return the answer of a module of DSPy: the last field, after what it thought."""
    values = list(object_of(given).values())
    return text_of(values[-1]) if values and span.name.endswith(_OF_DSPY) else None
