"""The log on a real nats-server: what is appended is stored once, in order, or not at all."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import nats
import pytest

from anabranch_events import STREAM, Bounds, Log, NatsServer, encode, new_event, subject
from anabranch_events.errors import (
    EventIdKnown,
    EventInvalid,
    InputInvalid,
    PositionConflict,
)
from anabranch_events.event.identifiers import new_id
from anabranch_events.transport.client import settled
from tests.support.events import NAMESPACE, new_sessions, note, notes
from tests.support.killing import MortalServer
from tests.support.logs import all_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path


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


@pytest.mark.parametrize("expected", [None, 0])
async def test_another_fact_under_a_stored_id_gets_no_receipt(
    log: Log, expected: int | None
) -> None:
    """It is refused, alone and in a batch; the same fact told a moment later is a retry."""
    session_id = new_id()
    event = note(session_id, 1)
    first = await log.append(event, expected=expected)
    other = event.model_copy(update={"data": note(session_id, 2).data})
    later = event.model_copy(update={"time": event.time + timedelta(hours=1)})

    again = await log.append(later, expected=expected)
    with pytest.raises(EventInvalid, match=f"the id {event.id}, at position 1"):
        await log.append(other, expected=expected)
    with pytest.raises(EventInvalid, match="at position 1"):
        await log.append_all([other, note(session_id, 3)])
    with pytest.raises(EventInvalid, match="at position 1"):
        await log.ingest([other])

    assert again == first
    assert await all_of(log) == [event]


async def test_an_event_whose_id_outlived_it_is_not_called_stored(tmp_path: Path) -> None:
    """The server calls an event that was purged a duplicate; nobody gets a receipt for it.

    nats-server 2.15.1 keeps ids for the window, whatever becomes of their messages: purged, deleted
    or run out. An append is answered with `duplicate` and the old position, a batch with 10201
    (findings/nats_server_knows_the_ids_of_deleted_messages.sh). After a restart they are stored.
    """
    events = notes(new_id(), 3)
    async with (
        MortalServer(tmp_path / "nats") as server,
        Log.connect(server.url, token=server.token) as log,
    ):
        await log.append_all(events)
        await log.connection.jetstream().purge_stream(STREAM)

        for append in (log.append(events[0]), log.ingest(events)):
            with pytest.raises(EventIdKnown, match="still knows its id from position 1,"):
                await append
        with pytest.raises(EventIdKnown, match="has an id that this log took in the last 600"):
            await log.append_all(events)
        assert await all_of(log) == []
        await server.kill()
        await server.start()

        assert [receipt.position for receipt in await log.append_all(events)] == [4, 5, 6]


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
