"""The place between reading and writing, and the dead letters made there."""

from __future__ import annotations

import asyncio

import pytest

from anabranch_events import Recorded, encode, new_event
from anabranch_events.event import types
from anabranch_projections.fold.effects import BatchRows
from anabranch_projections.run.batch import BYTES_MAX, REASON_LENGTH_MAX, RECORDS_MAX, dead_letter
from anabranch_projections.run.batching import Batcher
from tests.support.histories import insight, session
from tests.support.patience import PATIENCE_S


def _record(position: int, raw: bytes | None = None) -> Recorded:
    data = types.InsightRecorded(insight_id=insight(position), text="Text")
    event = new_event(data, session_id=session(1), namespace="default")
    return Recorded(position, "default", session(1), raw or encode(event), 0)


async def test_a_lone_record_can_be_taken_at_once() -> None:
    """Nothing waits for a batch to fill."""
    batcher = Batcher(BatchRows)
    await batcher.put([_record(1)])

    batch = await asyncio.wait_for(batcher.take(), PATIENCE_S)

    assert batch is not None
    assert [record.position for record in batch.records] == [1]


async def test_what_comes_while_the_writer_is_away_goes_together() -> None:
    """Batches grow as large as a commit is slow."""
    batcher = Batcher(BatchRows)
    for position in range(1, 4):
        await batcher.put([_record(position)])

    batch = await batcher.take()

    assert batch is not None
    assert batch.last == 3
    assert len(batch.content.steps()) == 1


@pytest.mark.parametrize(("count", "raw"), [(RECORDS_MAX, b"small"), (2, b"x" * (BYTES_MAX // 2))])
async def test_the_reader_waits_while_the_batch_is_full(count: int, raw: bytes) -> None:
    """Neither in number nor in bytes does more come together than one transaction takes."""
    batcher = Batcher(BatchRows)
    putting = asyncio.create_task(
        batcher.put([_record(position, raw) for position in range(1, count + 2)])
    )
    await asyncio.sleep(0.01)

    assert not putting.done()
    first = await batcher.take()
    await putting
    second = await batcher.take()

    assert first is not None
    assert second is not None
    assert (len(first.records), len(second.records)) == (count, 1)


async def test_it_says_whether_the_writer_is_at_work() -> None:
    """The reader leaves the loop to a writer that waits for its answers, and to no other."""
    batcher = Batcher(BatchRows)
    await batcher.put([_record(1)])
    before = batcher.writing
    await batcher.take()
    at_work = batcher.writing
    waiting = asyncio.create_task(batcher.take())
    await asyncio.sleep(0)

    assert (before, at_work, batcher.writing) == (False, True, False)
    await batcher.end()
    assert await waiting is None


async def test_the_end_comes_after_what_was_read() -> None:
    """What was read before the end, or before a failure, is taken first."""
    ended, failed = Batcher(BatchRows), Batcher(BatchRows)
    await ended.put([_record(1)])
    await ended.end()
    await failed.put([_record(1)])
    await failed.end(OSError("gone"))

    assert await ended.take() is not None
    assert await ended.take() is None
    assert await failed.take() is not None
    with pytest.raises(OSError, match="gone"):
        await failed.take()


async def test_a_record_that_does_not_decode_leaves_a_letter_in_its_batch() -> None:
    """The batch goes on without it, and still ends at its position."""
    batcher = Batcher(BatchRows)
    await batcher.put([_record(1), _record(2, b"broken")])

    batch = await batcher.take()

    assert batch is not None
    assert batch.last == 2
    assert [(letter["position"], letter["error"]) for letter in batch.letters] == [
        (2, "EventInvalid")
    ]


def test_a_letter_is_text_that_every_store_takes() -> None:
    """A reason that quotes half a character, or a whole book, is cut to what can be stored."""
    letter = dead_letter(_record(7), ValueError("\ud800" + "x" * 5000))

    assert letter["reason"].encode().startswith(b"?x")
    assert len(letter["reason"]) == REASON_LENGTH_MAX
