"""Spans of agents put where they belong: their instrumentations hang some of them elsewhere.

Two instrumentations of one call have a span each, one below the other. An agent that is a tool of
another one may stand beside it, or its work beside it. Google's ADK has a workflow around each run,
and OpenTelemetry's for the OpenAI Agents SDK an agent without a name. OpenInference's for Agno
hangs what follows on a team that has ended.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.readers.spans.messages import answered_in, arguments_in, asked_in
from anabranch.importers.records.spans import OPERATION
from anabranch.importers.records.values import object_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from anabranch.importers.records.spans import Span

AGENTS: Final = frozenset({"invoke_agent", "invoke_workflow", "invoke_graph", "invoke_swarm"})
MODELS: Final = frozenset({"chat", "generate_content", "text_completion"})
TOOL: Final = "execute_tool"
STEPS: Final = frozenset(
    {
        "agent_step",
        "execute_task",
        "execute_event_loop_cycle",
        "mapping",
        "model_chunk",
        "model_generation",
        "model_step",
        "unknown",
    }
)
RESPONSE: Final = "gen_ai.response.id"
_NAME: Final = "gen_ai.agent.name"
_ID: Final = "gen_ai.agent.id"
_WORKFLOW: Final = "gen_ai.workflow.name"
_TOOL: Final = "gen_ai.tool.name"
CONVERSATION: Final = "gen_ai.conversation.id"


def in_order(spans: Iterable[Span]) -> dict[str, Span]:
    """Return spans by their keys, in the order in which they began.

    Of those that hang on each other in a circle, or on themselves, the first hangs on none.
    """
    found = {span.key: span for span in sorted(spans, key=_order)}
    settled: set[str] = set()
    for key in found:
        path: set[str] = set()
        at = key
        while at in found and at not in settled and at not in path:
            path.add(at)
            at = f"{found[at].trace_id}/{found[at].parent_id}"
        if at in path:
            found[at] = replace(found[at], parent_id=None)
        settled |= path
    return found


def operation(span: Span) -> str | None:
    """Return what a span of generative AI did, None for any other span."""
    return span.text(OPERATION)


def placed(spans: Mapping[str, Span]) -> dict[str, Span]:
    """Return all spans, each below the one that it was a part of.

    A span that tells what another one tells has no operation any more.
    """
    tree = _Tree(spans)
    return {key: tree.placed(span) for key, span in spans.items()}


def models_below(agent: Span, below: Mapping[str, list[Span]]) -> Iterator[Span]:
    """Yield the spans of models below an agent's, but for those of agents within it."""
    waiting = list(reversed(below.get(agent.key, [])))
    while waiting:
        span = waiting.pop()
        did = operation(span)
        if did in MODELS:
            yield span
        if did not in AGENTS:
            waiting += reversed(below.get(span.key, []))


def nearest_below(span: Span, below: Mapping[str, list[Span]]) -> Iterator[Span]:
    """Yield the agents, models and tools below a span that are below no other such."""
    waiting = [*below.get(span.key, [])]
    while waiting:
        one = waiting.pop()
        if operation(one) in {*AGENTS, *MODELS, TOOL}:
            yield one
        else:
            waiting += below.get(one.key, [])


def asked(span: Span, below: Mapping[str, list[Span]]) -> str | None:
    """Return what an agent was asked: by its own span, or by that of its first model."""
    found = asked_in(span)
    if found or operation(span) not in AGENTS:
        return found
    return next((text for one in models_below(span, below) if (text := asked_in(one))), None)


class _Tree:
    """Spans as they hang on each other."""

    def __init__(self, spans: Mapping[str, Span]) -> None:
        self._spans = spans
        self._below: dict[str, list[Span]] = {}
        for span in spans.values():
            if above := self._above(span):
                self._below.setdefault(above.key, []).append(span)
        self._answers = _by_answer(spans)
        self._told_above = {
            span.key: same for span in spans.values() if (same := self._same_above(span))
        }
        self._frames = self._all_frames()
        tools = {key: span for key, span in spans.items() if operation(span) == TOOL}
        self._twice = {key: same for key, span in tools.items() if (same := self._tool_above(span))}
        self._failed_within = {
            above.key: spans[key] for key, above in self._twice.items() if spans[key].failed
        }
        self._empty = self._empty_agents()
        self._tools = self._tools_by_argument()

    def placed(self, span: Span) -> Span:
        """Return a span where it belongs."""
        same = self._told_above.get(span.key)
        if span.key in self._frames or (same is not None and _is_told_by(span, same)):
            return replace(span, attributes={**span.attributes, OPERATION: None})
        if span.key in self._twice:
            return replace(span, attributes={**span.attributes, OPERATION: None})
        if inner := self._failed_within.get(span.key):
            span = replace(span, failed=True, error=span.error or inner.error)
        if self._comes_after(span):
            return replace(span, parent_id=None)
        caller = self._agent_of_run(span) or self._tool_of_agent(span)
        return span if caller is None else replace(span, parent_id=caller.id)

    def _all_frames(self) -> set[str]:
        """Return the spans that only stand around another one, which tells what they do not.

        A workflow that bears the name of an agent in it is one: another agent may go on there.
        """
        found = {
            same.key
            for key, same in self._told_above.items()
            if not _says(same) and _says(self._spans[key])
        }
        for span in self._spans.values():
            above = self._above(span) if operation(span) in AGENTS else None
            name = above.text(_WORKFLOW) if above else None
            if above and name and span.text(_NAME) == name and not _says(above):
                found.add(above.key)
        return found | {span.key for span in self._spans.values() if self._is_nobody(span)}

    def _is_nobody(self, span: Span) -> bool:
        """Tell whether an agent has no name and says nothing, and all that it did is agents."""
        if operation(span) not in AGENTS or span.text(_NAME) or span.text(_WORKFLOW):
            return False
        did = {operation(one) for one in nearest_below(span, self._below)}
        return bool(did) and did <= AGENTS and not _says(span)

    def _tool_above(self, span: Span) -> Span | None:
        """Return the tool's span around one of the same call, which says nothing beside it."""
        above = self._above(span)
        if above is None or operation(above) != TOOL or above.text(_TOOL) != span.text(_TOOL):
            return None
        given, told = arguments_in(span), arguments_in(above)
        return above if span.text(_TOOL) and (given is None or given == told) else None

    def _comes_after(self, span: Span) -> bool:
        """Tell whether a span of another conversation began when the one above it had ended."""
        above = self._above(span)
        if above is None or not (span.began and above.ended) or span.began < above.ended:
            return False
        own, seen = span.text(CONVERSATION), {span.key}
        while own and above is not None and above.key not in seen:
            if other := above.text(CONVERSATION):
                return other != own
            seen.add(above.key)
            above = self._above(above)
        return False

    def _above(self, span: Span) -> Span | None:
        return self._spans.get(f"{span.trace_id}/{span.parent_id}") if span.parent_id else None

    def _same_above(self, span: Span) -> Span | None:
        """Return the span around one that may be of the same call: of a model, or of one agent."""
        did, above = operation(span), self._above(span)
        if did in AGENTS:
            name = span.text(_NAME)
            is_same = above is not None and operation(above) in AGENTS and above.text(_NAME) == name
            return above if above and is_same and name and not _are_two(span, above) else None
        if did not in MODELS:
            return None
        return self._model_above(span) or self._answers.get(span.key)

    def _model_above(self, span: Span) -> Span | None:
        """Return the model's span that a model's hangs on, if only steps are in between."""
        seen, above = {span.key}, self._above(span)
        while above is not None and above.key not in seen:
            did = operation(above)
            if did is not None and did not in STEPS:
                return above if did in MODELS else None
            seen.add(above.key)
            above = self._above(above)
        return None

    def _agent_of_run(self, span: Span) -> Span | None:
        """Return the agent whose run a step is, if its span is empty and stands beside the step.

        Traceloop's for LangGraph makes the one, and that for LangChain the other.
        """
        name, above = span.text("gen_ai.task.name"), self._above(span)
        agents = self._empty.get((above.key, name)) if name and above else None
        return next(agents.around(span), None) if agents else None

    def _tool_of_agent(self, span: Span) -> Span | None:
        """Return the tool in which an agent ran that stands beside the one who called it.

        Traceloop's for the OpenAI Agents SDK hangs all agents of a run on one span.
        """
        if operation(span) not in AGENTS or not self._tools:
            return None
        text = asked(span, self._below)
        tools = self._tools.get((span.trace_id, span.parent_id, text.strip())) if text else None
        around = tools.around(span) if tools else ()
        return next((tool for tool in around if self._calls(tool, span)), None)

    def _calls(self, tool: Span, span: Span) -> bool:
        agent = self._above(tool)
        return agent is not None and _order(agent) < _order(span)

    def _empty_agents(self) -> dict[tuple[str, str], _Around]:
        """Return the agents below which nothing hangs, by what they hang on and their names."""
        found: dict[tuple[str, str], _Around] = {}
        for span in self._spans.values():
            name, above = span.text(_NAME), self._above(span)
            if name and above and operation(span) in AGENTS and span.key not in self._below:
                found.setdefault((above.key, name), _Around()).add(span)
        return found

    def _tools_by_argument(self) -> dict[tuple[str, str | None, str], _Around]:
        """Return agents' tools, by what the agents hang on and each text of a call."""
        found: dict[tuple[str, str | None, str], _Around] = {}
        for span in self._spans.values():
            above = self._above(span) if operation(span) == TOOL else None
            if above is not None and operation(above) in AGENTS:
                for text in {text.strip() for text in _texts(arguments_in(span))}:
                    at = (span.trace_id, above.parent_id, text)
                    found.setdefault(at, _Around()).add(span)
        return found


class _Around:
    """Spans that are alike, in their order: those of them that enclose another one.

    A trace may have thousands of a kind. Each knows the one before it that ended no sooner, so
    that those between are passed over.
    """

    def __init__(self) -> None:
        self._spans: list[tuple[Span, datetime]] = []
        self._began: list[datetime] = []
        self._before: list[int] = []

    def add(self, span: Span) -> None:
        """Add a span that began after those before."""
        if not (span.began and span.ended):
            return
        at = len(self._spans) - 1
        while at >= 0 and self._spans[at][1] < span.ended:
            at = self._before[at]
        self._before.append(at)
        self._began.append(span.began)
        self._spans.append((span, span.ended))

    def around(self, span: Span) -> Iterator[Span]:
        """Yield the spans that enclose this one, from the last to begin."""
        at = bisect_right(self._began, span.began) - 1 if span.began else -1
        while at >= 0:
            found, _ = self._spans[at]
            if encloses(found, span):
                yield found
            at = self._before[at]


def _by_answer(spans: Mapping[str, Span]) -> dict[str, Span]:
    """Return of models' spans the earlier one around each, of the same answer.

    Traceloop's for Anthropic and the client's own span stand beside each other, in two traces
    where nothing is around them.
    """
    found: dict[str, Span] = {}
    longest: dict[str, Span] = {}
    for span in spans.values():
        answer = span.text(RESPONSE) if operation(span) in MODELS else None
        if answer is None:
            continue
        before = longest.setdefault(answer, span)
        if before is not span and encloses(before, span):
            found[span.key] = before
        else:
            longest[answer] = span
    return found


def _order(span: Span) -> tuple[float, str]:
    return (span.began.timestamp() if span.began else 0.0, span.key)


def _are_two(span: Span, above: Span) -> bool:
    """Tell whether two agents of one name are two: by their ids, or by what each was asked."""
    for one, other in (
        (span.text(_ID), above.text(_ID)),
        (asked_in(span), asked_in(above)),
    ):
        if one and other and one.strip() != other.strip():
            return True
    return False


def _says(span: Span) -> bool:
    return bool(asked_in(span)) or answered_in(span) is not None


def _is_told_by(span: Span, above: Span) -> bool:
    """Tell whether a span says nothing that the one above it does not say."""
    message, same = answered_in(span), answered_in(above)
    if message is None:
        return not asked_in(span) or same is not None or bool(asked_in(above))
    return same is not None and message.text.strip() == same.text.strip()


def encloses(span: Span, other: Span) -> bool:
    """Tell whether a span began before another one, and ended after it."""
    if not (span.began and span.ended and other.began and other.ended):
        return False
    return span.began <= other.began and other.ended <= span.ended


def _texts(given: Any) -> Iterator[str]:
    values = object_of(given).values() if isinstance(given, dict) else [given]
    return (text for one in values if (text := text_of(one)))
