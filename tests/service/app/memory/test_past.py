"""The past of a memory by its Python face: each operation once, its value and its main error."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from anabranch.errors import EventNotFound, HistoryNotFound, PositionFromFuture
from anabranch_events import new_id
from anabranch_events.errors import InputInvalid

if TYPE_CHECKING:
    from anabranch import Memory, Session

TEXT = "The lock of the north gate was changed in May."


async def test_position_of_a_moment(memory: Memory, session: Session) -> None:
    """A position is itself, a time the last position stored by then."""
    event = await memory.past.event(session.position)

    assert await memory.past.position_of(1) == 1
    assert await memory.past.position_of(event.stored_at) == 1
    assert await memory.past.position_of(event.stored_at - timedelta(microseconds=1)) == 0
    assert await memory.past.position_of(datetime(2200, 1, 1, tzinfo=UTC)) == 1
    naive = event.stored_at.astimezone(UTC).replace(tzinfo=None)  # It is in UTC, as on the CLI.
    assert await memory.past.position_of(naive) == 1
    assert await memory.past.position_of(naive - timedelta(microseconds=1)) == 0


async def test_position_of_what_is_no_moment(memory: Memory) -> None:
    """The future is refused under the field that was named, and a word that is no time too."""
    with pytest.raises(PositionFromFuture) as refused:
        await memory.past.position_of(1, field="before")
    with pytest.raises(InputInvalid):
        await memory.past.position_of("yesterday")

    assert refused.value.field == "before"


async def test_history_tells_a_life(memory: Memory, session: Session) -> None:
    """The events that name a thing, in order, in words; as of a moment only those up to it."""
    kept = await session.remember(TEXT)
    await memory.remember("It was June.", supersedes=[kept.insight_id])

    life = await memory.past.history(kept.insight_id)
    then = await memory.past.history(kept.insight_id, as_of=kept.position)

    assert [(one.position, one.agent) for one in life] == [
        (kept.position, "tester"),
        (memory.position, "tester"),
    ]
    assert then == life[:1]
    assert life[0].event_id == kept.event_id


async def test_history_of_nothing(memory: Memory) -> None:
    """An id that no event names, and a text that is no id."""
    with pytest.raises(HistoryNotFound):
        await memory.past.history(new_id())
    with pytest.raises(InputInvalid):
        await memory.past.history("no id")


async def test_diff_says_what_was_learned_in_between(memory: Memory, session: Session) -> None:
    """Sums and lists of the events after the one moment, up to the other."""
    first = await session.remember(TEXT)
    last = await session.remember("It was June.", supersedes=[first.insight_id])

    diff = await memory.past.diff(first.position, memory.position)

    assert (diff.namespace, diff.after, diff.to) == ("default", first.position, memory.position)
    assert [one.insight_id for one in diff.insights_recorded] == [last.insight_id]
    assert [(one.insight_id, one.by) for one in diff.insights_retired] == [
        (first.insight_id, last.insight_id)
    ]
    with pytest.raises(PositionFromFuture):
        await memory.past.diff(0, memory.position + 1)
    for crossed in ((2, 1), ("2026-01-02", "2026-01-01")):
        with pytest.raises(InputInvalid, match=r"to: .* is earlier than after, "):
            await memory.past.diff(*crossed)


async def test_event_gives_one(memory: Memory, session: Session) -> None:
    """By its position; where none of this namespace is, it says so."""
    found = await memory.past.event(1)

    assert (found.position, found.session_id) == (1, session.session_id)
    assert found.decode().id == session.receipt.event_id
    with pytest.raises(EventNotFound):
        await memory.past.event(0)
    with pytest.raises(PositionFromFuture):
        await memory.past.event(2)
