"""A log that is copied in parts, one after another, is the log."""

from __future__ import annotations

import io
from itertools import pairwise
from typing import TYPE_CHECKING

import orjson
import pytest

from anabranch import Memory
from anabranch.errors import EventInvalid
from anabranch.memory.memory import namespace_of
from anabranch_events import encode, new_event, new_id, subject
from anabranch_events.event.types import BranchCreated, InsightRecorded, SessionOpened
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from pathlib import Path

    from anabranch.settings import Settings
    from anabranch_events import Event

pytestmark = [pytest.mark.timeout(1200), in_full_only]


async def part(
    memory: Memory, *, chained: bool = True, after: int = 0, to: int | None = None
) -> bytes:
    """Return the export of a stretch of the log."""
    target = io.BytesIO()
    await memory.transfer.export(target, chained=chained, after=after, to=to)
    return target.getvalue()


async def take(memory: Memory, lines: bytes) -> tuple[int, int]:
    """Import a part; return how many of its events were appended, and how many left out."""
    found = await memory.transfer.import_lines(io.BytesIO(lines))
    return found.imported, found.skipped


async def raws(memory: Memory) -> list[bytes]:
    """Return every message of the log, as it was written."""
    return [recorded.raw async for recorded in namespace_of(memory).backend.log.read_all()]


async def store_again(memory: Memory, position: int) -> None:
    """Store an event once more as a producer does that repeats itself after the window."""
    log = namespace_of(memory).backend.log
    recorded = await log.at(position)
    assert recorded is not None
    stream = log.connection.jetstream()
    await stream.publish(subject(recorded.namespace, recorded.session_id), recorded.raw)


async def grown(memory: Memory) -> None:
    """Let a thought grow whose branches fork at several places; some events stand twice."""
    root = await memory.open_session("plan the crossing")
    for number in range(4):
        await root.remember(f"Pier {number} is open")
    left = await root.branch("look at the piers")
    await root.remember("Pier 9 is closed")
    right = await root.branch("look at the cranes")
    await store_again(memory, 2)
    await left.remember("Pier 3 has a crane")
    deep = await left.branch("look at the crane")
    await store_again(memory, 2)
    await store_again(memory, 9)
    await deep.remember("The crane is red")
    await right.complete("One crane", insights=["One crane is enough"])


async def test_a_log_in_four_parts_is_the_log(own_settings: Settings, tmp_path: Path) -> None:
    """Each part was imported by another process; messages and digest are those of the source."""
    mine = own_settings.changed(embedder="none")
    async with Memory.open(settings=mine) as memory:
        await grown(memory)
        last = (await memory.status()).log.last
        cuts = [0, 6, 9, 11, last]
        parts = [
            await part(memory, chained=number % 2 == 0, after=after, to=to)
            for number, (after, to) in enumerate(pairwise(cuts))
        ]
        before, digest = await raws(memory), (await memory.graph.digest()).digest

    other = own_settings.changed(embedder="none", home=tmp_path / "other")
    async with Memory.open(settings=other) as memory:
        first = [await take(memory, lines) for lines in parts[:2]]
    async with Memory.open(settings=other) as memory:
        second = [await take(memory, lines) for lines in (parts[1], *parts[2:], parts[3])]
        after, same = await raws(memory), (await memory.graph.digest()).digest

    assert first == [(6, 0), (3, 0)]
    assert second == [(0, 3), (2, 0), (last - 11, 0), (0, last - 11)]
    assert after == before
    assert same == digest


async def test_a_part_finds_its_forks_in_a_log_with_other_positions(
    own_settings: Settings, tmp_path: Path
) -> None:
    """A branch is forked from the same event as before, whatever stands before it."""
    mine = own_settings.changed(embedder="none")
    async with Memory.open(settings=mine) as memory:
        root = await memory.open_session("plan the crossing")
        await root.remember("Pier 1 is open")
        branch = await root.branch("look at the pier")
        first, second = await part(memory, to=branch.forked_at), await part(memory, after=2)

    async with Memory.open(
        settings=own_settings.changed(embedder="none", home=tmp_path / "other")
    ) as memory:
        await memory.remember("The other log has its own past")
        await take(memory, first)
        await memory.remember("And a present")
        await take(memory, second)
        moved = await memory.session(branch.session_id)
        knows = {hit.text for hit in (await moved.recall("pier")).hits}

    assert (branch.forked_at, moved.forked_at) == (2, 4)
    assert knows == {"Pier 1 is open"}


async def test_a_part_whose_past_is_missing_is_refused(
    own_settings: Settings, tmp_path: Path
) -> None:
    """In the wrong order nothing is stored; in the right one overlapping parts are the log."""
    mine = own_settings.changed(embedder="none")
    async with Memory.open(settings=mine) as memory:
        await grown(memory)
        parts = [
            await part(memory, after=after, to=to) for after, to in ((0, 6), (4, 9), (7, None))
        ]
        fork = await part(memory, after=5, to=6)
        before = await raws(memory)

    async with Memory.open(
        settings=own_settings.changed(embedder="none", home=tmp_path / "other")
    ) as memory:
        for late in (parts[2], parts[1], fork):
            with pytest.raises(EventInvalid, match="line 1: follows on the event"):
                await take(memory, late)
        assert await raws(memory) == []
        for lines in parts:
            await take(memory, lines)
        assert await raws(memory) == before


@pytest.mark.parametrize("chained", [True, False], ids=["chained", "plain"])
async def test_parts_may_come_in_one_stream(
    own_settings: Settings, tmp_path: Path, *, chained: bool
) -> None:
    """A part may follow on what came just before it and waits: a session that was cut in two."""
    mine = own_settings.changed(embedder="none")
    async with Memory.open(settings=mine) as memory:
        await grown(memory)
        lines = await part(memory, chained=chained, to=3)
        lines += await part(memory, chained=chained, after=3)
        before = await raws(memory)

    async with Memory.open(
        settings=own_settings.changed(embedder="none", home=tmp_path / "other")
    ) as memory:
        taken = await take(memory, lines)
        after = await raws(memory)

    assert taken == (len(before), 0)
    assert after == before


async def test_who_insists_gets_a_part_without_its_past(
    own_settings: Settings, tmp_path: Path
) -> None:
    """The events are there, and the branch knows what came with them."""
    mine = own_settings.changed(embedder="none")
    async with Memory.open(settings=mine) as memory:
        await grown(memory)
        late, count = await part(memory, after=7), len(await raws(memory)) - 7

    async with Memory.open(
        settings=own_settings.changed(embedder="none", home=tmp_path / "other")
    ) as memory:
        found = await memory.transfer.import_lines(io.BytesIO(late), verified=False)

    assert (found.imported, found.skipped) == (count, 0)


async def test_lines_without_marks_fork_at_the_end_of_what_came_before(memory: Memory) -> None:
    """A part that an earlier version wrote names no event: the parent's last one stands for it."""
    root, branch = new_id(), new_id()
    told = [
        new_event(SessionOpened(task="Move"), session_id=root, namespace="default"),
        new_event(
            InsightRecorded(insight_id=new_id(), text="Pier 1 is open"),
            session_id=root,
            namespace="default",
        ),
        new_event(
            BranchCreated(parent_id=root, root_id=root, forked_at=12, depth=1, task="Part"),
            session_id=branch,
            namespace="default",
        ),
    ]

    for position, event in zip((11, 12, 13), told, strict=True):
        await take(memory, encode(event)[:-1] + b',"position":%d}\n' % position)

    assert (await memory.session(branch)).forked_at == 2


async def test_another_event_under_a_known_id_is_not_taken_for_it(memory: Memory) -> None:
    """The import names its line, and nothing of it is stored."""
    session = new_id()

    def fact(text: str, event_id: str | None = None) -> Event:
        return new_event(
            InsightRecorded(insight_id=new_id(), text=text),
            session_id=session,
            namespace="default",
            event_id=event_id,
        )

    one = fact("The tide is high")
    await take(memory, encode(one)[:-1] + b',"position":1}\n')
    other = orjson.dumps({**orjson.loads(encode(fact("It is low", one.id))), "position": 2})

    with pytest.raises(EventInvalid, match="line 1: the log has another event of the id"):
        await take(memory, other)

    assert await raws(memory) == [encode(one)]
