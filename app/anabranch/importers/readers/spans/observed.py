"""Spans of Langfuse's and MLflow's own tracers, as OpenInference's instrumentation would have them.

Both have a kind a span and its input and output under names of their own. Of LangChain they have
what its callbacks give; of a function that is traced its arguments.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.readers.spans.langsmith import numbered
from anabranch.importers.records.spans import (
    KIND,
    LANGFUSE_KIND,
    MLFLOW_KIND,
    OPERATION,
    structured,
)
from anabranch.importers.records.values import json_of, list_of, object_of, objects_of, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anabranch.importers.records.spans import Span

_LANGFUSE: Final = "langfuse.observation."
_METADATA: Final = f"{_LANGFUSE}metadata."
_PLACE: Final = ("langgraph_checkpoint_ns", "lc_agent_name")
_OF_LANGCHAIN: Final = (*_PLACE, "ls_integration", "langgraph_node", "is_langchain_root")
_RUN_ROOT: Final = "mlflow.openai.agent_run_root"
_KINDS: Final = {
    "AGENT": "AGENT",
    "TOOL": "TOOL",
    "GENERATION": "LLM",
    "LLM": "LLM",
    "CHAT_MODEL": "LLM",
    "RETRIEVER": "RETRIEVER",
    "EMBEDDING": "EMBEDDING",
}
"""Their kinds that are more than a step, which is a CHAIN."""
WANTED: Final = frozenset(
    {
        *(f"{_LANGFUSE}{name}" for name in ("input", "output", "level", "status_message")),
        f"{_LANGFUSE}model.name",
        *(f"{_METADATA}{name}" for name in _OF_LANGCHAIN),
        *(f"mlflow.{name}" for name in ("spanInputs", "spanOutputs", "llm.model")),
        LANGFUSE_KIND,
        MLFLOW_KIND,
        _RUN_ROOT,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Observed:
    """A span as its tracer tells it."""

    kind: str
    given: Any
    gave: Any
    model: str | None
    metadata: Mapping[str, Any]
    session: str | None
    error: str | None = None

    @property
    def is_of_langchain(self) -> bool:
        return any(self.metadata.get(name) is not None for name in _OF_LANGCHAIN)


def by_openinference(span: Span) -> Span:
    """Return a span of one of the two with OpenInference's attributes, any other as it is."""
    observed = _of_langfuse(span) or _of_mlflow(span)
    if observed is None:
        return span
    kind = _KINDS.get(observed.kind.upper(), "CHAIN")
    is_named_so = kind == "AGENT" and observed.is_of_langchain
    told: dict[str, Any] = {
        KIND: "CHAIN" if is_named_so else kind,
        OPERATION: None,
        "session.id": observed.session,
        "metadata": dict(observed.metadata),
        "input.value": _argument(observed.given),
        "output.value": observed.gave,
    }
    if kind == "LLM":
        told["llm.model_name"] = observed.model
        told |= numbered("input", _messages(observed.given, "user"))
        told |= numbered("output", _messages(observed.gave, "assistant"))
        if _items(observed.gave):
            told["output.value"] = {"output": _items(observed.gave)}
    elif kind == "TOOL":
        told["tool.name"] = span.name
        is_message = object_of(observed.gave).get("type") == "tool"
        told["output.value"] = (
            {"type": "tool", "data": observed.gave} if is_message else told["output.value"]
        )
    elif kind == "AGENT" and not is_named_so:
        told["agent.name"] = span.name
    attributes = {**span.attributes, **told}
    return replace(
        span,
        failed=span.failed or observed.error is not None,
        error=span.error or observed.error,
        attributes={name: value for name, value in attributes.items() if value is not None},
    )


def _of_langfuse(span: Span) -> _Observed | None:
    kind = span.text(LANGFUSE_KIND)
    if kind is None:
        return None
    failed = span.text(f"{_LANGFUSE}level") == "ERROR"
    return _Observed(
        kind=kind,
        given=structured(span.attributes.get(f"{_LANGFUSE}input")),
        gave=structured(span.attributes.get(f"{_LANGFUSE}output")),
        model=span.text(f"{_LANGFUSE}model.name"),
        metadata={name: span.attributes.get(f"{_METADATA}{name}") for name in _OF_LANGCHAIN},
        session=span.text("session.id"),
        error=(span.text(f"{_LANGFUSE}status_message") or "failed") if failed else None,
    )


def _of_mlflow(span: Span) -> _Observed | None:
    """Return a span of MLflow, whose attributes are JSON each, a text in quotation marks too.

    It puts a run of the OpenAI Agents SDK beside, or around, the agents in it.
    """
    kind = text_of(_decoded(span, MLFLOW_KIND))
    if kind is None:
        return None
    is_run = _decoded(span, _RUN_ROOT) is True
    metadata = object_of(_decoded(span, "metadata"))
    given, gave = (None if is_run else _decoded(span, f"mlflow.span{x}puts") for x in ("In", "Out"))
    is_bare = kind == "AGENT" and set(object_of(gave)) == {"output_type"}
    return _Observed(
        kind="CHAIN" if is_run else kind,
        given=given,
        gave=None if is_bare else gave,
        model=text_of(_decoded(span, "mlflow.llm.model")),
        metadata=metadata,
        session=span.text("session.id") or text_of(metadata.get("thread_id")),
    )


def _decoded(span: Span, name: str) -> Any:
    value = span.attributes.get(name)
    found = structured(value)
    if isinstance(found, str) and found is value:
        held = json_of(found)
        return found if held is None and found != "null" else held
    return found


def _argument(given: Any) -> Any:
    """Return the arguments of a traced function without their envelope: the only one by itself."""
    held = object_of(given)
    if set(held) != {"args", "kwargs"}:
        return given
    args, kwargs = list_of(held["args"]), object_of(held["kwargs"])
    if not args:
        return kwargs
    return args[0] if len(args) == 1 and not kwargs else [*args, kwargs] if kwargs else args


def _messages(told: Any, role: str) -> list[dict[str, Any]]:
    """Return the messages of a model's input or output, in each form that its client has."""
    told = _argument(told)
    if isinstance(told, str):
        return [{"role": role, "content": told}]
    held = object_of(told)
    for name in ("messages", "input"):
        if name in held:
            return _messages(held[name], role)
    if "choices" in held:
        return [object_of(one.get("message")) for one in objects_of(held["choices"])[:1]]
    found = objects_of(told) or ([held] if "content" in held else [])
    return [one for one in found if _is_message(one)]


def _is_message(told: Mapping[str, Any]) -> bool:
    """Tell whether this is a message of a chat, and no item of OpenAI's responses."""
    return "content" in told and not text_of(told.get("status"))


def _items(told: Any) -> list[dict[str, Any]]:
    """Return the items of OpenAI's responses: the agents' spans have them without a response."""
    items = objects_of(object_of(told).get("output")) or objects_of(told)
    return [one for one in items if one.get("type") in {"message", "function_call"}]
