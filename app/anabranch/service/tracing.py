"""Traces and metrics of the command service, for whoever has switched them on."""

from __future__ import annotations

import os
import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final

from anabranch.api.subjects import COMMANDS
from anabranch.errors import ExporterMissing

if TYPE_CHECKING:
    from collections.abc import Callable

    from faststream._internal.types import BrokerMiddleware
    from faststream.message import StreamMessage
    from faststream.prometheus import ConsumeAttrs
    from faststream.response import PublishCommand
    from nats.aio.msg import Msg
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

_OFF: Final = frozenset({"", "none"})
_CONSOLE: Final = "console"
_GROUP: Final = "opentelemetry_traces_exporter"
_OTLP: Final = "otlp"
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_OF_PROTOCOL: Final = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}
_REPLY: Final = "reply"


def tracer_provider(exporters: str | None) -> TracerProvider | None:
    """Return what sends traces to the exporters that OTEL_TRACES_EXPORTER names; none when off.

    Everything else (the endpoint, the service's name, the sampler) the SDK and the exporter read
    from their own OTEL_ variables. Raises ExporterMissing.
    """
    names = [name.strip() for name in (exporters or "").split(",")]
    wanted = [name for name in names if name not in _OFF]
    if not wanted:
        return None
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    made = [_exporter(name) for name in wanted]
    # OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME stand above ours.
    named = OTELResourceDetector().detect()
    ours = Resource.create({"service.name": "anabranch"})  # With telemetry.sdk.* of the SDK.
    provider = TracerProvider(resource=ours.merge(named))
    for exporter in made:
        provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def tracing(provider: TracerProvider) -> BrokerMiddleware[Any, Any]:
    """Return the middleware that makes a span of every command, named by it.

    FastStream's own names spans by their subjects: each namespace and each inbox would be one.
    """
    from faststream.nats.opentelemetry.provider import NatsTelemetrySettingsProvider
    from faststream.opentelemetry.middleware import TelemetryMiddleware
    from opentelemetry.metrics import NoOpMeterProvider

    class ByCommand(NatsTelemetrySettingsProvider):
        """Names a span by its command, and an answer alike wherever it goes."""

        def get_consume_destination_name(self, msg: StreamMessage[Msg]) -> str:
            return COMMANDS + msg.raw_message.subject.rpartition(".")[2]

        def get_publish_destination_name(self, cmd: PublishCommand) -> str:  # noqa: ARG002 - FastStream calls it so.
            return COMMANDS + _REPLY

    make: Callable[[Any], Any] = lambda _message: ByCommand()  # noqa: E731 - it is an argument.
    return TelemetryMiddleware(
        settings_provider_factory=make,
        tracer_provider=provider,
        meter_provider=NoOpMeterProvider(),
    )


def measuring() -> BrokerMiddleware[Any, Any]:
    """Return the middleware that counts and times the commands, by command and never by namespace.

    FastStream's own labels each subject as it is: whoever may send requests could fill the memory
    with namespaces that do not exist.
    """
    from faststream.nats.prometheus.provider import NatsMetricsSettingsProvider
    from faststream.prometheus.middleware import PrometheusMiddleware

    from anabranch.http.metrics import REGISTRY

    class ByCommand(NatsMetricsSettingsProvider):
        """Names a request by its command."""

        def get_consume_attrs_from_message(self, msg: StreamMessage[Msg]) -> ConsumeAttrs:
            found = super().get_consume_attrs_from_message(msg)
            found["destination_name"] = found["destination_name"].rpartition(".")[2]
            return found

    make: Callable[[Any], Any] = lambda _message: ByCommand()  # noqa: E731 - it is an argument.
    return PrometheusMiddleware(
        settings_provider_factory=make,
        registry=REGISTRY,
        app_name="anabranch",
        metrics_prefix="anabranch_commands",
    )


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
