"""Spans that LangSmith's tracer exports, as OpenInference's instrumentation would have them.

Each run of LangChain is a span. Its operation is `chain` where the conventions have none, its input
and output are LangChain's own JSON, and its thread stands among its metadata.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.records.spans import KIND, OPERATION, structured
from anabranch.importers.records.values import list_of, object_of, objects_of, said_in, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anabranch.importers.records.spans import Span

_OF_RUN: Final = "langsmith.span.kind"
_METADATA: Final = "langsmith.metadata."
_THREAD: Final = f"{_METADATA}thread_id"
_MODEL_NAME: Final = f"{_METADATA}ls_model_name"
_PLACE: Final = ("langgraph_checkpoint_ns", "lc_agent_name")
WANTED: Final = frozenset(
    {_OF_RUN, _THREAD, _MODEL_NAME, *(f"{_METADATA}{name}" for name in _PLACE)}
)
_ROLES: Final = {"human": "user", "ai": "assistant"}


def by_openinference(span: Span) -> Span:
    """Return a span of LangSmith with the attributes of OpenInference, and any other as it is."""
    run = span.text(_OF_RUN)
    if run is None:
        return span
    given, gave = (
        structured(span.attributes.get(f"gen_ai.{name}")) for name in ("prompt", "completion")
    )
    told: dict[str, Any] = {
        KIND: run.upper(),
        OPERATION: None,
        "session.id": span.text(_THREAD),
        "metadata": {name: span.attributes.get(f"{_METADATA}{name}") for name in _PLACE},
        "input.value": given,
        "output.value": gave,
    }
    if run == "llm":
        told["llm.model_name"] = span.text(_MODEL_NAME) or span.text("gen_ai.request.model")
        told |= numbered("input", _messages(list_of(object_of(given).get("messages"))))
        told |= numbered("output", _generated(gave))
    elif run == "tool":
        told["tool.name"] = span.text("gen_ai.tool.name") or span.name
        result = object_of(gave).get("output", gave)
        is_message = object_of(result).get("type") == "tool"
        told["output.value"] = {"type": "tool", "data": result} if is_message else result
    attributes = {**span.attributes, **told}
    del attributes[OPERATION]
    return replace(span, attributes=attributes)


def _messages(batch: list[Any]) -> list[dict[str, Any]]:
    """Return the messages of the first of a batch of prompts; a batch has one, but for `batch`."""
    return objects_of(batch[0]) if batch else []


def _generated(gave: Any) -> list[dict[str, Any]]:
    first = _messages(list_of(object_of(gave).get("generations")))
    return [object_of(one.get("message")) for one in first[:1]]


def numbered(which: str, messages: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return messages, in LangChain's form or OpenAI's, as attributes with their numbers."""
    found: dict[str, Any] = {}
    for number, message in enumerate(messages):
        held = object_of(message.get("kwargs")) or message
        at = f"llm.{which}_messages.{number}.message"
        kind = text_of(held.get("role")) or text_of(held.get("type")) or ""
        found[f"{at}.role"] = _ROLES.get(kind, kind)
        found[f"{at}.content"] = said_in(held.get("content"))
        for place, call in enumerate(objects_of(held.get("tool_calls"))):
            found[f"{at}.tool_calls.{place}.tool_call.function.name"] = text_of(call.get("name"))
    return found
