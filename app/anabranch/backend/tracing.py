"""Spans of thoughts, and where they are sent: as OTEL_TRACES_EXPORTER says."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final

from anabranch.errors import ExporterMissing

try:
    from opentelemetry import trace
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ModuleNotFoundError as error:
    raise ExporterMissing(
        "OTEL_TRACES_EXPORTER: the SDK of OpenTelemetry is not installed",
        fix="pip install 'anabranch[service]', or set OTEL_TRACES_EXPORTER to none",
    ) from error
from anabranch_events.errors import Conflict
from anabranch_events.event.trace_context import TRACEPARENT, traceparent_here

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace.export import SpanExporter

    from anabranch_thinking.tracing import SpanKind

_CONSOLE: Final = "console"
_GROUP: Final = "opentelemetry_traces_exporter"
_OTLP: Final = "otlp"
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_OF_PROTOCOL: Final = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}
_KINDS: Final[Mapping[SpanKind, trace.SpanKind]] = {
    "internal": trace.SpanKind.INTERNAL,
    "producer": trace.SpanKind.PRODUCER,
    "consumer": trace.SpanKind.CONSUMER,
}
_W3C: Final = TraceContextTextMapPropagator()
_trace_id: ContextVar[int | None] = ContextVar("anabranch_trace_id", default=None)


def tracer_provider(exporters: Sequence[str]) -> TracerProvider:
    """Return what sends traces to the exporters that OTEL_TRACES_EXPORTER names.

    Everything else (the endpoint, the service's name, the sampler) the SDK and the exporter read
    from their own OTEL_ variables. Raises ExporterMissing.
    """
    made = [_exporter(name) for name in exporters]
    # OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME stand above ours.
    named = OTELResourceDetector().detect()
    ours = Resource.create({"service.name": "anabranch"})  # With telemetry.sdk.* of the SDK.
    provider = TracerProvider(resource=ours.merge(named), id_generator=TraceIds())
    for exporter in made:
        provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


class TraceIds(RandomIdGenerator):
    """Ids of traces: the one that a span asks to be in without a parent there, else a new one."""

    def generate_trace_id(self) -> int:
        """Return the id of a trace whose first span here is about to begin."""
        return _trace_id.get() or super().generate_trace_id()


class OtelSpan:
    """A span of OpenTelemetry's."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        carrier: dict[str, str] = {}
        _W3C.inject(carrier, trace.set_span_in_context(span))
        self.traceparent = carrier.get(TRACEPARENT)

    def fail(self, error: BaseException) -> None:
        """Mark the span as failed, with the error's type; its text may hold what is private."""
        self._span.set_attribute("error.type", type(error).__qualname__)
        self._span.set_status(trace.StatusCode.ERROR)

    def note(self, name: str, value: str | int) -> None:
        """Set an attribute."""
        self._span.set_attribute(name, value)


class OtelTracer:
    """Makes spans by OpenTelemetry's SDK; the provider's ids are `TraceIds`."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("anabranch")

    @contextmanager
    def span(
        self,
        name: str,
        attributes: Mapping[str, str | int],
        *,
        kind: SpanKind,
        linked: str | None,
    ) -> Generator[OtelSpan]:
        """Give a span for the length of the block; see `anabranch_thinking.tracing.Tracer`."""
        origin = trace.get_current_span(_above(linked)).get_span_context()
        if not origin.is_valid:
            span = self._begun(name, attributes, kind, _above(traceparent_here()))
        elif origin.trace_flags.sampled:
            token = _trace_id.set(origin.trace_id)
            try:
                span = self._begun(name, attributes, kind, _above(None), trace.Link(origin))
            finally:
                _trace_id.reset(token)
        else:
            span = trace.NonRecordingSpan(origin)  # The caller has decided that nobody looks.
        made = OtelSpan(span)
        try:
            yield made
        except Conflict:
            raise  # Somebody else was first: that is no error of the step.
        except Exception as error:
            made.fail(error)
            raise
        finally:
            span.end()

    def _begun(
        self,
        name: str,
        attributes: Mapping[str, str | int],
        kind: SpanKind,
        above: Context,
        *links: trace.Link,
    ) -> trace.Span:
        return self._tracer.start_span(
            name, above, kind=_KINDS[kind], attributes=dict(attributes), links=links
        )


def _above(traceparent: str | None) -> Context:
    """Return the context of a remote span; an empty one without it, or where it is malformed."""
    carrier = {} if traceparent is None else {TRACEPARENT: traceparent}
    return _W3C.extract(carrier, context=trace.set_span_in_context(trace.INVALID_SPAN))


def _exporter(name: str) -> SpanExporter:
    if name == _CONSOLE:
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        return ConsoleSpanExporter(out=sys.stderr)
    for found in entry_points(group=_GROUP, name=_by_protocol(name)):
        made: SpanExporter = found.load()()
        return made
    raise ExporterMissing(
        f"OTEL_TRACES_EXPORTER: no exporter {name!r} is installed",
        fix="install it beside Anabranch, for otlp `pip install opentelemetry-exporter-otlp`, "
        "or set OTEL_TRACES_EXPORTER to none",
    )


def _by_protocol(name: str) -> str:
    """Return the exporter for `otlp` by the protocol that its variables name, where they do."""
    protocol = next(filter(None, map(os.environ.get, _PROTOCOLS)), None)
    if name != _OTLP or protocol is None:
        return name
    if protocol not in _OF_PROTOCOL:
        raise ExporterMissing(
            f"OTEL_EXPORTER_OTLP_PROTOCOL: {protocol!r} is no protocol that can be sent here",
            fix=f"set it to {' or '.join(_OF_PROTOCOL)}",
        )
    return _OF_PROTOCOL[protocol]
