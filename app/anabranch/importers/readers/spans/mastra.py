"""Spans of Mastra's exporter, given the messages that the conventions have for an agent.

Questions and answers of its agents stand in attributes of Mastra's own; its spans of models have
the answers alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.records.spans import structured
from anabranch.importers.records.values import list_of, object_of, objects_of, said_in, text_of

if TYPE_CHECKING:
    from anabranch.importers.records.spans import Span

_GIVEN: Final = "mastra.agent_run.input"
_GAVE: Final = "mastra.agent_run.output"
WANTED: Final = frozenset({_GIVEN, _GAVE})


def by_conventions(span: Span) -> Span:
    """Return an agent's span of Mastra with its messages, and any other span as it is."""
    if not WANTED & span.attributes.keys():
        return span
    told = {
        "gen_ai.input.messages": _message("user", _asked(span.attributes.get(_GIVEN))),
        "gen_ai.output.messages": _message("assistant", _said(span.attributes.get(_GAVE))),
    }
    return replace(span, attributes={**span.attributes, **told})


def _asked(value: Any) -> str | None:
    """Return the newest text of a user: an agent is called with a text, or with messages."""
    given = structured(value)
    if isinstance(given, str):
        return text_of(given)
    messages = objects_of(object_of(given).get("messages")) or objects_of(given)
    texts = [_text_in(one.get("content")) for one in messages if one.get("role") == "user"]
    texts = texts or [text_of(one) for one in list_of(given)]
    return next((text for text in reversed(texts) if text), None)


def _text_in(content: Any) -> str | None:
    """Return the text of a message, also of one as Mastra's memory keeps it."""
    return said_in(object_of(content).get("parts") or content)


def _said(value: Any) -> str | None:
    gave = structured(value)
    return text_of(gave) or text_of(object_of(gave).get("text"))


def _message(role: str, text: str | None) -> list[dict[str, Any]]:
    return [{"role": role, "content": text}] if text else []
