"""The log is read back whole and in order: a session, all of it, and later events."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from anabranch_events import STREAM, Log, encode, subject
from anabranch_events.event.identifiers import new_id
from anabranch_events.read import consumer
from tests.support.events import NAMESPACE, new_sessions, note, notes
from tests.support.logs import all_of, session_of, take
from tests.support.patience import FOREVER_S, PATIENCE_S

if TYPE_CHECKING:
    from nats.js.api import ConsumerInfo


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


async def test_sessions_that_have_their_first_record_alone_are_told_by_the_server(
    log: Log,
) -> None:
    """One that went on is left out, and one whose only record was stored on no condition."""
    begun, gone_on, unsure = new_sessions(3)
    first, second, third = note(begun), note(gone_on), note(unsure)
    await log.append_all([first, second], expected={begun: 0, gone_on: 0})
    await log.append(note(gone_on), expected=2)
    await log.append(third)

    asked = [unsure, gone_on, new_id(), begun]
    found = await log.only_of_each(asked, namespace=first.namespace)

    assert [(one.position, one.decode()) for one in found] == [(1, first)]
    assert await log.only_of_each([], namespace=first.namespace) == []


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

    async with asyncio.timeout(PATIENCE_S):
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


async def test_a_subscription_that_is_left_lets_go_of_its_consumer(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing stays on the server of a reader that went away."""
    monkeypatch.setattr(consumer, "INACTIVE_S", int(FOREVER_S))  # The server would not forget it.
    await log.append(note(new_id()))

    async with aclosing(log.subscribe()) as records:
        await take(records, 1)
        held = await log.connection.jetstream().consumers_info(STREAM)
    left = await _consumers_left(log)

    assert len(held) == 1
    assert left == []


async def _consumers_left(log: Log) -> list[ConsumerInfo]:
    """Return the stream's consumers once there are none, or those that are there still."""
    stream = log.connection.jetstream()
    deadline = time.monotonic() + PATIENCE_S
    while (  # noqa: ASYNC110 - the server alone knows
        found := await stream.consumers_info(STREAM)
    ) and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    return found


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


@pytest.mark.parametrize(
    ("moment", "position"),
    [
        ("0001-01-01T00:00:00+14:00", 0),
        ("0001-01-01T00:00:00+00:00", 0),
        ("1677-01-01T00:00:00+00:00", 0),
        ("1969-12-31T23:59:59-12:00", 0),
        ("2262-06-01T00:00:00+00:00", 2),
        ("2300-01-01T00:00:00+00:00", 2),
        ("9999-12-31T23:59:59.999999+00:00", 2),
        ("9999-12-31T23:59:59-12:00", 2),
    ],
)
async def test_times_at_the_edges_of_the_calendar_are_resolved(
    log: Log, moment: str, position: int
) -> None:
    """Also those that the server cannot count, and those that have no name in UTC."""
    await log.append_all(notes(new_id(), 2))

    assert await log.position_at(datetime.fromisoformat(moment)) == position
