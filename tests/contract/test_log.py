"""The log on a real nats-server: what is appended is stored once, in order, and read back whole."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

import nats
import orjson
import pytest

from anabranch_events import STREAM, Bounds, Event, Log, NatsServer, encode, new_event, subject
from anabranch_events.client import settled
from anabranch_events.errors import (
    EventInvalid,
    InputInvalid,
    LogFull,
    LogRefused,
    LogUnavailable,
    PositionConflict,
    StreamDrifted,
)
from anabranch_events.identifiers import new_id
from anabranch_events.types import InsightRecorded, SessionOpened
from tests.events import NAMESPACE, new_sessions, note, notes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from anabranch_events import Recorded


async def all_of(log: Log, **bounds: int) -> list[Event]:
    """Return every event between two positions."""
    return [record.decode() async for record in log.read_all(**bounds)]


async def session_of(log: Log, session_id: str, **options: int) -> list[Event]:
    """Return one session's events."""
    found = log.read(session_id, namespace=NAMESPACE, **options)
    return [record.decode() async for record in found]


async def append_each(log: Log, events: list[Event]) -> None:
    """Append one by one."""
    for event in events:
        await log.append(event)


async def take(records: AsyncIterator[Recorded], count: int) -> list[Recorded]:
    """Return the next records of an endless iterator."""
    async with asyncio.timeout(20):
        return [await anext(records) for _ in range(count)]


async def test_an_append_says_where_the_event_stands(log: Log) -> None:
    """Positions count from 1, and a receipt names its event."""
    first, second = notes(new_id(), 2)

    receipts = [await log.append(first), await log.append(second)]

    assert [(receipt.event_id, receipt.position) for receipt in receipts] == [
        (first.id, 1),
        (second.id, 2),
    ]
    assert await all_of(log) == [first, second]


async def test_an_expected_position_that_holds_is_met(log: Log) -> None:
    """A new session is expected at 0, and then at its last position, whatever others append."""
    ours, theirs = new_sessions(2)

    opened = await log.append(note(ours), expected=0)
    await log.append(note(theirs), expected=0)
    followed = await log.append(note(ours), expected=opened.position)

    assert followed.position == 3


async def test_an_expected_position_that_does_not_hold_is_a_conflict(log: Log) -> None:
    """Who comes second is told where the session is, and nothing is stored."""
    session_id = new_id()
    await log.append(note(session_id), expected=0)

    with pytest.raises(PositionConflict) as refused:
        await log.append(note(session_id), expected=0)

    assert (refused.value.expected, refused.value.actual) == (0, 1)
    assert await log.bounds() == Bounds(1, 1)


async def test_an_event_appended_again_is_stored_once(log: Log) -> None:
    """A retry gets the receipt of the first time, with an expectation and without."""
    event = note(new_id())
    first = await log.append(event, expected=0)

    again = [await log.append(event, expected=0), await log.append(event)]

    assert again == [first, first]
    assert await log.bounds() == Bounds(1, 1)


async def test_a_retry_is_recognised_though_others_followed(log: Log) -> None:
    """The event that met the expectation keeps its receipt after the session has moved on."""
    session_id = new_id()
    event = note(session_id)
    first = await log.append(event, expected=0)
    await log.append(note(session_id))

    again = await log.append(event, expected=0)

    assert again == first
    assert await log.bounds() == Bounds(1, 2)


async def test_an_id_belongs_to_one_event_of_the_log(log: Log) -> None:
    """An id that another session's event has is refused, not silently taken as a retry."""
    event = note(new_id())
    await log.append(event)
    stranger = new_event(event.data, session_id=new_id(), namespace=NAMESPACE, event_id=event.id)

    with pytest.raises(EventInvalid, match="position 1"):
        await log.append(stranger)

    assert await all_of(log) == [event]


async def test_a_batch_stores_all_events_at_consecutive_positions(log: Log) -> None:
    """Several events of several sessions become one step, two of one session included."""
    ours, theirs = new_sessions(2)
    events = [note(ours, 1), note(theirs, 2), note(ours, 3)]

    receipts = await log.append_all(events, expected={ours: 0, theirs: 0})

    assert [receipt.position for receipt in receipts] == [1, 2, 3]
    assert [receipt.event_id for receipt in receipts] == [event.id for event in events]
    assert await all_of(log) == events


async def test_a_batch_with_one_conflict_stores_nothing(log: Log) -> None:
    """All or nothing: the error names the session that was elsewhere."""
    ours, theirs = new_sessions(2)
    await log.append(note(theirs))

    with pytest.raises(PositionConflict) as refused:
        await log.append_all([note(ours), note(theirs)], expected={ours: 0, theirs: 0})

    assert (refused.value.session_id, refused.value.actual) == (theirs, 1)
    assert await log.bounds() == Bounds(1, 1)


@pytest.mark.parametrize("with_expectation", [True, False])
async def test_a_batch_appended_again_is_stored_once(log: Log, *, with_expectation: bool) -> None:
    """A retried batch gets the receipts of the first time, though others followed."""
    session_id = new_id()
    events = [*notes(session_id, 3), note(new_id())]
    expected = {session_id: 0} if with_expectation else None
    first = await log.append_all(events, expected=expected)
    await log.append(note(session_id))

    again = await log.append_all(events, expected=expected)

    assert again == first
    assert await log.bounds() == Bounds(1, 5)


async def test_a_batch_that_holds_a_stored_event_is_refused(log: Log) -> None:
    """A batch is one fact: it cannot be completed with what was stored before."""
    event, *others = notes(new_id(), 3)
    await log.append(event)

    with pytest.raises(EventInvalid, match=event.id):
        await log.append_all([*others, event])

    assert await all_of(log) == [event]


async def test_a_thousand_events_fit_in_a_batch_and_not_one_more(log: Log) -> None:
    """The limit is told before anything is sent."""
    events = notes(new_id(), 1001)

    with pytest.raises(InputInvalid, match="1001 events"):
        await log.append_all(events)
    receipts = await log.append_all(events[:1000])

    assert [receipt.position for receipt in receipts] == list(range(1, 1001))


async def test_an_empty_batch_is_nothing_and_a_batch_of_one_an_append(log: Log) -> None:
    """The edges of a batch behave like the middle."""
    event = note(new_id())

    assert await log.append_all([]) == []
    assert (await log.append_all([event], expected={event.session_id: 0}))[0].position == 1


BROKEN_INPUT: list[tuple[Callable[[Log], Awaitable[object]], str]] = [
    (lambda log: log.append(note(new_id()), expected=-1), "expected"),
    (lambda log: log.append_all([note(new_id())] * 2), "events"),
    (lambda log: log.append_all(notes(new_id(), 2), expected={new_id(): 0}), "expected"),
    (lambda log: anext(log.read("7", namespace="a")), "session_id"),
    (lambda log: anext(log.read("*", namespace="a")), "session_id"),
    (lambda log: anext(log.read(new_id(), namespace="*")), "namespace"),
    (lambda log: anext(log.read(new_id(), namespace="a.b")), "namespace"),
    (lambda log: anext(log.read(new_id(), namespace="a", after=-1)), "after"),
    (lambda log: anext(log.read_all(after=-1)), "after"),
    (lambda log: anext(log.read_all(after=1)), "after"),
    (lambda log: anext(log.read_all(to=1)), "to"),
    (lambda log: anext(log.batches(after=1)), "after"),
    (lambda log: log.last_of("7", namespace="a"), "session_id"),
    (lambda log: log.position_at(datetime(2026, 1, 1)), "time"),  # noqa: DTZ001 - refused
    (lambda log: log.announce("a.b", 1), "projection"),
    (lambda log: log.bucket("a b"), "bucket"),
]


@pytest.mark.parametrize(("act", "field"), BROKEN_INPUT)
async def test_input_that_breaks_a_rule_is_refused(
    log: Log, act: Callable[[Log], Awaitable[object]], field: str
) -> None:
    """Negative and future positions, wildcards and what is not an id never reach the server."""
    with pytest.raises(InputInvalid) as refused:
        await act(log)

    assert refused.value.field == field
    assert await log.bounds() == Bounds(0, 0)


async def test_half_a_batch_of_a_killed_client_leaves_nothing(
    log: Log, nats_server: NatsServer
) -> None:
    """What a client had sent of a batch when it died is dropped, and its events can come again."""
    events = notes(new_id(), 3)
    dying = await nats.connect(nats_server.url, token=nats_server.token)
    for number, event in enumerate(events[:2], start=1):
        headers = {
            "Nats-Msg-Id": event.id,
            "Nats-Batch-Id": "half",
            "Nats-Batch-Sequence": str(number),
        }
        await dying.publish(subject(NAMESPACE, event.session_id), encode(event), headers=headers)
    await settled(dying)
    await dying.close()

    assert await log.bounds() == Bounds(0, 0)
    receipts = await log.append_all(events)

    assert [receipt.position for receipt in receipts] == [1, 2, 3]
    assert await all_of(log) == events


async def test_a_session_is_read_alone_and_in_order(log: Log) -> None:
    """Reading a session gives its events only, over more than one request, from a position on."""
    ours, theirs = new_sessions(2)
    mine = notes(ours, 600)
    await log.append_all(mine[:300])
    await log.append_all(notes(theirs, 10))
    await log.append_all(mine[300:])

    assert await session_of(log, ours) == mine
    assert await session_of(log, new_id()) == []


async def test_a_session_is_read_after_a_position(log: Log) -> None:
    """`after` names the last position that is known already."""
    ours, theirs = new_sessions(2)
    mine = notes(ours, 3)
    await log.append_all([mine[0], note(theirs), *mine[1:]])

    assert await session_of(log, ours, after=0) == mine
    assert await session_of(log, ours, after=1) == mine[1:]
    assert await session_of(log, ours, after=2) == mine[1:]
    assert await session_of(log, ours, after=4) == []


async def test_two_namespaces_do_not_see_each_other(log: Log) -> None:
    """The same session id in another namespace is another session."""
    session_id = new_id()
    here, there = note(session_id), note(session_id, namespace="elsewhere")
    await log.append(here, expected=0)
    await log.append(there, expected=0)

    assert await session_of(log, session_id) == [here]
    last = await log.last_of(session_id, namespace="elsewhere")
    assert last is not None
    assert last.decode() == there


async def test_the_whole_log_is_read_between_two_positions(log: Log) -> None:
    """`after` is left out, `to` is taken in, and the end is that of the call."""
    events = notes(new_id(), 2500)
    for start in range(0, 2500, 500):
        await log.append_all(events[start : start + 500])

    assert await all_of(log) == events
    assert await all_of(log, after=2499) == events[2499:]
    assert await all_of(log, after=10, to=20) == events[10:20]
    assert await all_of(log, after=20, to=20) == []
    assert await all_of(log, after=20, to=10) == []
    assert await all_of(log, after=2500) == []


async def test_a_record_is_the_same_however_it_is_read(log: Log) -> None:
    """Position, session, document and time do not depend on the way."""
    event = note(new_id())
    await log.append(event)

    one = [record async for record in log.read_all()]
    two = [record async for record in log.read(event.session_id, namespace=NAMESPACE)]
    three = await log.last_of(event.session_id, namespace=NAMESPACE)

    assert one == two == [three]
    assert one[0].raw == encode(event)
    assert abs(one[0].stored_at - datetime.now(UTC)) < timedelta(minutes=1)


async def test_an_erased_end_does_not_hold_up_a_replay(log: Log) -> None:
    """A replay ends at its end though the last events up to it were purged."""
    ours, theirs = new_sessions(2)
    kept = notes(ours, 2)
    await log.append_all([*kept, note(theirs), note(theirs)])
    await log.connection.jetstream().purge_stream(STREAM, subject=subject(NAMESPACE, theirs))

    async with asyncio.timeout(5):
        assert await all_of(log) == kept
        assert await all_of(log, after=2, to=3) == []


async def test_batches_hold_what_is_there_within_their_limits(log: Log) -> None:
    """A batch has at most so many records and bytes, at least one, and is never waited for."""
    events = notes(new_id(), 10)
    await log.append_all(events)
    size = len(encode(events[0]))

    by_count = [len(batch) async for batch in log.batches(to=10, records_max=4)]
    by_bytes = [len(batch) async for batch in log.batches(to=10, bytes_max=2 * size + 9)]
    tiny = [len(batch) async for batch in log.batches(to=10, bytes_max=1)]

    assert sum(by_count) == sum(by_bytes) == 10
    assert max(by_count) <= 4
    assert max(by_bytes) <= 2
    assert tiny == [1] * 10


async def test_a_subscription_goes_on_with_what_is_appended_later(log: Log) -> None:
    """Old events come first, then new ones as they are stored."""
    session_id = new_id()
    first, second, third = notes(session_id, 3)
    await log.append(first)

    async with aclosing(log.subscribe()) as records:
        old = await take(records, 1)
        await log.append(second)
        await log.append(third)
        new = await take(records, 2)

    assert [record.decode() for record in old + new] == [first, second, third]


async def test_a_subscription_that_is_left_lets_go_of_its_consumer(log: Log) -> None:
    """Nothing stays on the server of a reader that went away."""
    await log.append(note(new_id()))

    async with aclosing(log.subscribe()) as records:
        await take(records, 1)

    async with asyncio.timeout(5):
        while await log.connection.jetstream().consumers_info(STREAM):  # noqa: ASYNC110 - its news
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("length", [600_000, 4_000_000])
async def test_a_large_event_goes_through_the_object_store(log: Log, length: int) -> None:
    """Past 512 KiB only a reference stands in the log, and every reader gets the whole event."""
    session_id = new_id()
    large = new_event(
        InsightRecorded(insight_id=new_id(), text="ä" * length),
        session_id=session_id,
        namespace=NAMESPACE,
    )
    small = new_event(
        SessionOpened(task="t", attributes={"dataref": "no reference"}),
        session_id=session_id,
        namespace=NAMESPACE,
    )

    await log.append_all([small, large])

    stored = await log.connection.jetstream().get_msg(STREAM, 2)
    assert len(stored.data or b"") < 1000
    assert await all_of(log) == [small, large]
    assert await session_of(log, session_id) == [small, large]
    last = await log.last_of(session_id, namespace=NAMESPACE)
    assert last is not None
    assert last.decode() == large


async def test_the_same_large_data_is_stored_once(log: Log) -> None:
    """Objects are named by their content."""
    text = "x" * 600_000
    insight_id = new_id()
    events = [
        new_event(
            InsightRecorded(insight_id=insight_id, text=text),
            session_id=session_id,
            namespace=NAMESPACE,
        )
        for session_id in new_sessions(2)
    ]

    for event in events:
        await log.append(event)

    assert (
        len(await (await log.connection.jetstream().object_store("ANABRANCH_OBJECTS")).list()) == 1
    )


async def test_a_large_event_whose_object_is_gone_does_not_stop_the_line(log: Log) -> None:
    """The record is handed on and does not decode; its neighbours do."""
    session_id = new_id()
    large = new_event(
        InsightRecorded(insight_id=new_id(), text="x" * 600_000),
        session_id=session_id,
        namespace=NAMESPACE,
    )
    after = note(session_id)
    await log.append_all([large, after])
    store = await log.connection.jetstream().object_store("ANABRANCH_OBJECTS")
    for found in await store.list():
        await store.delete(found.name)

    records = [record async for record in log.read_all()]

    with pytest.raises(EventInvalid):
        records[0].decode()
    assert records[1].decode() == after


@pytest.mark.parametrize(
    ("session_id", "payload"),
    [
        ("not-a-uuid", b"hello"),
        ("01a20000-0000-7000-8000-000000000002", b""),
        ("01a20000-0000-7000-8000-000000000002", b'{"specversion":"1.0"}'),
        ("01a20000-0000-7000-8000-000000000002", b'{"dataref":"'),
        ("01a20000-0000-7000-8000-000000000002", b'{"dataref":"sha256-0000"}'),
        ("01a20000-0000-7000-8000-000000000002", encode(note(new_id()))),
    ],
    ids=("no-session", "nothing", "no-event", "no-json", "no-object", "elsewhere"),
)
async def test_what_a_foreign_producer_sent_is_handed_on_and_does_not_decode(
    log: Log, session_id: str, payload: bytes
) -> None:
    """A message that is no event of its subject takes its position, and its reader decides."""
    ours = note(new_id())
    await log.connection.jetstream().publish(
        f"anabranch.events.{NAMESPACE}.{session_id}", payload, headers={"Status": "100"}
    )
    await log.append(ours)

    records = [record async for record in log.read_all()]

    assert (records[0].position, records[0].session_id, records[0].raw) == (1, session_id, payload)
    with pytest.raises(EventInvalid):
        records[0].decode()
    assert records[1].decode() == ours


async def test_a_foreign_producer_may_use_binary_mode(log: Log) -> None:
    """An event whose attributes stand in headers reads as the same event, in whatever way."""
    ours = note(new_id())
    envelope = orjson.loads(encode(ours))
    data = orjson.dumps(envelope.pop("data"))
    content_type = envelope.pop("datacontenttype")
    headers = {f"ce-{name}": quote(str(value)) for name, value in envelope.items()}
    subject = f"anabranch.events.{ours.namespace}.{ours.session_id}"
    await log.connection.jetstream().publish(
        subject, data, headers={**headers, "Content-Type": content_type}
    )

    everything = [record.decode() async for record in log.read_all()]
    session = [
        record.decode() async for record in log.read(ours.session_id, namespace=ours.namespace)
    ]

    assert (everything, session) == ([ours], [ours])


async def test_a_time_is_resolved_to_the_last_position_stored_by_then(log: Log) -> None:
    """As of the very moment an event was stored it counts, a microsecond earlier not."""
    events = notes(new_id(), 5)
    for event in events:
        await log.append(event)
    records = [record async for record in log.read_all()]

    resolved = [await log.position_at(record.stored_at) for record in records]
    before = [
        await log.position_at(record.stored_at - timedelta(microseconds=1)) for record in records
    ]

    assert resolved == [1, 2, 3, 4, 5]
    assert before == [0, 1, 2, 3, 4]
    assert await log.position_at(datetime(1990, 1, 1, tzinfo=UTC)) == 0
    assert await log.position_at(datetime(2200, 1, 1, tzinfo=UTC)) == 5


async def test_listeners_hear_the_newest_position(log: Log, nats_server: NatsServer) -> None:
    """Who listens is told how far a projection is, over any connection, other news left out."""
    async with (
        Log.connect(nats_server.url, token=nats_server.token) as other,
        log.announced("graph") as positions,
        asyncio.timeout(5),
    ):
        await other.announce("vectors", 9)
        await other.announce("graph", 7)
        assert await anext(positions) == 7
        await other.announce("graph", 8)
        assert await anext(positions) == 8


async def test_a_bucket_keeps_the_last_value_of_a_key(log: Log) -> None:
    """A bucket is made once and found again; a key that is not there has no value."""
    bucket = await log.bucket("ANABRANCH_VECTORS")
    await bucket.put("model.abc", b"one")
    await bucket.put("model.abc", b"two")

    same = await log.bucket("ANABRANCH_VECTORS")

    assert await same.get("model.abc") == b"two"
    assert await same.get("model.abd") is None
    with pytest.raises(InputInvalid):
        await same.get("no key")


async def test_the_stream_is_made_once(log: Log, nats_server: NatsServer) -> None:
    """A second start finds the stream as it is."""
    await log.append(note(new_id()))

    async with Log.connect(nats_server.url, token=nats_server.token) as again:
        assert await again.bounds() == Bounds(1, 1)


async def test_a_stream_that_drifted_is_refused_with_the_difference_named(
    log: Log, nats_server: NatsServer
) -> None:
    """Settings that somebody else reset do not go unnoticed."""
    manager = log.connection.jetstream()
    config = (await manager.stream_info(STREAM)).config
    config.allow_atomic = False
    config.duplicate_window = 120
    await manager.update_stream(config)

    with pytest.raises(StreamDrifted) as refused:
        async with Log.connect(nats_server.url, token=nats_server.token):
            pass

    assert refused.value.differences == {
        "allow_atomic": (False, True),
        "duplicate_window": (120 * 10**9, 600 * 10**9),
    }
    assert "allow_atomic" in refused.value.message


async def test_more_replicas_and_a_size_limit_are_the_operators_to_choose(
    log: Log, nats_server: NatsServer
) -> None:
    """A limit on the stream's size is no drift; reaching it drops nothing and is said."""
    manager = log.connection.jetstream()
    config = (await manager.stream_info(STREAM)).config
    config.max_bytes = 20_000
    await manager.update_stream(config)

    async with Log.connect(nats_server.url, token=nats_server.token) as again:
        with pytest.raises(LogFull):
            await append_each(again, notes(new_id(), 1000))
        stored = await again.bounds()
        with pytest.raises(LogFull):
            await again.append_all(notes(new_id(), 100))

        assert stored.first == 1
        assert await again.bounds() == stored


async def test_a_wrong_token_is_refused_at_once(nats_server: NatsServer) -> None:
    """Waiting would not make the token right."""
    for token in ("wrong", None):
        with pytest.raises(LogRefused):
            async with asyncio.timeout(3), Log.connect(nats_server.url, token=token):
                pass


@pytest.mark.parametrize("url", ["nats://127.0.0.1:1", "nats://no-such-host.invalid:4222"])
async def test_a_server_that_is_not_there_is_said_quickly(url: str) -> None:
    """Nobody listening and an unknown host are told within seconds."""
    with pytest.raises(LogUnavailable):
        async with asyncio.timeout(8), Log.connect(url):
            pass


@pytest.mark.parametrize(
    "url",
    ["", "nats://", "nats://[", "http://host:4222", "nats://host:0", "nats://host:x", "nats://a,,"],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    """What cannot be an address is refused before anything is tried."""
    with pytest.raises(InputInvalid) as refused:
        Log.connect(url)

    assert refused.value.field == "url"


async def test_an_error_does_not_repeat_the_password_of_an_address() -> None:
    """A password in NATS_URL is not shown in messages."""
    with pytest.raises(LogUnavailable) as refused:
        async with Log.connect("nats://user:hidden@127.0.0.1:1"):
            pass

    assert "hidden" not in refused.value.message
    assert "127.0.0.1:1" in refused.value.message


async def test_the_token_may_stand_in_the_address(nats_server: NatsServer) -> None:
    """NATS_URL alone is enough, also when it names several servers."""
    url = nats_server.url.replace("//", f"//{nats_server.token}@")

    async with Log.connect(f"{url},{url}") as log:
        assert await log.bounds() == Bounds(0, 0)
