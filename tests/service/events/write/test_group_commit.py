"""Group commit under durability `strict`: shared batches, own receipts, own errors."""

# pyright: reportPrivateUsage=false
# What the server stored beside an event is read past the log.

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from anabranch_events import Log, NatsServer
from anabranch_events.errors import AnabranchError, EventInvalid, LogUnavailable, PositionConflict
from anabranch_events.event.identifiers import new_id
from anabranch_events.jetstream import direct_get
from tests.support.events import NAMESPACE, new_sessions, note, notes
from tests.support.proxy import Proxy
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from anabranch_events import Event, Receipt


@pytest.fixture
async def strict(tmp_path: Path) -> AsyncIterator[Log]:
    """An empty log on a server that syncs every write."""
    async with (
        NatsServer(tmp_path / "strict", durability="strict") as server,
        Log.connect(server.url, token=server.token, durability="strict") as log,
    ):
        yield log


async def together(
    log: Log, events: list[Event], expected: dict[str, int] | None = None
) -> list[Receipt | AnabranchError]:
    """Append all at the same time; return each one's receipt or error. `expected` is by event."""
    known = expected or {}
    found = await asyncio.gather(
        *(log.append(event, expected=known.get(event.id)) for event in events),
        return_exceptions=True,
    )
    assert all(
        not isinstance(each, BaseException) or isinstance(each, AnabranchError) for each in found
    )
    return [
        each
        for each in found
        if not isinstance(each, BaseException) or isinstance(each, AnabranchError)
    ]


async def stored(log: Log) -> dict[int, str]:
    """Return the ids of what is stored by position."""
    return {record.position: record.decode().id async for record in log.read_all()}


async def test_appends_at_the_same_time_share_batches(strict: Log) -> None:
    """A thousand and a half callers each get the receipt of their own event."""
    events = [note(session) for session in new_sessions(1500)]

    receipts = await together(strict, events, {event.id: 0 for event in events})

    assert await stored(strict) == {
        receipt.position: event.id
        for event, receipt in zip(events, receipts, strict=True)
        if not isinstance(receipt, AnabranchError)
    }
    batches: set[str] = set()
    for event in events[::100]:
        message = await direct_get.last_on(
            strict._connection, f"anabranch.events.{NAMESPACE}.{event.session_id}"
        )
        assert message is not None
        batches.add((message.headers or {}).get("Nats-Batch-Id", ""))
    assert "" not in batches
    assert len(batches) < 5


async def test_lists_of_one_event_share_batches(strict: Log) -> None:
    """The claims and ends of many branches are lists of one: they share a batch as well."""
    events = [note(session) for session in new_sessions(100)]

    found = await asyncio.gather(
        *(strict.append_all([one], expected={one.session_id: 0}) for one in events)
    )

    assert await stored(strict) == {
        receipt.position: event.id for event, [receipt] in zip(events, found, strict=True)
    }
    message = await direct_get.get(strict._connection, {"seq": 50})
    assert message is not None
    assert "Nats-Batch-Id" in (message.headers or {})


async def test_few_callers_are_not_grouped(strict: Log) -> None:
    """Below a dozen or so a batch costs the server more than it saves."""
    receipts = await together(strict, notes(new_id(), 5))

    assert [receipt for receipt in receipts if isinstance(receipt, AnabranchError)] == []
    message = await direct_get.get(strict._connection, {"seq": 5})
    assert message is not None
    assert "Nats-Batch-Id" not in (message.headers or {})


async def test_a_conflict_is_its_own_callers_alone(strict: Log) -> None:
    """Three of a hundred expect a wrong position: they are told, the others are stored."""
    taken = note(new_id())
    await strict.append(taken)
    events = [note(session) for session in new_sessions(97)]
    wrong = [note(taken.session_id), note(new_id()), note(taken.session_id)]
    for place, event in zip((0, 40, 99), wrong, strict=True):
        events.insert(place, event)
    expected = {event.id: 0 for event in events} | {wrong[1].id: 7}

    found = await together(strict, events, expected)

    conflicts = {
        event.id: (each.expected, each.actual)
        for event, each in zip(events, found, strict=True)
        if isinstance(each, PositionConflict)
    }
    assert conflicts == {wrong[0].id: (0, 1), wrong[1].id: (7, 0), wrong[2].id: (0, 1)}
    assert sorted((await stored(strict)).values()) == sorted(
        {event.id for event in [taken, *events]} - conflicts.keys()
    )


async def test_repetitions_get_the_first_receipt(strict: Log) -> None:
    """An event stored before, or twice in one group, is stored once; another's id is refused."""
    before = notes(new_id(), 10)
    first = [await strict.append(event) for event in before]
    events = notes(new_id(), 30)
    thief = note(new_id()).model_copy(update={"id": before[0].id})

    found = await together(strict, [*before, *events, *events, thief])

    assert found[:10] == first
    assert found[10:40] == found[40:70]
    assert isinstance(found[70], EventInvalid)
    assert sorted((await stored(strict)).values()) == sorted(e.id for e in [*before, *events])


async def test_two_who_expect_the_same_position_are_one_and_a_conflict(strict: Log) -> None:
    """Of each pair in one group exactly one is stored, as without groups."""
    sessions = new_sessions(40)
    events = [note(session) for session in sessions] + [note(session) for session in sessions]

    found = await together(strict, events, {event.id: 0 for event in events})

    for mine, yours in zip(found[:40], found[40:], strict=True):
        assert isinstance(mine, PositionConflict) != isinstance(yours, PositionConflict)
    assert len(await stored(strict)) == 40


async def test_a_caller_who_leaves_takes_nobody_along(strict: Log) -> None:
    """Cancelled callers are left out or not heard; the others get their receipts."""
    tasks = [asyncio.create_task(strict.append(event)) for event in notes(new_id(), 60)]
    await asyncio.sleep(0)
    for task in tasks[::3]:
        task.cancel()

    found = await asyncio.gather(*tasks, return_exceptions=True)

    receipts = [each for each in found if not isinstance(each, BaseException)]
    assert len(receipts) == 40
    known = await stored(strict)
    assert all(known[receipt.position] == receipt.event_id for receipt in receipts)


@in_full_only
async def test_who_waits_when_the_log_closes_is_told(nats_server: NatsServer) -> None:
    """Nobody waits for ever: neither in the group under way nor in the next."""
    async with Proxy(nats_server.url) as proxy:
        async with Log.connect(proxy.url, token=nats_server.token, durability="strict") as log:
            proxy.hold_answers()
            tasks = [asyncio.create_task(log.append(event)) for event in notes(new_id(), 20)]
            await asyncio.sleep(0.05)
            tasks += [asyncio.create_task(log.append(event)) for event in notes(new_id(), 20)]
            await asyncio.sleep(0.05)
        found = await asyncio.gather(*tasks, return_exceptions=True)
        proxy.let_answers_pass()

    assert [type(each) for each in found] == [LogUnavailable] * 40


async def test_silence_lasts_no_longer_than_a_call_may(nats_server: NatsServer) -> None:
    """All who wait when a group finds nobody to answer are told at the same time."""
    async with (
        Proxy(nats_server.url) as proxy,
        Log.connect(proxy.url, token=nats_server.token, timeout_s=1, durability="strict") as log,
    ):
        proxy.hold_answers()
        found = await together(log, notes(new_id(), 1200))
        proxy.let_answers_pass()

    errors = [each for each in found if isinstance(each, LogUnavailable)]
    assert len(errors) == 1200
    # One silence was waited for, and told to everybody.
    assert len({id(error.__cause__) for error in errors}) == 1


async def test_a_batch_that_is_there_in_part_is_no_success(log: Log) -> None:
    """Known ids at both ends of a batch, in the right distance, do not make up for its middle."""
    session = new_id()
    events = notes(session, 3)
    for event in (events[0], note(new_id()), events[2]):
        await log.append(event)

    with pytest.raises(EventInvalid):
        await log.append_all(events)

    assert events[1].id not in (await stored(log)).values()
