"""A command service at work: ending, several of them, too much, traces, kills."""

from __future__ import annotations

import asyncio
import json
import sys
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

import pytest
from nats.errors import NoRespondersError
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from anabranch.api.admission import HELD_BYTES_MAX, HELD_MAX, REQUEST_BYTES_MAX, Gate
from anabranch.backend import tracing as tracing_module
from anabranch.backend.tracing import tracer_provider
from anabranch.errors import ExporterMissing, RequestTooLarge, ServiceBusy
from anabranch.service.tracing import tracing
from anabranch_events import Log, encode, new_event, new_id
from anabranch_events.event.types import InsightRecorded, SessionOpened
from anabranch_events.transport.client import settled
from tests.support.answering import answering
from tests.support.fixtures.commands import Asking, opened_event
from tests.support.logs import stored
from tests.support.patience import PATIENCE_S
from tests.support.rounds import KILL_ROUNDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nats.aio.client import Client

    from anabranch_events import NatsServer

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OPEN: Mapping[str, Any] = {"task": "tea"}


async def test_what_was_taken_is_answered_before_the_end(
    nats_server: NatsServer, log: Log, producer: Client
) -> None:
    """A service that ends answers every request it has, and leaves later ones to others.

    FastStream 0.7.8 by itself drops those that wait for a handler: see
    findings/faststream_stops_with_requests_that_it_took.sh.
    """
    ask = Asking(producer)
    async with answering(log, url=nats_server.url, token=nats_server.token):
        asked = [asyncio.create_task(ask("open_session", OPEN)) for _ in range(200)]
        while producer.stats["out_msgs"] < len(asked):  # noqa: ASYNC110 - the driver only counts
            await asyncio.sleep(0)
        await settled(producer)

    answers = await asyncio.gather(*asked)
    with pytest.raises(NoRespondersError):
        await ask("open_session", OPEN)

    assert sorted(answer["position"] for answer in answers) == list(range(1, 201))


async def test_a_service_starts_beside_one_who_hears_everything(
    nats_server: NatsServer, log: Log, producer: Client
) -> None:
    """A subscription to all subjects, as `nats sub '>'` has it, is in nobody's way."""
    everything = await producer.subscribe(">")
    await settled(producer)

    url, token = nats_server.url, nats_server.token
    async with asyncio.timeout(PATIENCE_S), answering(log, url=url, token=token):
        answer = await Asking(producer)("open_session", OPEN)
    await everything.unsubscribe()

    assert answer["position"] == 1


async def test_several_services_share_the_requests(
    nats_server: NatsServer, log: Log, producer: Client
) -> None:
    """Of two services in the queue group each request is answered by one."""
    ask = Asking(producer)
    url, token = nats_server.url, nats_server.token
    async with answering(log, url=url, token=token), answering(log, url=url, token=token):
        answers = await asyncio.gather(*(ask("open_session", OPEN) for _ in range(60)))

    assert sorted(answer["position"] for answer in answers) == list(range(1, 61))


async def test_too_much_at_a_time_is_turned_away() -> None:
    """A request past the bound of requests or bytes is refused at once, with its kind of error."""
    gate = Gate()
    gate.held = HELD_MAX
    with pytest.raises(ServiceBusy):
        async with gate.passed(1):
            pass
    gate.held, gate.held_bytes = 0, HELD_BYTES_MAX
    with pytest.raises(ServiceBusy):
        async with gate.passed(1):
            pass
    with pytest.raises(RequestTooLarge):
        async with gate.passed(REQUEST_BYTES_MAX + 1):
            pass
    assert (gate.held, gate.held_bytes) == (0, HELD_BYTES_MAX)


async def test_the_trace_of_a_request_goes_into_its_events(
    ask: Asking, log: Log, producer: Client
) -> None:
    """The stored message has the request's traceparent, and three headers; a bad one is left out."""
    await ask("append", encode(opened_event()), traceparent=TRACE)
    await ask("remember", {"text": "Ada drinks tea"}, traceparent=TRACE)
    await ask("open_session", OPEN, traceparent="00-zz")

    stream = producer.jetstream()
    found = [
        (await stream.get_msg("ANABRANCH_EVENTS", seq=position, direct=True)).headers or {}
        for position in range(1, 5)
    ]
    assert [headers.get("traceparent") for headers in found] == [TRACE, TRACE, TRACE, None]
    assert set(found[0]) >= {"Nats-Msg-Id", "Content-Type", "traceparent"}
    assert len(await stored(log)) == 4


async def test_spans_are_made_where_they_are_wanted(
    nats_server: NatsServer, log: Log, producer: Client
) -> None:
    """With an exporter a command's span belongs to the request's trace; without one none is made."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    where = {"url": nats_server.url, "token": nats_server.token}

    async with answering(log, **where, middlewares=(tracing(provider),)):
        await Asking(producer)("open_session", OPEN, traceparent=TRACE)

    spans = exporter.get_finished_spans()
    traces = {format(span.context.trace_id, "032x") for span in spans if span.context}
    assert traces == {TRACE.split("-")[1]}
    assert {span.name for span in spans} == {
        "anabranch.commands.open_session process",
        "anabranch.commands.reply publish",
    }
    with pytest.raises(ExporterMissing, match="nobody"):
        tracer_provider(["nobody"])


@pytest.mark.parametrize(
    ("protocol", "asked"),
    [("", "otlp"), ("grpc", "otlp_proto_grpc"), ("http/protobuf", "otlp_proto_http")],
)
def test_the_protocol_chooses_the_exporter(
    monkeypatch: pytest.MonkeyPatch, protocol: str, asked: str
) -> None:
    """`otlp` is the exporter of the protocol that is named; one that there is none for is said."""
    wanted: list[str] = []

    def entry_points(*, group: str, name: str) -> list[EntryPoint]:
        wanted.append(name)
        return [EntryPoint(name, f"{__name__}:InMemorySpanExporter", group)]

    monkeypatch.setattr(tracing_module, "entry_points", entry_points)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)

    provider = tracer_provider(["otlp"])

    provider.shutdown()
    kept = provider.resource.attributes
    assert wanted == [asked]
    assert (kept["service.name"], kept["telemetry.sdk.language"]) == ("anabranch", "python")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")
    with pytest.raises(ExporterMissing, match="http/json"):
        tracer_provider(["otlp"])


async def test_a_request_survives_a_kill_between_storing_and_answering(
    nats_server: NatsServer, log: Log, producer: Client
) -> None:
    """Sent again with its key to another service it gets a receipt, and stands in the log once."""
    ask = Asking(producer)
    root = new_event(SessionOpened(task="tea"), session_id=new_id(), namespace="default")
    await log.append(root, expected=0)
    note = new_event(
        InsightRecorded(insight_id=new_id(), text="tea"),
        session_id=root.session_id,
        namespace="default",
    )
    # Nothing branches from a session that is completed: that one comes last.
    cases: list[tuple[str, bytes]] = [
        ("remember", b'{"text": "Ada drinks tea"}'),
        ("append", encode(note)),
        ("branch", json.dumps({"parent_id": root.session_id, "task": "tea"}).encode()),
        ("open_session", b'{"task": "tea"}'),
        ("complete", json.dumps({"session_id": root.session_id, "result": "tea"}).encode()),
    ]

    for command, body in cases[: max(1, KILL_ROUNDS // 3)]:
        before = len(await stored(log))
        lost = await _killed_while(nats_server, ask, command, body)
        after = len(await stored(log))
        async with answering(log, url=nats_server.url, token=nats_server.token):
            answer = await ask(command, body, Nats_Msg_Id=command)

        events = [recorded.decode().id for recorded in await stored(log)]
        assert lost
        assert after > before
        assert len(events) == after, command
        assert events[answer["position"] - 1] == answer["event_id"]


async def _killed_while(server: NatsServer, ask: Asking, command: str, body: bytes) -> bool:
    """Ask a service that is killed once it has stored; say whether no answer came."""
    service = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.answering",
        server.url,
        server.token,
        stdout=asyncio.subprocess.PIPE,
    )
    assert service.stdout is not None
    assert await service.stdout.readline() == b"ready\n"
    asked = asyncio.create_task(ask(command, body, Nats_Msg_Id=command))
    assert await service.wait() == -9
    done, _ = await asyncio.wait([asked], timeout=0.1)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    return not done
