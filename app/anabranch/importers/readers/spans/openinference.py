"""Spans of OpenInference, given the attributes of OpenTelemetry's conventions.

Its kinds say less than they seem to. For LangChain all that has "agent" in its name is an AGENT.
An agent of any other name is a CHAIN, as is each node of a graph. So what a span did follows from
what it holds and from where it stands.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import orjson

from anabranch.importers.readers.spans import crewai, langsmith, mastra, observed, smolagents
from anabranch.importers.readers.spans.chains import last_field, only_text, said_of
from anabranch.importers.records.spans import KIND, MLFLOW_KIND, OPERATION, structured
from anabranch.importers.records.values import object_of, objects_of, said_in, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from anabranch.importers.records.spans import Span

Did: TypeAlias = Literal["invoke_agent", "execute_tool", "chat", "retrieval", "embeddings"]
_AGENT: Final[Did] = "invoke_agent"
_TOOL: Final[Did] = "execute_tool"
_MODEL: Final[Did] = "chat"
_BESIDE: Final[dict[str, Did]] = {"RETRIEVER": "retrieval", "EMBEDDING": "embeddings"}
_SESSION: Final = "session.id"
_HIDDEN: Final = "__REDACTED__"
_NAMES: Final = ("agent.name", "graph.node.id")
_FINISHED: Final = "llm.finish_reason"
_STREAMED: Final = "First Token Stream Event"
_OPENAI_CHAT: Final = "ChatCompletion"
_VALUES: Final = ("input.value", "output.value")
_USERS: Final = frozenset({"user", "human", "HumanMessage"})
_MODELS: Final = frozenset({"ai", "assistant", "AIMessage"})
_WANTED: Final = frozenset(
    {KIND, _SESSION, *_NAMES, "tool.name", "llm.model_name", "llm.provider", "llm.system"}
    | {_FINISHED, "metadata", smolagents.STEPS_MAX}
)
_WANTED_OF_OTHERS: Final = langsmith.WANTED | observed.WANTED | mastra.WANTED
_FORMS: Final = (
    mastra.by_conventions,
    observed.by_openinference,
    langsmith.by_openinference,
    smolagents.said_plainly,
    crewai.said_plainly,
)
_UNNAMED: Final = "LangGraph"
_TRACEBACK: Final = "Traceback (most recent call last)"
_MESSAGE: Final = re.compile(r"llm\.(input|output)_messages\.(\d{1,6})\.message\.(.+)")
_CALL: Final = re.compile(r"(llm\.output_messages\..+\.tool_call\.function\.)name")
_PART: Final = re.compile(r"contents\.(\d{1,6})\.message_content\.text")


def conventional(spans: Mapping[str, Span]) -> dict[str, Span]:
    """Return all spans; those of OpenInference say by the conventions what they did."""
    spans = {key: _said_plainly(span) for key, span in spans.items()}
    if not any(KIND in span.attributes for span in spans.values()):
        return dict(spans)
    return {**spans, **{span.key: span for span in _Tree(spans).translated()}}


def is_wanted(name: str, attributes: Mapping[str, Any]) -> bool:
    """Tell whether an attribute is one that is read; a model's input stands in its messages too."""
    if MLFLOW_KIND in attributes and name == "metadata":
        return True
    if KIND not in attributes:
        return name in _WANTED_OF_OTHERS
    if name in _VALUES:
        return not any(one.startswith("llm.output_messages.") for one in attributes)
    return name in _WANTED or _MESSAGE.fullmatch(name) is not None


def _said_plainly(span: Span) -> Span:
    """Return a span as OpenInference's other instrumentations would have it."""
    for form in _FORMS:
        span = form(span)
    return span


class _Tree:
    """The spans of a source, with what stands above and below each."""

    def __init__(self, spans: Mapping[str, Span]) -> None:
        self._spans = spans
        self._below: dict[str, list[Span]] = {}
        for span in spans.values():
            self._below.setdefault(self._above(span) or "", []).append(span)
        ours = [span for span in spans.values() if _is_ours(span)]
        self._called = {
            (span.trace_id, name, value): arguments
            for span in ours
            for name, value, arguments in _calls(span)
        }
        self._asking = self._with_all_above(span for span in ours if _is_model(span))
        self._above_models = self._with_all_above(
            self._all_above(span for span in ours if _has_messages(span))
        )
        self._above_agents = self._with_all_above(
            self._all_above(span for span in ours if _kind(span) == "AGENT" and _named(span))
        )

    def translated(self) -> Iterator[Span]:
        """Yield each span of OpenInference that hangs on a root, from above to below."""
        waiting: list[tuple[Span, Did | None, str | None]] = [
            (root, None, None) for root in self._below.get("", [])
        ]
        while waiting:
            span, within, session = waiting.pop()
            did = self._did(span, within) if _is_ours(span) else None
            own = _text(span, _SESSION)
            if _is_ours(span):
                yield _as(span, did, session=own if own != session else None, tree=self)
            inside: Did | None = did or within
            below = self._below.get(span.key, [])
            waiting.extend((one, inside, own or session) for one in below)

    def is_graph(self, span: Span) -> bool:
        """Tell whether a span ran a graph of LangGraph: its nodes stand in a space of their own."""
        return any(_space(one) not in {None, _space(span)} for one in self._below.get(span.key, []))

    def arguments(self, span: Span) -> Any:
        """Return what a tool was called with.

        LangChain's instrumentation leaves out the name of an only argument; the model's call of the
        tool has it.
        """
        given = _value(span, "input.value")
        if isinstance(given, str):
            name = _text(span, "tool.name") or span.name
            return self._called.get((span.trace_id, name, given), given)
        held = object_of(given)
        return held["kwargs"] if set(held) == {"kwargs"} else given

    def asks_itself(self, agent: Span) -> bool:
        """Tell whether an agent asks a model, and not only agents within it do."""
        waiting = [*self._below.get(agent.key, [])]
        while waiting:
            span = waiting.pop()
            if _is_model(span):
                return True
            if not _named(span):
                waiting += self._below.get(span.key, [])
        return False

    def _did(self, span: Span, within: Did | None) -> Did | None:
        """Return the operation of a span, None for a step of one above it."""
        if _is_tool(span):
            return _TOOL
        if _is_model(span):
            wraps_one = span.key in self._above_models and not _has_messages(span)
            return None if wraps_one or within == _MODEL else _MODEL
        kind = _kind(span)
        if kind not in {"AGENT", "CHAIN"}:
            return _BESIDE.get(kind)
        if span.key not in self._asking and not (kind == "AGENT" and _named(span)):
            return None
        if span.key in self._above_agents and not _has_content(span):
            return None
        of_graph = _space(span) is not None
        is_agent = within in {None, _TOOL} or self.is_graph(span)
        return _AGENT if is_agent or (kind == "AGENT" and not of_graph) else None

    def _above(self, span: Span) -> str | None:
        above = f"{span.trace_id}/{span.parent_id}"
        return above if span.parent_id and above in self._spans else None

    def _all_above(self, spans: Iterable[Span]) -> Iterator[Span]:
        return (self._spans[above] for span in spans if (above := self._above(span)))

    def _with_all_above(self, spans: Iterable[Span]) -> set[str]:
        found: set[str] = set()
        for span in spans:
            key: str | None = span.key
            while key is not None and key not in found:
                found.add(key)
                key = self._above(self._spans[key])
        return found


def _as(span: Span, did: Did | None, *, session: str | None, tree: _Tree) -> Span:
    """Return a span with the attributes that the conventions have for what it did."""
    told: dict[str, Any] = {OPERATION: did, "gen_ai.conversation.id": session}
    told["gen_ai.request.model"] = _text(span, "llm.model_name")
    told["gen_ai.provider.name"] = _text(span, "llm.provider") or _text(span, "llm.system")
    failed = span.failed
    if did == _MODEL:
        told["gen_ai.input.messages"] = _given(span)
        told["gen_ai.output.messages"] = _said_by(span)
    elif did == _AGENT:
        told["gen_ai.agent.name"] = _name(span, tree)
        told["gen_ai.input.messages"] = _message("user", _asked(span))
        told["gen_ai.output.messages"] = _message("assistant", _answered(span, tree))
    elif did == _TOOL:
        told["gen_ai.tool.name"] = _text(span, "tool.name")
        told["gen_ai.tool.call.arguments"] = tree.arguments(span)
        result, refused = _result(span)
        told["gen_ai.tool.call.result"] = result
        failed = failed or refused
    return replace(
        span,
        failed=failed,
        error=(span.error or "").partition(_TRACEBACK)[0].strip() or None,
        attributes={
            **span.attributes,
            **{name: value for name, value in told.items() if value is not None},
        },
    )


def _is_ours(span: Span) -> bool:
    return KIND in span.attributes and OPERATION not in span.attributes


def _kind(span: Span) -> str:
    return (_text(span, KIND) or "").upper()


def _is_tool(span: Span) -> bool:
    return _kind(span) == "TOOL" or _text(span, "tool.name") is not None


def _is_model(span: Span) -> bool:
    return _kind(span) == "LLM" or (
        "llm.model_name" in span.attributes
        and any(name.startswith("llm.output_messages.") for name in span.attributes)
    )


def _has_messages(span: Span) -> bool:
    return _is_model(span) and any(_MESSAGE.fullmatch(name) for name in span.attributes)


def _text(span: Span, name: str) -> str | None:
    found = span.text(name)
    return None if found == _HIDDEN else found


def _value(span: Span, name: str) -> Any:
    """Return an input or output: what its JSON holds, or its text."""
    found = structured(span.attributes.get(name))
    return None if found == _HIDDEN else found


def _metadata(span: Span) -> dict[str, Any]:
    return object_of(structured(span.attributes.get("metadata")))


def _space(span: Span) -> str | None:
    return text_of(_metadata(span).get("langgraph_checkpoint_ns"))


def _named(span: Span) -> str | None:
    return next((found for name in _NAMES if (found := _text(span, name))), None)


def _name(span: Span, tree: _Tree) -> str | None:
    """Return an agent's name; a graph has one if its maker gave it one."""
    made = span.name if tree.is_graph(span) and span.name != _UNNAMED else None
    return _named(span) or made or text_of(_metadata(span).get("lc_agent_name"))


def _has_content(span: Span) -> bool:
    return bool(_named(span)) or any(name in span.attributes for name in _VALUES)


def _given(span: Span) -> list[dict[str, Any]]:
    """Return what a model was given; nothing where the newest of it may have been dropped.

    JavaScript's SDK refuses attributes past its limit: then the first message stands there, and
    what was answered does not.
    """
    given = _messages(span, "input")
    first = any(name.startswith("llm.input_messages.0.") for name in span.attributes)
    return [] if span.dropped and first and not _messages(span, "output") else given


def _messages(span: Span, which: str) -> list[dict[str, Any]]:
    """Return the numbered messages of a model, in order."""
    found: dict[int, dict[str, Any]] = {}
    parts: dict[int, dict[int, str]] = {}
    for name, value in span.attributes.items():
        match = _MESSAGE.fullmatch(name)
        if match is None or match[1] != which:
            continue
        number, field = int(match[2]), match[3]
        message = found.setdefault(number, {"role": "", "content": None, "parts": []})
        text = text_of(value)
        if field in {"role", "content"} and text != _HIDDEN:
            message[field] = text
        elif field.startswith("tool_calls."):
            message["parts"] = [{"type": "tool_call"}]
        elif (part := _PART.fullmatch(field)) and text and text != _HIDDEN:
            parts.setdefault(number, {})[int(part[1])] = text
    for number, texts in parts.items():
        found[number]["content"] = "\n\n".join(text for _, text in sorted(texts.items()))
    return [message for _, message in sorted(found.items())]


def _said_by(model: Span) -> list[dict[str, Any]]:
    """Return what a model said; without a finish reason where its stream was left or cut off.

    OpenAI's instrumentation names the reason of each stream of chat completions that came to its
    end, and of no response of the newer API.
    """
    messages = _messages(model, "output") or _responses(model)
    is_streamed = any(event.name == _STREAMED for event in model.events)
    if not is_streamed or model.name != _OPENAI_CHAT or _text(model, _FINISHED):
        return messages
    return [{**message, "finish_reason": ""} for message in messages]


def _responses(model: Span) -> list[dict[str, Any]]:
    """Return what a model said by its output alone: OpenAI's responses, of a stream of the agents.

    Their instrumentation makes messages only of an answer that came at once.
    """
    given = _value(model, "output.value")
    found: list[dict[str, Any]] = []
    for response in objects_of(given if isinstance(given, list) else [given]):
        items = objects_of(response.get("output"))
        said = [said_in(one.get("content"), kinds=("output_text",)) for one in items]
        calls = [one for one in items if text_of(one.get("type")) == "function_call"]
        if any(said) or calls:
            found.append(
                {
                    "role": "assistant",
                    "content": "\n\n".join(text for text in said if text) or None,
                    "parts": [{"type": "tool_call"}] if calls else [],
                }
            )
    return found


def _message(role: str, text: str | None) -> list[dict[str, Any]] | None:
    return [{"role": role, "content": text}] if text else None


def _asked(span: Span) -> str | None:
    """Return what an agent was asked: the newest text of a user in its input, or its only text.

    `llm.input_messages` of a chain hold the first message only. Where a graph was resumed, it was
    asked what a person answered.
    """
    given = _value(span, "input.value")
    if isinstance(given, str):
        return text_of(given)
    resumed = object_of(given).get("resume")
    if resumed is not None:
        return text_of(resumed) or orjson.dumps(resumed).decode()
    texts = [text for role, text in said_of(given) if role in _USERS]
    return texts[-1] if texts else only_text(given)


def _answered(span: Span, tree: _Tree) -> str | None:
    """Return what an agent answered, if it says so itself.

    A chain's text may be the `repr` of an object; it counts where no model of its own said it.
    """
    given = _value(span, "output.value")
    if isinstance(given, str):
        is_said = _kind(span) == "AGENT" or not tree.asks_itself(span)
        return text_of(given) if is_said else None
    texts = [text for role, text in said_of(given) if role in _MODELS]
    return texts[-1] if texts else last_field(span, given)


def _calls(span: Span) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the calls of a model that have one argument, a text: tool, text and arguments."""
    for name, value in span.attributes.items():
        if (match := _CALL.fullmatch(name)) and (tool := text_of(value)):
            arguments = object_of(structured(span.attributes.get(f"{match[1]}arguments")))
            if len(arguments) == 1 and isinstance(text := next(iter(arguments.values())), str):
                yield tool, text, arguments


def _result(span: Span) -> tuple[Any, bool]:
    """Return a tool's result, and whether it says that it failed."""
    given = _value(span, "output.value")
    told = object_of(given)
    updates = objects_of(object_of(told.get("update")).get("messages"))
    told = updates[-1] if updates else told
    message = object_of(told.get("data")) if told.get("type") == "tool" else {}
    if message:
        return message.get("content"), message.get("status") == "error"
    texts = [text for one in objects_of(told.get("blocks")) if (text := text_of(one.get("text")))]
    return "\n\n".join(texts) or given, False
