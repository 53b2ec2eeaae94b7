"""Traces and metrics of the command service, for whoever has switched them on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from anabranch.api.subjects import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from faststream._internal.types import BrokerMiddleware
    from faststream.message import StreamMessage
    from faststream.prometheus import ConsumeAttrs
    from faststream.response import PublishCommand
    from nats.aio.msg import Msg
    from opentelemetry.sdk.trace import TracerProvider

_REPLY: Final = "reply"


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
