"""Spans of generative AI as sessions: conversations, agents within agents, tools, what was said."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.context import attach, detach, get_current
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from anabranch.importers.readers.catalogue import READERS, sources_below
from anabranch.importers.records.model import Turn
from anabranch.service.otlp_requests import PROTOBUF, request_in
from tests.support.agent_spans import InstrumentedAgents
from tests.support.transcripts import Told, shows, told

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan


def read(folder: Path, *batches: Sequence[ReadableSpan]) -> Told:
    """Return what is told of spans that a collector wrote to a file, a batch a line."""
    requests = [
        request_in(encode_spans(one).SerializeToString(), media=PROTOBUF, encoding="")
        for one in batches
    ]
    return told_of(folder, *requests)


def told_of(folder: Path, *requests: Any) -> Told:
    """Return what is told of requests that were written to a file."""
    (folder / "traces.json").write_text("".join(json.dumps(one) + "\n" for one in requests))
    (source,) = sources_below([folder])
    assert source.tool == "otel"
    return told(READERS["otel"].read(source))


def shown(found: Told) -> list[tuple[Any, ...]]:
    """Return each line as kind, parent's role, role, texts and how it ended."""
    return [
        (
            line.opened.kind,
            found.lines[line.opened.parent].opened.role if line.opened.parent else None,
            line.opened.role,
            [text for _, text in line.texts],
            line.ended.how if line.ended else None,
        )
        for line in found.lines.values()
    ]


WATCH = [
    (
        "main",
        None,
        "keeper",
        ["Is all well?", "I will ask.", "All is well.", "And the boats?", "Three boats passed."],
        None,
    ),
    ("subagent", "keeper", "bravo", ["Are the stairs dry?", "The stairs are dry."], "completed"),
    ("subagent", "bravo", "echo", ["Who mopped?", "Nobody did."], "completed"),
    ("subagent", "keeper", "charlie", ["Is the foghorn loud?"], "failed"),
]


@pytest.mark.parametrize("order", ["as they ended", "the other way round", "twice"])
@shows("otel", "plain", "tools", "sub-agent", "nested")
def test_a_conversation_is_a_session_and_agents_within_are_branches(
    tmp_path: Path, order: str
) -> None:
    """In whatever order spans come, and however often: two traces are one conversation."""
    agents = InstrumentedAgents()
    agents.watch()
    batches = [[one] for one in agents.ended]
    batches = {
        "as they ended": batches,
        "the other way round": batches[::-1],
        "twice": [*batches, *batches],
    }[order]

    found = read(tmp_path, *batches)

    assert shown(found) == WATCH
    (root, _, _, charlie) = found.lines.values()
    assert root.opened.source_id == "watch-1"
    assert root.opened.attributes == {"project": "lighthouse", "version": "7.1"}
    assert root.opened.model == "stub-1"
    assert [one.name for one in root.calls.values()] == ["ask_bravo"]
    (horn,) = charlie.calls.values()
    assert (horn.input, charlie.results[horn.id].output, charlie.results[horn.id].failed) == (
        {"command": "horn --test"},
        "no air",
        True,
    )
    assert charlie.ended is not None
    assert charlie.ended.reason == "the horn is broken"
    assert found.left_out == {"span of another kind": 1}
    assert found.unknown == {}


@shows("otel", "parallel")
def test_agents_that_run_beside_each_other_are_branches_of_their_caller(tmp_path: Path) -> None:
    """Each began before the other ended, and the one that began first ends first."""
    agents = InstrumentedAgents()
    with agents.agent("keeper", "Is all well?", "All is well."):
        first, second = agents.agent("bravo", "Stairs?", "Dry."), agents.agent("charlie", "Horn?")
        above = get_current()
        first.__enter__()
        within = attach(above)
        second.__enter__()
        first.__exit__(None, None, None)
        second.__exit__(None, None, None)
        detach(within)

    found = read(tmp_path, agents.ended)

    assert shown(found) == [
        ("main", None, "keeper", ["Is all well?", "All is well."], None),
        ("subagent", "keeper", "bravo", ["Stairs?", "Dry."], "completed"),
        ("subagent", "keeper", "charlie", ["Horn?"], "completed"),
    ]
    _, bravo, charlie = found.lines.values()
    assert bravo.ended is not None
    assert charlie.opened.time is not None
    assert bravo.ended.time is not None
    assert charlie.opened.time < bravo.ended.time


def test_agents_whose_content_is_not_captured_are_sessions_and_branches_too(
    tmp_path: Path,
) -> None:
    """That is how instrumentations are set unless somebody asks for content."""
    agents = InstrumentedAgents()
    with agents.agent("keeper"), agents.tool("ask"), agents.agent("bravo"):
        pass

    found = read(tmp_path, agents.ended)

    assert [(line.task, line.opened.silent) for line in found.lines.values()] == [
        ("invoke_agent keeper", True),
        ("invoke_agent bravo", False),
    ]
    assert shown(found)[1] == ("subagent", "keeper", "bravo", [], "completed")


@pytest.mark.parametrize(
    ("attributes", "events"),
    [
        (
            {
                "gen_ai.prompt.0.role": "system",
                "gen_ai.prompt.0.content": "Be brief.",
                "gen_ai.prompt.1.role": "user",
                "gen_ai.prompt.1.content": "Fog?",
                "gen_ai.completion.0.role": "assistant",
                "gen_ai.completion.0.content": "None.",
            },
            {},
        ),
        (
            {},
            {
                "gen_ai.user.message": {"content": "Fog?"},
                "gen_ai.choice": {"message": '{"role":"assistant","content":"None."}'},
            },
        ),
        (
            {},
            {
                "gen_ai.content.prompt": {"gen_ai.prompt": '[{"role":"user","content":"Fog?"}]'},
                "gen_ai.content.completion": {
                    "gen_ai.completion": '[{"role":"assistant","content":"None."}]'
                },
            },
        ),
        (
            {},
            {
                "gen_ai.client.inference.operation.details": {
                    "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text",'
                    '"content":"Fog?"}]}]',
                    "gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"text",'
                    '"content":"None."}]}]',
                }
            },
        ),
    ],
)
def test_a_model_without_an_agent_is_read_in_each_form_of_the_conventions(
    tmp_path: Path, attributes: dict[str, str], events: dict[str, dict[str, str]]
) -> None:
    """Its trace is a session of one turn."""
    agents = InstrumentedAgents()
    given = {"gen_ai.operation.name": "chat", "gen_ai.response.model": "stub-2", **attributes}
    with agents.tracer.start_as_current_span("chat stub", attributes=given) as span:
        for name, told_in_it in events.items():
            span.add_event(name, told_in_it)

    found = read(tmp_path, agents.ended)

    (line,) = found.lines.values()
    assert line.texts == [["user", "Fog?"], ["assistant", "None."]]
    assert line.opened.model == "stub-2"


def test_spans_that_nobody_vouches_for_are_counted_or_left_out(tmp_path: Path) -> None:
    """Ids that are none, times that are none, what is nested without end, operations unheard of."""
    nested: dict[str, Any] = {"stringValue": "deep"}
    for _ in range(300):
        nested = {"arrayValue": {"values": [nested]}}
    good = {"traceId": "A" * 32, "spanId": "b" * 16, "startTimeUnixNano": "soon"}

    def operation(value: Any) -> list[dict[str, Any]]:
        return [{"key": "gen_ai.operation.name", "value": value}]

    spans: list[Any] = [
        {"traceId": "no", "spanId": "b" * 16, "attributes": operation({"stringValue": "chat"})},
        {"traceId": "0" * 32, "spanId": "b" * 16},
        {**good, "attributes": operation({"stringValue": "divine"})},
        {**good, "spanId": "c" * 16, "attributes": operation(nested)},
        {**good, "spanId": "d" * 16, "attributes": operation({"stringValue": "invoke_agent"})},
        "no span",
    ]

    found = told_of(tmp_path, {"resourceSpans": [{"scopeSpans": [{"spans": spans}, 7]}, None]})

    (line,) = found.lines.values()
    assert (line.opened.source_id, line.opened.time, line.task) == ("a" * 32, None, "span")
    assert found.unknown == {"operation divine": 1}
    assert found.left_out == {"span of another kind": 1}


def test_what_limits_of_a_sender_took_away_is_counted(tmp_path: Path) -> None:
    """Python's SDK 1.45.2 throws out the oldest attributes, and cuts long texts from their end.

    So a list of messages is no JSON, and its newest question is gone: the one before it must not be
    taken for what was answered (findings/otel_limits_take_other_ends_of_a_conversation.sh).
    """
    provider = TracerProvider(
        span_limits=SpanLimits(max_span_attributes=4, max_attribute_length=80)
    )
    ended = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(ended))
    asked = [{"role": "user", "content": text} for text in ("Fog?", "Rain on the whole coast?")]
    given = {
        "llm.system": "stub",
        "gen_ai.operation.name": "chat",
        "gen_ai.response.model": "stub-2",
        "gen_ai.input.messages": json.dumps(asked),
        "gen_ai.output.messages": json.dumps([{"role": "assistant", "content": "Since noon."}]),
    }
    span = provider.get_tracer("crew").start_span("chat stub")
    for name, value in given.items():
        span.set_attribute(name, value)
    span.end()

    found = read(tmp_path, ended.get_finished_spans())

    (line,) = found.lines.values()
    assert line.texts == [["assistant", "Since noon."]]
    assert found.left_out == {
        "attribute or event that a limit of the sender dropped": 1,
        "messages that a limit of the sender cut": 1,
    }


STREAMED = {
    "openinference.span.kind": "LLM",
    "llm.model_name": "stub-2",
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.content": "Three ",
}


def listed(reason: str) -> dict[str, str]:
    """Return what Traceloop's instrumentation says of a stream that ended for a reason."""
    parts = [{"type": "text", "content": "Three "}]
    told_of_it = [{"role": "assistant", "parts": parts, "finish_reason": reason}]
    return {"gen_ai.operation.name": "chat", "gen_ai.output.messages": json.dumps(told_of_it)}


@pytest.mark.parametrize(
    ("name", "attributes", "final"),
    [
        ("openai.chat", listed("stop"), None),
        ("openai.chat", listed(""), False),
        ("ChatCompletion", STREAMED | {"llm.finish_reason": "stop"}, None),
        ("ChatCompletion", STREAMED, False),
        ("Response", STREAMED, None),
    ],
)
def test_half_an_answer_is_a_remark(
    tmp_path: Path, name: str, attributes: dict[str, str], final: bool | None
) -> None:
    """A stream that was left in the middle has a span as good as any, with the half that came.

    Only the finish reason is missing: empty to Traceloop's instrumentation (0.62.4), not there to
    OpenInference's (0.1.66), which has none for the Responses API. See
    findings/llm_spans_of_a_stream_that_was_left_look_whole.sh.
    """
    agents = InstrumentedAgents()
    with agents.tracer.start_as_current_span(name, attributes=attributes) as span:
        span.add_event("First Token Stream Event")
    file = tmp_path / "traces.json"
    file.write_text(json.dumps(request_in(agents.request(), media=PROTOBUF, encoding="")))
    (source,) = sources_below([tmp_path])

    turns = [one for one in READERS["otel"].read(source) if isinstance(one, Turn)]

    assert [(turn.text, turn.final) for turn in turns] == [("Three ", final)]
