"""Spans of agents, made by the real SDK of OpenTelemetry as an instrumented program makes them."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Status, StatusCode

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import Span


def messages(role: str, text: str, **call: Any) -> str:
    """Return a message as the conventions write one in an attribute, with a tool's call or without."""
    parts: list[dict[str, Any]] = [{"type": "text", "content": text}]
    parts += [{"type": "tool_call", **call}] if call else []
    return json.dumps([{"role": role, "parts": parts}])


class InstrumentedAgents:
    """A program whose agents are instrumented; `ended` are its spans in the order they ended."""

    def __init__(self, service: str = "lighthouse") -> None:
        self._exporter = InMemorySpanExporter()
        resource = Resource.create({"service.name": service, "service.version": "7.1"})
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = provider.get_tracer("tests")

    @property
    def ended(self) -> Sequence[ReadableSpan]:
        """The spans that have ended: those within others come before them."""
        return self._exporter.get_finished_spans()

    def request(self) -> bytes:
        """Return the spans that have ended as an exporter sends them."""
        return encode_spans(self.ended).SerializeToString()

    @contextmanager
    def span(self, name: str, attributes: Mapping[str, str]) -> Generator[Span]:
        """Make a span of any kind."""
        with self.tracer.start_as_current_span(name, attributes=attributes) as one:
            yield one

    @contextmanager
    def agent(
        self,
        name: str,
        asked: str | None = None,
        answered: str | None = None,
        *,
        conversation: str | None = None,
        error: str | None = None,
    ) -> Generator[Span]:
        """Invoke an agent; with texts if the program captures content."""
        attributes = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": name,
            "gen_ai.request.model": "stub-1",
        }
        if conversation:
            attributes["gen_ai.conversation.id"] = conversation
        if asked:
            attributes["gen_ai.input.messages"] = messages("user", asked)
        if answered:
            attributes["gen_ai.output.messages"] = messages("assistant", answered)
        with self.tracer.start_as_current_span(
            f"invoke_agent {name}", attributes=attributes
        ) as one:
            yield one
            if error:
                one.set_status(Status(StatusCode.ERROR, error))

    @contextmanager
    def tool(
        self, name: str, given: Any = None, result: str | None = None, *, error: str | None = None
    ) -> Generator[Span]:
        """Execute a tool, within which an agent may be invoked."""
        attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name}
        if given is not None:
            attributes["gen_ai.tool.call.arguments"] = json.dumps(given)
        if result is not None:
            attributes["gen_ai.tool.call.result"] = result
        with self.tracer.start_as_current_span(
            f"execute_tool {name}", attributes=attributes
        ) as one:
            yield one
            if error:
                one.set_status(Status(StatusCode.ERROR, error))

    def chat(self, asked: str, said: str, **call: Any) -> None:
        """Ask a model; a `call` is one of a tool that it wants."""
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.input.messages": messages("user", asked),
            "gen_ai.output.messages": messages("assistant", said, **call),
        }
        with self.tracer.start_as_current_span("chat stub-1", attributes=attributes):
            pass

    def watch(self) -> None:
        """Run two turns of a conversation: in the first two helpers, of which one asks another."""
        with (
            self.tracer.start_as_current_span("POST /ask"),
            self.agent("keeper", "Is all well?", "All is well.", conversation="watch-1"),
        ):
            self.chat("Is all well?", "I will ask.", name="ask_bravo", id="call_1", arguments={})
            with (
                self.tool("ask_bravo", {"prompt": "Are the stairs dry?"}, "They are."),
                self.agent("bravo", "Are the stairs dry?", "The stairs are dry."),
                self.agent("echo", "Who mopped?", "Nobody did."),
            ):
                pass
            with (
                self.agent("charlie", "Is the foghorn loud?", error="the horn is broken"),
                self.tool("shell", {"command": "horn --test"}, "no air", error="exit 1"),
            ):
                pass
            self.chat("Is all well?", "All is well.")
        with self.agent("keeper", "And the boats?", "Three boats passed.", conversation="watch-1"):
            pass
