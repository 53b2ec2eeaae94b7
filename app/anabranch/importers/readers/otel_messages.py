"""Messages to a model and from it, in each form that spans of generative AI had for them.

The conventions moved content about: attributes with lists of messages, one event with the same
attributes, an event a message. Before there were conventions, attributes were numbered.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.records.spans import structured
from anabranch.importers.records.values import kind_of, object_of, objects_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from anabranch.importers.records.spans import Span

_NUMBERED: Final = re.compile(r"gen_ai\.(prompt|completion)\.(\d{1,6})\.(role|content)")
_TEXT: Final = frozenset({"", "text"})
_GIVEN: Final = "gen_ai.input.messages"
_ANSWERED: Final = "gen_ai.output.messages"
_LISTS: Final = (_GIVEN, _ANSWERED)


@dataclass(frozen=True, slots=True)
class Message:
    """A message: by whom, its text, whether tools are called in it, and whether it is whole.

    A stream that its reader left, or that ended early, has a finish reason without a word.
    """

    role: str
    text: str
    calls: bool = False
    whole: bool = True


def asked_in(span: Span) -> str | None:
    """Return the last text of the user that a span's model or agent was given."""
    found = [one.text for one in _given(span) if one.role in {"user", "human"} and one.text]
    return found[-1] if found else span.text("anabranch.task")


def answered_in(span: Span) -> Message | None:
    """Return what a span's model or agent said at its end, if it said anything."""
    found = [one for one in _said(span) if one.text and one.role not in {"user", "human", "tool"}]
    result = span.text("anabranch.result")
    if not found:
        return Message("assistant", result) if result else None
    return found[-1]


def cut_in(span: Span) -> int:
    """Return how many lists of messages are no JSON: an SDK cuts long texts from their end.

    Of what a model was given the newest question stands there, so an older one would be taken for
    it. Such a list has no messages.
    """
    return sum(
        isinstance(value := attributes.get(name), str)
        and value.lstrip().startswith("[")
        and isinstance(structured(value), str)
        for name in _LISTS
        for attributes in (span.attributes, *(event.attributes for event in span.events))
    )


def _given(span: Span) -> Iterator[Message]:
    yield from _listed(span, _GIVEN)
    yield from _numbered(span.attributes, "prompt")
    for event in span.events:
        if event.name in {"gen_ai.user.message", "gen_ai.content.prompt"}:
            yield from _told(event.attributes, "user")


def _said(span: Span) -> Iterator[Message]:
    yield from _listed(span, _ANSWERED)
    yield from _numbered(span.attributes, "completion")
    for event in span.events:
        if event.name in {"gen_ai.choice", "gen_ai.content.completion"}:
            yield from _told(event.attributes, "assistant")


def _listed(span: Span, name: str) -> Iterator[Message]:
    """Yield the messages of an attribute, of the span or of an event that holds them for it."""
    for attributes in (span.attributes, *(event.attributes for event in span.events)):
        for told in objects_of(structured(attributes.get(name))):
            parts = objects_of(told.get("parts"))
            texts = [
                text
                for part in parts
                if kind_of(part) in _TEXT and (text := text_of(part.get("content")))
            ]
            whole = text_of(told.get("content"))
            calls = any(kind_of(part) == "tool_call" for part in parts)
            yield Message(
                kind_of(told, "role"),
                "\n\n".join(texts or ([whole] if whole else [])),
                calls,
                whole=told.get("finish_reason") != "",
            )


def _numbered(attributes: Mapping[str, Any], of: str) -> Iterator[Message]:
    found: dict[int, dict[str, str]] = {}
    for name, value in attributes.items():
        match = _NUMBERED.fullmatch(name)
        if match is not None and match[1] == of and (text := text_of(value)):
            found.setdefault(int(match[2]), {})[match[3]] = text
    for _, told in sorted(found.items()):
        fallback = "user" if of == "prompt" else "assistant"
        yield Message(told.get("role", fallback), told.get("content", ""))


def _told(attributes: Mapping[str, Any], role: str) -> Iterator[Message]:
    """Yield the message of an event: its content, or a message that is JSON within it."""
    for name in ("content", "gen_ai.prompt", "gen_ai.completion", "gen_ai.event.content"):
        if text := text_of(attributes.get(name)):
            held = structured(text)
            if isinstance(held, str):
                yield Message(role, held)
            for one in [object_of(held), *objects_of(held)]:
                yield _of(one, role)
    yield _of(object_of(structured(attributes.get("message"))), role)


def _of(told: Mapping[str, Any], role: str) -> Message:
    return Message(
        text_of(told.get("role")) or role,
        text_of(told.get("content")) or "",
        bool(told.get("tool_calls")),
    )
