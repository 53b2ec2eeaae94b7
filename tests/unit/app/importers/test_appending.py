"""An import sends a batch while it gathers the next: each event once, and errors where it waits."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from anabranch.importers import appending
from anabranch.importers.appending import Appender
from anabranch.importers.mapping.drafts import Draft, Opening
from anabranch_events import Receipt, Recorded, encode, new_event, new_id
from anabranch_events.errors import LogUnavailable, PositionConflict
from anabranch_events.event.types import SessionForgotten, WorkingMemorySet
from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from anabranch_events import Event, Log

SPACE: Final = "default"
SESSION: Final = new_id()
FIRST: Final = new_id()


class HeldLog:
    """A log in memory that stores a batch once it is let through, and notes what was called off."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.let_through = asyncio.Event()
        self.begun = asyncio.Event()
        self.error: Exception | None = None
        self.called_off = 0

    async def read(
        self, session_id: str, *, namespace: str, after: int = 0
    ) -> AsyncIterator[Recorded]:
        """Yield the records of a session after a position."""
        for position, event in enumerate(self.events, start=1):
            if event.session_id == session_id and position > after:
                yield Recorded(position, namespace, session_id, bytes(encode(event)), 0)

    async def append_all(
        self, events: Sequence[Event], *, expected: Mapping[str, int]
    ) -> list[Receipt]:
        """Store a batch, unless another was faster."""
        self.begun.set()
        try:
            await self.let_through.wait()
        except asyncio.CancelledError:
            self.called_off += 1
            raise
        if self.error is not None:
            raise self.error
        if expected[SESSION] != len(self.events):
            raise PositionConflict(SESSION, expected=expected[SESSION], actual=len(self.events))
        self.events += events
        first = len(self.events) - len(events) + 1
        return [Receipt(event_id=event.id, position=first + at) for at, event in enumerate(events)]


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> HeldLog:
    """Give a log that holds batches back; a batch is of two events."""
    monkeypatch.setattr(appending, "BATCH_EVENTS", 2)
    return HeldLog()


def appender_of(held: HeldLog) -> Appender:
    """Return an appender to a log in memory."""
    return Appender(cast("Log", held), namespace=SPACE)


def opening() -> Opening:
    """Return the beginning of the session."""
    return Opening(
        session_id=SESSION,
        event_id=FIRST,
        parent_id=None,
        task="Watch",
        role=None,
        attributes={},
        time=datetime.now(UTC),
        agent="tool",
    )


def note(event_id: str | None = None) -> Draft:
    """Return another event of the session."""
    data: Any = WorkingMemorySet(key="note", value=1)
    return Draft(
        session_id=SESSION,
        event_id=event_id or new_id(),
        data=data,
        time=datetime.now(UTC),
        agent="tool",
    )


async def in_flight(held: HeldLog, appender: Appender) -> None:
    """Put two events, and wait until they are on their way."""
    await appender.put(opening())
    await appender.put(note())
    await asyncio.wait_for(held.begun.wait(), PATIENCE_S)


async def test_a_batch_that_fails_is_told_where_the_next_is_sent(held: HeldLog) -> None:
    """Events are gathered until then; none of them is sent after those that are missing."""
    held.error = LogUnavailable("the server is gone", fix="start it")
    appender = appender_of(held)
    await in_flight(held, appender)
    await appender.put(note())
    held.let_through.set()

    with pytest.raises(LogUnavailable):
        await appender.put(note())
    held.error = None
    with pytest.raises(LogUnavailable):
        await appender.flush()

    assert (held.events, appender.appended) == ([], 0)


async def test_an_error_in_the_block_calls_off_what_is_on_its_way(held: HeldLog) -> None:
    """The block ends with its own error, and no task of it is left behind."""

    async def importing() -> None:
        async with appender_of(held) as appender:
            await in_flight(held, appender)
            raise ValueError("unreadable")

    before = asyncio.all_tasks()
    with pytest.raises(ValueError, match="unreadable"):
        await importing()

    assert (held.called_off, held.events) == (1, [])
    assert asyncio.all_tasks() == before


async def test_a_block_that_is_cancelled_calls_off_what_is_on_its_way(held: HeldLog) -> None:
    """Also while it waits for the batch before: the cancellation goes on, the task does not."""

    async def importing() -> None:
        async with appender_of(held) as appender:
            await in_flight(held, appender)
            await appender.flush()

    before = asyncio.all_tasks()
    task = asyncio.create_task(importing())
    await asyncio.wait_for(held.begun.wait(), PATIENCE_S)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, PATIENCE_S)

    assert (held.called_off, held.events) == (1, [])
    assert asyncio.all_tasks() == before


async def test_an_id_that_is_on_its_way_is_not_sent_again(held: HeldLog) -> None:
    """It is in what was sent: neither known yet, nor waiting."""
    async with appender_of(held) as appender:
        await in_flight(held, appender)
        await appender.put(opening())
        later = note()
        await appender.put(later)
        held.let_through.set()
        await appender.flush()
        await appender.put(opening())
        await appender.flush()

    ids = [event.id for event in held.events]
    assert (ids[0], ids[-1], len(ids), len(set(ids))) == (FIRST, later.event_id, 3, 3)
    assert (appender.appended, appender.left_out) == (3, 0)


async def test_a_session_that_is_forgotten_takes_no_later_batch(held: HeldLog) -> None:
    """One batch is stored, the next is on its way, and the one after is gathered."""
    async with appender_of(held) as appender:
        held.let_through.set()
        await in_flight(held, appender)
        await appender.flush()
        held.let_through.clear()
        held.begun.clear()
        await appender.put(note())
        await appender.put(note())
        await asyncio.wait_for(held.begun.wait(), PATIENCE_S)
        forgotten = new_event(
            SessionForgotten(receipt="requested"), session_id=SESSION, namespace=SPACE
        )
        held.events.append(forgotten)
        await appender.put(note())
        held.let_through.set()
        await appender.put(note())
        await appender.flush()
        await appender.put(note())

    assert len(held.events) == 3
    assert held.events[-1] is forgotten
    assert (appender.appended, appender.left_out) == (2, 1)
