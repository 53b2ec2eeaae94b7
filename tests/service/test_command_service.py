"""The commands as request and reply, over a real nats-server and a real log."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import nats
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nats.errors import NoRespondersError
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from anabranch.command_service import ANSWERS
from anabranch.errors import ExporterMissing, RequestTooLarge, ServiceBusy
from anabranch.gate import HELD_BYTES_MAX, HELD_MAX, REQUEST_BYTES_MAX, Gate
from anabranch.telemetry import tracer_provider, tracing
from anabranch_events import Event, Log, encode, new_event, new_id
from anabranch_events.client import settled
from anabranch_events.types import InsightRecorded, SessionOpened
from tests.rounds import KILL_ROUNDS
from tests.service.answering import answering

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from anabranch_events import NatsServer, Recorded

TIMEOUT_S = 60
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OPEN: Mapping[str, Any] = {"task": "tea"}


class Asking:
    """A producer that asks for commands with a plain NATS client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def raw(
        self, command: str, body: bytes, *, namespace: str = "default", **headers: str
    ) -> Msg:
        """Return the reply; headers are given with `_` for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        subject = f"anabranch.commands.{namespace}.{command}"
        return await self._client.request(subject, body, timeout=TIMEOUT_S, headers=named or None)

    async def __call__(
        self, command: str, body: Mapping[str, Any] | bytes, **options: str
    ) -> dict[str, Any]:
        """Return what was answered, which is no problem."""
        document = body if isinstance(body, bytes) else json.dumps(body).encode()
        reply = await self.raw(command, document, **options)
        assert (reply.headers or {})["Content-Type"] == "application/json", reply.data
        answer: dict[str, Any] = json.loads(reply.data)
        return answer


@pytest.fixture
async def producer(nats_server: NatsServer) -> AsyncGenerator[Client]:
    """A plain client of the server."""
    client = await nats.connect(nats_server.url, token=nats_server.token)
    yield client
    await client.close()


@pytest.fixture
async def ask(nats_server: NatsServer, log: Log, producer: Client) -> AsyncGenerator[Asking]:
    """A producer, while a service answers."""
    async with answering(log, url=nats_server.url, token=nats_server.token):
        yield Asking(producer)


async def stored(log: Log) -> list[Recorded]:
    """Return all that the log holds."""
    return [recorded async for recorded in log.read_all()]


async def test_each_command_answers_with_its_receipt(ask: Asking, log: Log) -> None:
    """The receipts name the events that stand in the log, in their order."""
    opened = await ask("open_session", {"task": "plan the trip", "priority": "high"})
    session = opened["session_id"]
    branched = await ask("branch", {"parent_id": session, "task": "trains", "agent": "ada"})
    learned = await ask("remember", {"text": "Trains leave at nine", "session_id": session})
    alone = await ask("remember", {"text": "Ada drinks tea"})
    ended = await ask(
        "complete",
        {
            "session_id": branched["session_id"],
            "result": "by train",
            "insights": ["a", {"text": "b"}],
        },
    )

    answers = (opened, branched, learned, alone, ended)
    names = ("open_session", "branch", "remember", "remember", "complete")
    events = {recorded.position: recorded.decode() for recorded in await stored(log)}
    assert [set(answer) for answer in answers] == [set(ANSWERS[n].model_fields) for n in names]
    assert [events[answer["position"]].id for answer in answers] == [
        answer["event_id"] for answer in answers
    ]
    assert (branched["parent_id"], branched["forked_at"]) == (session, opened["position"])
    assert events[branched["position"]].agent == "ada"
    assert len(events) == 6
    assert len(ended["insight_ids"]) == 2


def opened_event(namespace: str = "default") -> Event:
    """Make the first event of a session."""
    return new_event(SessionOpened(task="tea"), session_id=new_id(), namespace=namespace)


async def test_an_event_is_appended_once_and_may_be_conditional(ask: Asking, log: Log) -> None:
    """The same event gets the same receipt; one that expects another position is told the last."""
    event = opened_event()

    first = await ask("append", encode(event), Anabranch_Expected="0")
    again = await ask("append", encode(event), Anabranch_Expected="0")
    unconditional = await ask("append", encode(event))
    later = new_event(SessionOpened(task="x"), session_id=event.session_id, namespace="default")
    refused = await ask.raw("append", encode(later), Anabranch_Expected="0")

    problem = json.loads(refused.data)
    assert first == again == unconditional == {"event_id": event.id, "position": 1}
    assert (problem["status"], problem["actual"]) == (409, 1)
    assert len(await stored(log)) == 1


async def test_an_event_in_binary_mode_is_appended(ask: Asking, log: Log) -> None:
    """A CloudEvent whose attributes stand in headers is the same event."""
    event = opened_event()
    fields = json.loads(encode(event))
    data = json.dumps(fields.pop("data")).encode()
    fields.pop("datacontenttype")
    headers = {f"ce_{name}": str(value) for name, value in fields.items()}

    await ask("append", data, Content_Type="application/json", **headers)

    (recorded,) = await stored(log)
    assert recorded.decode() == event


async def test_a_request_with_a_key_is_stored_once(ask: Asking, log: Log) -> None:
    """Sent again, also once its session has ended, it is answered alike and stores nothing."""
    root = (await ask("open_session", OPEN, Nats_Msg_Id="a"))["session_id"]
    requests: list[tuple[str, Mapping[str, Any]]] = [
        ("open_session", OPEN),
        ("branch", {"parent_id": root, "task": "tea"}),
        ("remember", {"text": "Ada drinks tea"}),
        ("remember", {"text": "Ada drinks tea", "session_id": root}),
        ("complete", {"session_id": root, "result": "tea", "insights": ["x", {"text": "y"}]}),
    ]

    first = [await ask(command, body, Nats_Msg_Id="a") for command, body in requests]
    count = len(await stored(log))
    again = [await ask(command, body, Nats_Msg_Id="a") for command, body in requests]

    assert first == again
    assert first[0]["session_id"] == root
    assert len(await stored(log)) == count


async def test_a_key_is_of_one_content_and_one_namespace(ask: Asking, log: Log) -> None:
    """Another content, key or namespace is another request: nothing is swallowed."""
    await ask("open_session", OPEN, Nats_Msg_Id="a")
    await ask("open_session", {"task": "coffee"}, Nats_Msg_Id="a")
    await ask("open_session", OPEN, Nats_Msg_Id="b")
    await ask("open_session", OPEN, namespace="other", Nats_Msg_Id="a")
    ended = (await ask("open_session", OPEN))["session_id"]
    await ask("complete", {"session_id": ended, "result": "x"}, Nats_Msg_Id="a")

    refused = await ask.raw(
        "complete",
        json.dumps({"session_id": ended, "result": "y"}).encode(),
        Nats_Msg_Id="a",
    )

    assert json.loads(refused.data)["type"] == "urn:anabranch:error:SessionEnded"
    assert len(await stored(log)) == 6


class Bad(NamedTuple):
    """A request that must be refused, and how."""

    command: str
    body: bytes
    status: int
    field: str | None
    namespace: str = "default"
    headers: tuple[tuple[str, str], ...] = ()


UNKNOWN = "01a20728-9303-7384-8336-25da4fe2860a"
BAD = (
    Bad("remember", b"{broken", 400, "body"),
    Bad("remember", b"", 400, "body"),
    Bad("remember", b"\xff\xfe", 400, "body"),
    Bad("remember", b"[" * 100_000, 400, "body"),
    Bad("remember", b"[]", 400, "body"),
    Bad("remember", b'{"text": ""}', 400, "text"),
    Bad("remember", b'{"text": "a\\u0007"}', 400, "text"),
    Bad("remember", b'{"text": "a", "confidence": 2}', 400, "confidence"),
    Bad("remember", b'{"text": "a", "namespace": "other"}', 400, "namespace"),
    Bad("remember", b'{"text": "a", "txet": "b"}', 400, "txet"),
    Bad("remember", b'{"text": "a"}', 400, "namespace", namespace="a$b"),
    Bad("remember", b'{"text": "a"}', 400, "Nats-Msg-Id", headers=(("Nats_Msg_Id", "x" * 300),)),
    Bad("remember", f'{{"text": "a", "session_id": "{UNKNOWN}"}}'.encode(), 404, None),
    Bad("branch", b'{"parent_id": "42", "task": "x"}', 400, "parent_id"),
    Bad("branch", f'{{"parent_id": "{UNKNOWN}", "task": "x"}}'.encode(), 404, None),
    Bad("open_session", b'{"task": "x", "priority": "urgent"}', 400, "priority"),
    Bad("complete", f'{{"session_id": "{UNKNOWN}"}}'.encode(), 400, "result"),
    Bad("recall", b'{"query": "x", "k": 0}', 400, "k"),
    Bad("recall", b'{"query": "x", "scope": "session"}', 400, "session"),
    Bad("recall", b'{"query": "x", "after": 99}', 400, "after"),
    Bad("append", b"{}", 400, "specversion"),
    Bad("append", b"no json", 400, "message"),
    Bad("append", encode(opened_event("other")), 400, "namespace"),
    Bad(
        "append",
        encode(opened_event()),
        400,
        "Anabranch-Expected",
        headers=(("Anabranch_Expected", "-1"),),
    ),
    Bad("append", encode(opened_event()).replace(b".v1", b".v9"), 400, "type"),
)


async def test_what_breaks_a_rule_is_refused_with_a_problem(ask: Asking, log: Log) -> None:
    """Every problem has its status, its field and what to do, and no traceback; nothing is stored."""
    for bad in BAD:
        reply = await ask.raw(bad.command, bad.body, namespace=bad.namespace, **dict(bad.headers))

        problem = json.loads(reply.data)
        headers = reply.headers or {}
        assert (problem["status"], problem.get("field")) == (bad.status, bad.field), bad
        assert headers["Content-Type"] == "application/problem+json"
        assert headers["Nats-Service-Error-Code"] == str(problem["status"])
        assert {"type", "title", "detail", "fix"} <= problem.keys()
        assert "Traceback" not in reply.data.decode()
    assert await stored(log) == []


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    command=st.sampled_from(sorted(set(ANSWERS) - {"recall"})),
    body=st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["task", "text", "result", "session_id", "insights", "specversion"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
)
async def test_whatever_is_sent_is_answered(ask: Asking, command: str, body: bytes) -> None:
    """Any bytes get a receipt or a problem of the caller's own making."""
    reply = await ask.raw(command, body)

    answer = json.loads(reply.data)
    assert "event_id" in answer or answer["status"] in {400, 404}, (command, body, answer)


async def test_what_was_taken_is_answered_before_the_end(
    nats_server: NatsServer, log: Log, producer: Client
) -> None:
    """A service that ends answers every request it has, and leaves later ones to others."""
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

    async with asyncio.timeout(9), answering(log, url=nats_server.url, token=nats_server.token):
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

    traces = {
        format(span.context.trace_id, "032x")
        for span in exporter.get_finished_spans()
        if span.context
    }
    assert traces == {TRACE.split("-")[1]}
    assert tracer_provider(None) is None
    assert tracer_provider("none") is None
    with pytest.raises(ExporterMissing, match="nobody"):
        tracer_provider("nobody")


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
        "tests.service.answering",
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
