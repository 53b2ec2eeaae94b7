"""Messages to a model and from it, in each form that spans of generative AI had for them.

The conventions moved content about: attributes with lists of messages, one event with the same
attributes, an event a message. Before there were conventions, attributes were numbered.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.readers.spans import printed
from anabranch.importers.records.spans import structured
from anabranch.importers.records.values import json_of, kind_of, object_of, objects_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from anabranch.importers.records.spans import Span

TASK: Final = "anabranch.task"
RESULT: Final = "anabranch.result"
"""Attributes of a session of ours that was exported."""
_NUMBERED: Final = re.compile(r"gen_ai\.(prompt|completion)\.(\d{1,6})\.(role|content)")
_PUT_IN: Final = (
    ("For context: ", "<<<BEGIN_QUOTED_AGENT_CONTENT>>>"),
    ("The text between ", "<<<BEGIN_SYSTEM_INSTRUCTION>>>"),
)
"""Of Google's ADK, texts that are no user's: the beginning and the mark of each."""
_TEXT: Final = frozenset({"", "text"})
_GIVEN: Final = "gen_ai.input.messages"
_ANSWERED: Final = "gen_ai.output.messages"
_LISTS: Final = (_GIVEN, _ANSWERED)
_REASONS: Final = "gen_ai.response.finish_reasons"
_CONTENTS: Final = (
    "content",
    "gen_ai.prompt",
    "gen_ai.completion",
    "gen_ai.event.content",
    "message",
)


@dataclass(frozen=True, slots=True)
class Message:
    """A message: by whom, its text, whether tools are called in it, and whether it is whole.

    A stream that its reader left, or that ended early, has a finish reason without a word. With
    Vercel's AI SDK the span's is "other" then, and the message's "stop".
    """

    role: str
    text: str
    calls: bool = False
    whole: bool = True


def asked_in(span: Span) -> str | None:
    """Return the last text of the user that a span's model or agent was given."""
    found = [one.text for one in _given(span) if one.role in {"user", "human"} and _is_own(one)]
    return found[-1] if found else span.text(TASK)


def answered_in(span: Span) -> Message | None:
    """Return what a span's model or agent said at its end, if it said anything."""
    found = [one for one in _said(span) if one.text and one.role not in {"user", "human", "tool"}]
    result = span.text(RESULT)
    if not found:
        return Message("assistant", result) if result else None
    return found[-1]


def arguments_in(span: Span) -> Any:
    """Return what a tool was called with: by its attribute, or by the event of Strands Agents."""
    given = span.attributes.get("gen_ai.tool.call.arguments")
    if given is None:
        given = _of_event(span, "gen_ai.tool.message", "content")
    return structured(given)


def result_in(span: Span) -> Any:
    """Return what a tool gave; of a list of blocks their text, of LangChain's message its content.

    Traceloop's for LangChain has the whole message as JSON, Vercel's AI SDK any result.
    """
    given = span.attributes.get("gen_ai.tool.call.result")
    if "gen_ai.execute_tool.duration" in span.attributes:
        given = text_of(json_of(given)) or given
    if given is None:
        given = _of_event(span, "gen_ai.choice", "message")
    if given is None:
        given = span.attributes.get("anthropic.tool_result.content")
    held = structured(given)
    message = object_of(object_of(object_of(held).get("output")).get("kwargs"))
    if "tool_call_id" in message:
        return message.get("content")
    blocks = _blocks(held)
    return given if blocks is None else blocks.text


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


def _is_own(message: Message) -> bool:
    """Tell whether a user's message has a text of theirs.

    Google's ADK tells an agent in the user's name what another agent did, and its instruction.
    """
    text = message.text
    return bool(text) and not any(text.startswith(x) and mark in text for x, mark in _PUT_IN)


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
            role = kind_of(told, "role")
            if role == "assistant":
                answers = [printed.told(text) for text in texts]
                texts = [text for text, _ in answers if text]
                calls = calls or any(is_call for _, is_call in answers)
            yield Message(
                role,
                "\n\n".join(texts or ([whole] if whole else [])),
                calls,
                whole=not _is_left(span, told.get("finish_reason")),
            )


def _is_left(span: Span, reason: object) -> bool:
    """Tell whether a stream was left, or ended early, by a message's reason and those of its span.

    Vercel's AI SDK has two that differ then; a model's own "other" stands in both, or beside none.
    Anthropic's client has no reason in its own span.
    """
    if reason == "" or (reason == "stop" and span.attributes.get(_REASONS) == ["other"]):
        return True
    is_its_own = span.name.startswith("anthropic.messages.")
    return is_its_own and span.text("anthropic.message.stop_reason") is None


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
    for name in _CONTENTS:
        held = structured(attributes.get(name))
        if text := text_of(held):
            yield Message(role, text)
        elif (blocks := _blocks(held)) is not None:
            yield Message(role, blocks.text, blocks.calls)
        else:
            for one in [object_of(held), *objects_of(held)]:
                yield _of(one, role)


def _blocks(held: Any) -> Message | None:
    """Return what a list of blocks says: as Amazon's Converse has them, or Anthropic's Messages."""
    blocks = objects_of(held)
    if not blocks or any("role" in one or "content" in one for one in blocks):
        return None
    texts = [text for one in blocks if (text := text_of(one.get("text")))]
    calls = any("toolUse" in one or kind_of(one) == "tool_use" for one in blocks)
    return Message("assistant", "\n\n".join(texts), calls) if texts or calls else None


def _of_event(span: Span, event: str, name: str) -> Any:
    found = (one.attributes.get(name) for one in span.events if one.name == event)
    return next((value for value in found if value is not None), None)


def _of(told: Mapping[str, Any], role: str) -> Message:
    return Message(
        text_of(told.get("role")) or role,
        text_of(told.get("content")) or "",
        bool(told.get("tool_calls")),
    )
