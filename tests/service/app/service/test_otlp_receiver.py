"""The endpoint of OTLP: spans of a real exporter become sessions, each once, however they come."""

from __future__ import annotations

import asyncio
import gzip
import sys
import time
from asyncio.subprocess import PIPE
from typing import TYPE_CHECKING, Any

import httpx2
import orjson
import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.trace.export import SpanExportResult

from anabranch.errors import HomeFull, TooManyRequests
from anabranch.service.otlp_receiver import OtlpReceiver
from anabranch.service.otlp_requests import PROTOBUF, request_in
from anabranch.service.span_spool import KEPT_S, RETRY_AFTER_S, SpanSpool
from anabranch.settings import Settings
from anabranch_events.event.types import (
    BranchCompleted,
    BranchCreated,
    BranchFailed,
    InsightRecorded,
    SessionOpened,
)
from tests.support.agent_spans import InstrumentedAgents
from tests.support.made_up_secrets import AWS_KEY
from tests.support.patience import PATIENCE_S
from tests.support.receiving_process import receiving

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan

    from anabranch_events import Event, Log, NatsServer
    from anabranch_events.errors import AnabranchError


async def sent(address: str, spans: Sequence[ReadableSpan], **options: Any) -> None:
    """Export spans by the SDK's own exporter."""
    exporter = OTLPSpanExporter(endpoint=address, **options)
    assert await asyncio.to_thread(exporter.export, spans) is SpanExportResult.SUCCESS


async def stored(log: Log) -> list[Event]:
    """Return the log's events in order."""
    return [record.decode() async for record in log.read_all()]


async def once(log: Log, *texts: str) -> list[Event]:
    """Return the log's events once each of these texts stands in one."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            events = await stored(log)
            said = str([event.data for event in events])
            if all(text in said for text in texts):
                return events
            await asyncio.sleep(0.02)


def tree(events: list[Event]) -> dict[str, tuple[str | None, str | None]]:
    """Return each session's task with its parent's, and how it ended."""
    tasks: dict[str, str] = {}
    parents: dict[str, str] = {}
    ends: dict[str, str] = {}
    for event in events:
        match event.data:
            case SessionOpened(task=task):
                tasks[event.session_id] = task
            case BranchCreated(task=task, parent_id=parent):
                tasks[event.session_id] = task
                parents[event.session_id] = parent
            case BranchCompleted(result=result):
                ends[event.session_id] = result
            case BranchFailed(error=error):
                ends[event.session_id] = f"failed: {error}"
            case _:
                pass
    return {
        task: (tasks.get(parents.get(session, "")), ends.get(session))
        for session, task in tasks.items()
    }


WATCH = {
    "Is all well?": (None, None),
    "Are the stairs dry?": ("Is all well?", "The stairs are dry."),
    "Who mopped?": ("Are the stairs dry?", "Nobody did."),
    "Is the foghorn loud?": ("Is all well?", "failed: the horn is broken"),
}
ENDS = ("Nobody did.", "the horn is broken", "All is well.", "Three boats passed.")


async def test_spans_that_come_children_first_and_again_are_stored_once(
    log: Log, tmp_path: Path
) -> None:
    """No agent is imported before that which it hangs on; a batch that is sent again adds nothing."""
    agents = InstrumentedAgents()
    agents.watch()
    spans = agents.ended
    async with receiving(log, tmp_path) as address:
        for one in spans[:-2]:
            await sent(address, [one])
        waiting = await stored(log)
        await sent(address, spans[-2:], compression=Compression.Gzip)
        first = await once(log, *ENDS)
        await sent(address, spans)
        with agents.agent("keeper", "Good night.", "Sleep well.", conversation="watch-1"):
            pass
        await sent(address, agents.ended[-1:])
        after = await once(log, "Sleep well.")

    assert [one for one in waiting if "Is all well?" in str(one.data)] == []
    assert tree(first) == WATCH == tree(after)
    assert after[: len(first)] == first
    assert len({event.id for event in after}) == len(after)
    texts = [one.data.text for one in after if isinstance(one.data, InsightRecorded)]
    assert texts.count("Three boats passed.") == 1
    assert texts[-2:] == ["Good night.", "Sleep well."]


async def test_an_address_with_a_slash_at_its_end_takes_spans(log: Log, tmp_path: Path) -> None:
    """There is no redirect to the one without, which Python's exporter would take for success.

    See findings/otlp_exporters_drop_what_is_to_come_later.sh (opentelemetry 1.45.2).
    """
    agents = InstrumentedAgents()
    with agents.agent("keeper", "Fog?", "None."):
        pass
    async with receiving(log, tmp_path) as address:
        await sent(f"{address}/", agents.ended)
        events = await once(log, "None.")

    assert tree(events) == {"Fog?": (None, None)}


@pytest.mark.parametrize("error", [TooManyRequests(RETRY_AFTER_S), HomeFull("full", fix="room")])
async def test_an_exporter_comes_again_for_spans_that_are_not_taken_now(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: AnabranchError
) -> None:
    """The pause fits into the 10 s of an export; what is to come later is dropped at once.

    See findings/otlp_exporters_drop_what_is_to_come_later.sh (opentelemetry 1.45.2).
    """
    keep, errors = SpanSpool.keep, [error]

    def kept(spool: SpanSpool, request: Mapping[str, Any]) -> tuple[set[str], int]:
        if errors:
            raise errors.pop()
        return keep(spool, request)

    monkeypatch.setattr(SpanSpool, "keep", kept)
    agents = InstrumentedAgents()
    with agents.agent("keeper", "Fog?", "None."):
        pass
    async with receiving(log, tmp_path) as address:
        await sent(address, agents.ended)
        events = await once(log, "None.")

    assert tree(events) == {"Fog?": (None, None)}


async def test_spans_that_a_killed_process_had_taken_are_imported_by_the_next(
    nats_server: NatsServer, log: Log, tmp_path: Path
) -> None:
    """An SDK that was answered does not send them again; half a line is no harm."""
    agents = InstrumentedAgents()
    agents.watch()
    words = (nats_server.url, nats_server.token, str(tmp_path))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.receiving_process", *words, stdout=PIPE
    )
    assert process.stdout is not None
    await sent((await process.stdout.readline()).decode().strip(), agents.ended[:4])
    process.kill()
    await process.wait()
    (path,) = (tmp_path / "spans").iterdir()
    with path.open("ab") as file:
        file.write(b'{"resourceSpans":[{"sco')

    async with receiving(log, tmp_path) as address:
        await sent(address, agents.ended[4:])
        events = await once(log, *ENDS)

    assert tree(events) == WATCH


async def test_agents_whose_callers_never_come_are_sessions_after_a_while(
    log: Log, tmp_path: Path
) -> None:
    """Their program was called by one that is not instrumented, or sends its spans elsewhere."""
    agents = InstrumentedAgents()
    with agents.tracer.start_as_current_span("a caller elsewhere"), agents.agent("keeper", "Fog?"):
        pass

    async with receiving(log, tmp_path, wait_s=0.01) as address:
        await sent(address, agents.ended[:1])
        events = await once(log, "Fog?")

    assert tree(events) == {"Fog?": (None, None)}


async def test_secrets_are_neither_in_the_log_nor_in_a_file(log: Log, tmp_path: Path) -> None:
    """In texts, in what tools were given, and in messages of errors; other attributes do not stay."""
    agents = InstrumentedAgents()
    with (
        agents.agent("keeper", f"Use {AWS_KEY}", conversation="c") as span,
        agents.tool(
            "shell", {"command": f"login --key {AWS_KEY}"}, AWS_KEY, error=f"bad {AWS_KEY}"
        ),
    ):
        span.set_attribute("http.request.header.cookie", "biscuit")

    async with receiving(log, tmp_path) as address:
        await sent(address, agents.ended)
        await once(log, "failed")

    raw = b"".join([record.raw async for record in log.read_all()])
    files = b"".join(path.read_bytes() for path in (tmp_path / "spans").iterdir())
    assert b"Use [redacted" in raw
    assert AWS_KEY.encode() not in raw + files
    assert b"biscuit" not in raw + files


async def test_requests_are_bounded_and_only_programs_of_this_machine_are_heard(
    log: Log, tmp_path: Path
) -> None:
    """Each refusal says what to do; spans without ids are told as rejected."""
    json, protobuf = {"content-type": "application/json"}, {"content-type": PROTOBUF}
    packed = {**json, "content-encoding": "gzip"}
    spans = [{"traceId": "ab" * 16, "spanId": "cd" * 8}, {"traceId": "x", "spanId": "y"}]
    partly = orjson.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})
    page = {**json, "origin": "https://elsewhere.example"}
    async with receiving(log, tmp_path) as address, httpx2.AsyncClient() as client:

        async def answer(content: bytes, headers: dict[str, str]) -> httpx2.Response:
            return await client.post(address, content=content, headers=headers)

        statuses = {
            "too large": (await answer(b"x" * (8 * 1024 * 1024 + 1), json)).status_code,
            "unpacks to too much": (
                await answer(gzip.compress(b" " * (64 * 1024 * 1024 + 1), 1), packed)
            ).status_code,
            "not packed": (await answer(b"{}", packed)).status_code,
            "cut off": (await answer(gzip.compress(b"{}")[:-4], packed)).status_code,
            "packed otherwise": (
                await answer(b"{}", {**json, "content-encoding": "br"})
            ).status_code,
            "text": (await answer(b"{}", {"content-type": "text/plain"})).status_code,
            "no json": (await answer(b"{", json)).status_code,
            "no list": (await answer(b'{"resourceSpans":1}', json)).status_code,
            "no protobuf": (await answer(b"\xff\xff\xff", protobuf)).status_code,
            "a page": (await answer(b"{}", page)).status_code,
            "empty": (await answer(b"", protobuf)).status_code,
            "get": (await client.get(address)).status_code,
            "elsewhere": (await client.post(address[:-6] + "logs", content=b"")).status_code,
        }
        some_rejected = await answer(partly, json)

    assert statuses == {
        "too large": 413,
        "unpacks to too much": 413,
        "not packed": 400,
        "cut off": 400,
        "packed otherwise": 415,
        "text": 415,
        "no json": 400,
        "no list": 400,
        "no protobuf": 400,
        "a page": 421,
        "empty": 200,
        "get": 405,
        "elsewhere": 404,
    }
    assert some_rejected.json()["partialSuccess"]["rejectedSpans"] == "1"
    assert (await log.bounds()).last == 0


async def test_the_import_ends_though_spans_come_at_that_moment(log: Log, tmp_path: Path) -> None:
    """What wakes it and what ends it come together: it ends, and nobody waits for it for ever."""
    receiver = OtlpReceiver(Settings().changed(home=tmp_path, otlp_port=0))
    async with receiver.opened(log):
        following = asyncio.create_task(receiver._follow(log, None))  # pyright: ignore[reportPrivateUsage]  # no face ends it so
        await asyncio.sleep(0.05)

        receiver._came.set()  # pyright: ignore[reportPrivateUsage]  # as above
        following.cancel()

        await asyncio.wait({following}, timeout=PATIENCE_S)
    assert following.cancelled()


def test_files_are_bounded_and_dropped_after_an_hour(tmp_path: Path) -> None:
    """A sender is asked to come again where too much waits; only the owner reads the files.

    What was not imported yet stays.
    """
    now = time.time()
    agents = InstrumentedAgents()
    with agents.agent("keeper", "Fog?"):
        pass
    request = request_in(
        encode_spans(agents.ended).SerializeToString(), media=PROTOBUF, encoding=""
    )
    spool = SpanSpool(tmp_path / "spans", bytes_max=2000, clock=lambda: now)
    spool.open()
    spool.keep(request)
    (path,) = (tmp_path / "spans").iterdir()

    bytes_kept = path.stat().st_size
    for _ in range(2000 // bytes_kept - 1):
        spool.keep(request)
    with pytest.raises(TooManyRequests):
        spool.keep(request)
    size, mode = path.stat().st_size, path.stat().st_mode & 0o777
    now += KEPT_S - 1
    spool.drop_old()
    kept = path.exists()
    now += 2
    spool.drop_old(waiting=frozenset(spool.traces))
    waits = path.exists()
    spool.drop_old()

    assert (size <= 2000, mode, kept, waits) == (True, 0o600, True, True)
    assert list((tmp_path / "spans").iterdir()) == []
    assert spool.traces == {}


def test_of_an_event_that_is_no_message_nothing_said_is_kept(tmp_path: Path) -> None:
    """`content` and `message` are what was said where the event is GenAI's, else somebody's own."""
    agents = InstrumentedAgents()
    with agents.agent("keeper", "Fog?") as span:
        span.add_event("gen_ai.choice", {"message": "Fog lifts at ten"})
        span.add_event("cache.miss", {"message": "key tide-table", "content": "a page of tides"})
    spool = SpanSpool(tmp_path / "spans")
    spool.open()

    spool.keep(
        request_in(encode_spans(agents.ended).SerializeToString(), media=PROTOBUF, encoding="")
    )

    (path,) = (tmp_path / "spans").iterdir()
    kept = path.read_text()
    assert "Fog lifts at ten" in kept
    assert "cache.miss" in kept
    assert "tide" not in kept


def test_an_answer_that_rejects_is_what_the_protocol_says() -> None:
    """In protobuf an empty answer is a success, of zero bytes."""
    from anabranch.service.otlp_requests import answer_of

    whole, partly = answer_of(PROTOBUF, rejected=0), answer_of(PROTOBUF, rejected=3)

    assert whole == b""
    assert ExportTraceServiceResponse.FromString(partly).partial_success.rejected_spans == 3
