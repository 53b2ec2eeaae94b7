"""The trace of a thought: in its events, and in the spans that are collected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from anabranch.backend.backend import Backend
from anabranch.backend.tracing import OtelTracer, TraceIds
from anabranch_events.event.trace_context import traced, traceparent_here
from anabranch_thinking import BranchContext, DoNotRetry, think
from anabranch_thinking.tracing import thought_span
from tests.support.fleet_of_workers import Crew

if TYPE_CHECKING:
    from nats.aio.client import Client
    from opentelemetry.sdk.trace import ReadableSpan

    from anabranch.settings import Settings
    from anabranch_events import Log

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
TRACE = f"00-{TRACE_ID}-b7ad6b7169203331-01"


class Collected:
    """A tracer, and the spans that it made."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(id_generator=TraceIds())
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = OtelTracer(provider)

    def named(self, name: str) -> list[ReadableSpan]:
        """Return the spans of one name."""
        return [one for one in self._exporter.get_finished_spans() if one.name == name]

    @property
    def trace_ids(self) -> set[str]:
        """The traces of all spans."""
        contexts = [one.get_span_context() for one in self._exporter.get_finished_spans()]
        return {f"{one.trace_id:032x}" for one in contexts if one is not None}


@pytest.fixture
def collected() -> Collected:
    """A tracer whose spans are kept."""
    return Collected()


def id_of(span: ReadableSpan) -> int:
    """Return the id of a span."""
    context = span.get_span_context()
    assert context is not None
    return context.span_id


def above(span: ReadableSpan) -> int | None:
    """Return the id of the span that one is below; None for a first one."""
    return None if span.parent is None else span.parent.span_id


def linked(span: ReadableSpan) -> list[int]:
    """Return the ids of the spans that one is linked to."""
    return [link.context.span_id for link in span.links]


async def where(branch: BranchContext) -> str:
    """Find in which trace the branch is worked on."""
    if branch.task == "fail":
        raise DoNotRetry("no such town")
    return traceparent_here() or "in none"


async def traces_in(producer: Client, count: int) -> list[str | None]:
    """Return the ids of the traces of the first events of the log."""
    stream = producer.jetstream()
    found = [
        (await stream.get_msg("ANABRANCH_EVENTS", seq=position, direct=True)).headers or {}
        for position in range(1, count + 1)
    ]
    return [headers.get("traceparent", "-").split("-")[1] or None for headers in found]


async def test_one_trace_goes_from_the_fork_over_the_workers_to_the_join(
    log: Log, producer: Client, collected: Collected
) -> None:
    """Attempts and the join are in the trace of the fork, linked to it and not below it."""
    crew = Crew(log, {"echo": where}, tracer=collected.tracer)

    async with crew.at_work():
        with traced(TRACE), thought_span(collected.tracer):
            thought = await crew.think(["a hotel", "fail"])

    (whole,) = collected.named("invoke_workflow thought")
    (fork,) = collected.named("fork thought")
    (join,) = collected.named("join thought")
    attempts = collected.named("invoke_agent echo")
    assert collected.trace_ids == {TRACE_ID}
    assert f"{above(whole):016x}" == TRACE.split("-")[2]
    assert above(fork) == id_of(whole)
    for one in (*attempts, join):
        assert above(one) is None
        assert linked(one) == [id_of(fork)]
    assert len(attempts) == 2
    for one in attempts:
        assert one.attributes is not None
        assert one.attributes["gen_ai.operation.name"] == "invoke_agent"
        assert one.attributes["gen_ai.conversation.id"] == thought.session_id
    failed = [one for one in attempts if not one.status.is_ok and one.status.status_code.value == 2]
    assert [one.attributes["error.type"] for one in failed if one.attributes] == ["DoNotRetry"]
    (result,) = [one.result for one in thought.branches if one.result]
    assert result is not None
    assert result.split("-")[1] == TRACE_ID  # What the executor asks or records goes on in it.
    assert set(await traces_in(producer, (await log.bounds()).last)) == {TRACE_ID}


async def test_without_spans_the_trace_of_the_caller_is_in_each_event(
    log: Log, producer: Client
) -> None:
    """Nobody collects spans here: a thought's events are in the caller's trace nevertheless."""
    crew = Crew(log, {"echo": where})

    async with crew.at_work():
        with traced(TRACE):
            thought = await crew.think(["a hotel"])
        untraced = await crew.think(["a train"])

    assert thought.branches[0].result == TRACE
    assert untraced.branches[0].result == "in none"
    last = (await log.bounds()).last
    found = await traces_in(producer, last)
    assert found == [TRACE_ID] * (last // 2) + [None] * (last // 2)


async def test_whom_the_caller_did_not_sample_has_no_spans(log: Log, collected: Collected) -> None:
    """Attempts and joins of a trace that nobody looks at go on in it, and are sent nowhere."""
    crew = Crew(log, {"echo": where}, tracer=collected.tracer)
    unsampled = f"{TRACE[:-2]}00"

    async with crew.at_work():
        with traced(unsampled):
            thought = await crew.think(["a hotel"])

    assert collected.trace_ids == set()
    assert thought.branches[0].result is not None
    assert thought.branches[0].result.split("-")[1] == TRACE_ID


@pytest.mark.parametrize("exporter", ["", "none", " none ,"])
def test_traces_that_are_off_need_nothing(own_settings: Settings, exporter: str) -> None:
    """A machine that switches traces off has no exporter, and needs no SDK."""
    assert own_settings.changed(otel_traces_exporter=exporter).trace_exporters == ()


def test_an_exporter_that_is_missing_costs_the_spans_alone(
    own_settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """The variable may be meant for another program: the memory works, and says so once."""
    backend = Backend(own_settings.changed(otel_traces_exporter="nobody"))

    assert (backend.tracer, backend.tracer) == (None, None)
    assert [one.message.count("nobody") for one in caplog.records] == [1]


async def test_forks_of_branches_go_on_in_the_trace(log: Log, collected: Collected) -> None:
    """A fork on a worker is below its attempt; what comes of it is linked to that fork."""

    async def forks(branch: BranchContext) -> str:
        if branch.depth > 1:
            return "leaf"
        return (await branch.branch(["twig"]))[0].result or ""

    crew = Crew(log, {"echo": forks}, tracer=collected.tracer)
    async with crew.at_work():
        await crew.think(["a hotel"])

    outer, inner = sorted(collected.named("fork thought"), key=lambda one: one.start_time or 0)
    first, second = sorted(
        collected.named("invoke_agent echo"), key=lambda one: one.start_time or 0
    )
    assert len(collected.trace_ids) == 1
    assert above(inner) == id_of(first)
    assert linked(second) == [id_of(inner)]
    assert linked(first) == [id_of(outer)]


async def test_branches_of_this_process_are_nested_in_the_thought(
    log: Log, collected: Collected
) -> None:
    """No queue lies between: the attempts and the join are below the thought."""
    crew = Crew(log, {"echo": where})
    with thought_span(collected.tracer):
        await think(
            crew.sessions, "plan", branches=["a", "b"], executor=where, tracer=collected.tracer
        )

    (whole,) = collected.named("invoke_workflow thought")
    below = [*collected.named("invoke_agent focus"), *collected.named("join thought")]
    assert len(collected.trace_ids) == 1
    assert below
    assert {above(one) for one in below} == {id_of(whole)}
