"""Spans of generative AI, in OTLP's JSON: what a collector's file exporter and `up --otlp` write.

They follow OpenTelemetry's conventions, or those of OpenInference.

A conversation is a session, whatever traces it is spread over; without a conversation's id a trace
is one. An agent that was invoked within another's span is a branch.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from anabranch.importers.files.lines import records as records_in
from anabranch.importers.reader import Source
from anabranch.importers.readers.spans.messages import (
    arguments_in,
    cut_in,
    result_in,
)
from anabranch.importers.readers.spans.openinference import conventional
from anabranch.importers.readers.spans.trees import (
    AGENTS,
    CONVERSATION,
    MODELS,
    RESPONSE,
    STEPS,
    TOOL,
    asked,
    in_order,
    models_below,
    nearest_below,
    operation,
    placed,
)
from anabranch.importers.readers.spans.turns import (
    Texts,
    call_of,
    facts_of,
    goes_on,
    how_ended,
    task_of,
)
from anabranch.importers.records.model import (
    Broken,
    Ended,
    Opened,
    Skipped,
    ToolResult,
    Turn,
    Unknown,
)
from anabranch.importers.records.spans import KIND, spans_in
from anabranch.importers.records.values import object_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pydantic import JsonValue

    from anabranch.importers.files.candidates import Candidate
    from anabranch.importers.records.model import Record
    from anabranch.importers.records.spans import Span

_KNOWN: Final = frozenset(
    {
        "agent_handoff",
        "create_agent",
        *STEPS,
        "embeddings",
        "plan",
        "retrieval",
        "search_memory",
        "create_memory",
        "update_memory",
        "upsert_memory",
        "delete_memory",
        "create_memory_store",
        "delete_memory_store",
    }
)
_REQUEST: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{\s*\"resourceSpans\"\s*:")
_ASKED_OF: Final = "coworker"
"""The argument in which CrewAI's tools name the agent that work is delegated to."""
_TOLD: Final = frozenset({*AGENTS, *MODELS, TOOL})


class OtelReader:
    """Reads spans that follow OpenTelemetry's conventions for generative AI."""

    tool = "otel"
    versions = "the conventions of 2024 to 2026; OpenInference 0.1"

    def places(self, home: Path, environment: Mapping[str, str]) -> list[Path]:
        """Return nothing: who runs a collector chooses where its files are."""
        del home, environment
        return []

    def claims(self, candidate: Candidate) -> bool:
        """Tell by the first request, which may be longer than what is read of a file to know it."""
        return _REQUEST.match(candidate.head) is not None or any(
            "resourceSpans" in one for one in candidate.first_records[:1]
        )

    def sources(self, files: Sequence[Path]) -> list[Source]:
        """Return a source a file."""
        return [Source(self.tool, (path,)) for path in files]

    def read(self, source: Source) -> Iterator[Record]:
        """Yield the records of all traces in the order in which they began."""
        spans: dict[str, Span] = {}
        for path in source.files:
            for found in records_in(path):
                if isinstance(found, Broken):
                    yield found
                    continue
                for span in spans_in(found[1]):
                    spans.setdefault(span.key, span)
        yield from _Told(spans.values()).records()


class _Told:
    """The spans of a source, as trees."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._spans = placed(conventional(in_order(spans)))
        self._below: dict[str, list[Span]] = {}
        self._roots: list[Span] = []
        for span in self._spans.values():
            if span.parent_id and (above := f"{span.trace_id}/{span.parent_id}") in self._spans:
                self._below.setdefault(above, []).append(span)
            else:
                self._roots.append(span)
        self._opened: set[str] = set()
        self._firsts: dict[str, str] = {}
        self._asked_last: dict[str, tuple[str, str | None]] = {}
        self._left_out: Counter[str] = Counter()
        self._unknown: Counter[str] = Counter()
        self._conversation = self._conversations()
        self._answered = {
            answer: span.trace_id
            for span in self._spans.values()
            if (answer := span.text(RESPONSE)) is not None
        }
        for span in self._spans.values():
            if span.dropped:
                self._left_out["attribute or event that a limit of the sender dropped"] += (
                    span.dropped
                )
            if cut := cut_in(span):
                self._left_out["messages that a limit of the sender cut"] += cut

    def records(self) -> Iterator[Record]:
        """Yield the records of all lines."""
        for root in self._roots:
            yield from self._top(root)
        for why, count in sorted(self._left_out.items()):
            yield Skipped(line=None, why=why, count=count)
        for what, count in sorted(self._unknown.items()):
            for _ in range(count):
                yield Unknown(line=None, what=what)

    def _conversations(self) -> dict[str, str]:
        """Return the conversation of each trace in which one is named: by its earliest span."""
        found: dict[str, str] = {}
        for span in self._spans.values():
            if name := _conversation(span):
                found.setdefault(span.trace_id, name)
        return found

    def _first_trace(self, trace_id: str) -> str:
        """Return the trace in which the conversation of a trace began.

        Microsoft's Agent Framework names another one in each turn: the newest answer of the turn
        before.
        """
        seen: dict[str, None] = {}
        while trace_id not in seen and trace_id not in self._firsts:
            seen[trace_id] = None
            named = self._conversation.get(trace_id)
            trace_id = self._answered.get(named, trace_id) if named else trace_id
        first = self._firsts.get(trace_id, trace_id)
        self._firsts |= dict.fromkeys(seen, first)
        return first

    def _top(self, root: Span) -> Iterator[Record]:
        """Yield what a tree of spans tells that is below no agent of this source."""
        waiting = [root]
        while waiting:
            span = waiting.pop()
            if operation(span) in _TOLD:
                yield from self._root_line(span)
                continue
            self._pass_over(span)
            waiting += reversed(self._below.get(span.key, []))

    def _root_line(self, span: Span) -> Iterator[Record]:
        """Yield a turn of a conversation: what an agent, or a model without one, did in it.

        An agent that another handed over to goes on: in one trace, what was asked is asked once.
        """
        first = self._first_trace(span.trace_id)
        named = _conversation(span) if first == span.trace_id else None
        named = named or self._conversation.get(first)
        line = f"conversation:{named}" if named else f"trace:{first}"
        question = asked(span, self._below)
        if question and self._asked_last.get(line) == (span.trace_id, question):
            question = None
        elif question:
            self._asked_last[line] = (span.trace_id, question)
        if line not in self._opened:
            self._opened.add(line)
            yield Opened(
                key=line,
                source_id=named or first,
                task=None if question else span.name,
                role=_agent(span),
                model=self._model(span),
                time=span.began,
                attributes=_attributes(span),
                silent=True,
            )
        yield from self._turn(span, line, question)

    def _branch(self, span: Span, parent: str) -> Iterator[Record]:
        """Yield an agent that another invoked, with all below it."""
        line = f"span:{span.key}"
        question = asked(span, self._below)
        tool = self._caller(span)
        own = _conversation(span)
        is_own = own != self._conversation.get(span.trace_id) and parent != f"conversation:{own}"
        yield Opened(
            key=line,
            source_id=own if own and is_own else span.id,
            kind="subagent",
            parent=parent,
            task=None if question else (task_of(tool) if tool else None) or span.name,
            role=_agent(span),
            model=self._model(span),
            time=span.began,
        )
        yield from self._turn(span, line, question)
        if goes_on(span):
            return
        yield Ended(
            line=line,
            how=how_ended(span),
            reason=span.error,
            started=span.began,
            time=span.ended,
        )

    def _helper(self, tool: Span, parent: str) -> Iterator[Record]:
        """Yield a tool that asks a model itself: an agent without a span, with all below it."""
        line = f"span:{tool.key}"
        yield Opened(
            key=line,
            source_id=tool.id,
            kind="subagent",
            parent=parent,
            task=task_of(tool) or tool.name,
            role=text_of(object_of(arguments_in(tool)).get(_ASKED_OF)),
            model=self._model(tool),
            time=tool.began,
        )
        told = Texts(line)
        for one in self._below.get(tool.key, []):
            yield from self._within(one, line, told)
        yield from told.answered(None)
        yield Ended(
            line=line,
            how=how_ended(tool),
            reason=tool.error,
            started=tool.began,
            time=tool.ended,
        )

    def _asks_itself(self, tool: Span) -> bool:
        return any(operation(one) in MODELS for one in nearest_below(tool, self._below))

    def _turn(self, span: Span, line: str, question: str | None) -> Iterator[Record]:
        """Yield what was asked, done and answered in an agent's span."""
        if question:
            turn = f"{span.key}/asked"
            yield Turn(line=line, id=turn, said="user", text=question, time=span.began)
        told = Texts(line)
        if operation(span) in AGENTS:
            for one in self._below.get(span.key, []):
                yield from self._within(one, line, told)
            yield from facts_of(span, line, is_branch=line.startswith("span:"))
        else:
            yield from self._within(span, line, told)
        yield from told.answered(span if operation(span) in AGENTS else None)

    def _within(self, first: Span, line: str, told: Texts) -> Iterator[Record]:
        """Yield what happened in a span below an agent's, and below that; in the order of time."""
        waiting: list[tuple[Span, bool]] = [(first, False)]
        while waiting:
            span, over = waiting.pop()
            did = operation(span)
            if over:
                yield ToolResult(
                    line=line,
                    call_id=span.key,
                    given=result_in(span) or span.error,
                    failed=span.failed,
                    time=span.ended,
                )
                continue
            if did in AGENTS:
                yield from told.held()
                yield from self._branch(span, line)
                continue
            if did == TOOL:
                yield from told.held()
                yield call_of(span, line)
                waiting.append((span, True))
                if self._asks_itself(span):
                    yield from self._helper(span, line)
                    continue
            elif did in MODELS:
                yield from told.said(span)
            else:
                self._pass_over(span)
            waiting += [(one, False) for one in reversed(self._below.get(span.key, []))]

    def _caller(self, agent: Span) -> Span | None:
        """Return the tool in which an agent runs, if its own call is the nearest above."""
        span = self._above(agent)
        while span is not None and operation(span) not in _TOLD:
            span = self._above(span)
        return span if span is not None and operation(span) == TOOL else None

    def _above(self, span: Span) -> Span | None:
        return self._spans.get(f"{span.trace_id}/{span.parent_id}") if span.parent_id else None

    def _model(self, span: Span) -> str | None:
        """Return the model of an agent: its own, or that which was asked first."""
        for one in (span, *models_below(span, self._below)):
            found = one.text("gen_ai.response.model") or one.text("gen_ai.request.model")
            if found:
                return found
        return None

    def _pass_over(self, span: Span) -> None:
        did = operation(span)
        if did is None:
            kind = span.text(KIND)
            self._left_out[f"step of an agent: {kind}" if kind else "span of another kind"] += 1
        elif did in _KNOWN:
            self._left_out[did] += 1
        else:
            self._unknown[f"operation {did}"] += 1


def _conversation(span: Span) -> str | None:
    """Return the conversation that a span names, or else its session, as Strands Agents has it.

    The session of OpenInference's spans has been made a conversation before.
    """
    named = span.text(CONVERSATION)
    is_other = KIND in span.attributes or operation(span) is None
    return named if named or is_other else span.text("session.id")


def _agent(span: Span) -> str | None:
    return span.text("gen_ai.agent.name") or span.text("gen_ai.workflow.name")


def _attributes(span: Span) -> dict[str, JsonValue]:
    told = {
        "project": span.resource.get("service.name"),
        "version": span.resource.get("service.version"),
        "provider": span.text("gen_ai.provider.name") or span.text("gen_ai.system"),
    }
    return {name: found for name, value in told.items() if (found := text_of(value))}
