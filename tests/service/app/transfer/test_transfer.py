"""Exporting a log and importing it into another one, whatever it holds and whatever is killed."""

from __future__ import annotations

import asyncio
import io
import json
import time
from typing import TYPE_CHECKING

import pytest

from anabranch import Memory
from anabranch.memory.memory import namespace_of
from anabranch.settings import variable
from anabranch.transfer.manifest import verify_lines
from anabranch_events import encode, new_event, new_id, subject
from anabranch_events.event.types import BranchCreated, InsightRecorded, SessionOpened
from tests.support.events import note
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from pathlib import Path

    from anabranch.settings import Settings
    from anabranch_events import Event
    from tests.support.fixtures.memory import CommandLine

pytestmark = pytest.mark.timeout(1200)

BATCH = 500
UNKNOWN = "com.example.tea.brewed.v7"


def history(count: int) -> list[Event]:
    """Return the events of a few sessions that branch and take notes, in an order of their own."""
    root = new_id()
    branches = [new_id() for _ in range(7)]
    told = [new_event(SessionOpened(task="Move"), session_id=root, namespace="default")]
    for number, branch in enumerate(branches):
        data = BranchCreated(
            parent_id=root, root_id=root, forked_at=number + 1, depth=1, task=f"Part {number}"
        )
        told.append(new_event(data, session_id=branch, namespace="default"))
    learned = InsightRecorded(insight_id=new_id(), text="The lift takes forty minutes")
    told.append(new_event(learned, session_id=branches[0], namespace="default"))
    while len(told) < count:
        told.append(note(branches[len(told) % len(branches)], len(told)))
    return told


def lines_of(events: list[Event]) -> list[bytes]:
    """Return events as the lines of an export whose positions have gaps."""
    return [
        encode(event)[:-1] + b',"position":%d}\n' % position
        for position, event in enumerate(events, start=1)
    ]


async def raws(memory: Memory) -> list[bytes]:
    """Return every message of the log, as it was written."""
    return [recorded.raw async for recorded in namespace_of(memory).backend.log.read_all()]


@in_full_only
async def test_a_log_with_unknown_events_moves_to_another_log_unchanged(
    own_settings: Settings, tmp_path: Path
) -> None:
    """Both logs hold the same bytes, both graphs have the same digest; a second import adds none."""
    unknown = json.loads(encode(note(new_id()))) | {"type": UNKNOWN, "later": "x"}
    strange = json.dumps(unknown, indent=0).replace("\n", " ").replace('": 1', '": 1.500').encode()
    kept = io.BytesIO()
    async with Memory.open(settings=own_settings) as memory:
        log = namespace_of(memory).backend.log
        events = history(20)
        await log.append_all(events[:9])
        await log.connection.jetstream().publish(subject("default", unknown["subject"]), strange)
        await log.append_all(events[9:])
        await log.append(note(new_id(), "x" * 600_000))
        await memory.wait_for((await log.bounds()).last)
        await memory.transfer.export(kept)
        before, digest = await raws(memory), (await memory.graph.digest()).digest

    manifest = verify_lines(io.BytesIO(kept.getvalue()))
    async with Memory.open(settings=own_settings.changed(home=tmp_path / "other")) as other:
        first = await other.transfer.import_lines(io.BytesIO(kept.getvalue()))
        again = await other.transfer.import_lines(io.BytesIO(kept.getvalue()))
        await other.wait_for(first.position)
        after, same = await raws(other), (await other.graph.digest()).digest

    assert strange in before
    assert after == before
    assert same == digest
    assert (manifest.events, manifest.types[UNKNOWN], manifest.last) == (22, 1, 22)
    assert (first.imported, first.skipped, first.complete) == (22, 0, True)
    assert (again.imported, again.skipped, again.position) == (0, 22, 22)


@in_full_only
async def test_an_import_that_is_killed_and_run_again_loses_and_doubles_nothing(
    alone: CommandLine, own_settings: Settings, tmp_path: Path
) -> None:
    """After a kill -9 in the middle the rest is appended, and the graph is the same."""
    lines = lines_of(history(5 * BATCH + 7))
    fed = 2 * BATCH + 100
    alone.environment[variable("embedder")] = "none"
    mine = own_settings.changed(embedder="none")
    async with Memory.open(settings=mine.changed(home=tmp_path / "whole")) as memory:
        imported = await memory.transfer.import_lines(lines)
        await memory.wait_for(imported.position)
        whole, digest = await raws(memory), (await memory.graph.digest()).digest

    started = alone("up", "--detach", "--json")
    assert started.code == 0, started.err
    try:
        async with Memory.open(settings=mine.changed(home=alone.home)) as memory:
            middle = await _killed_in_the_middle(alone, memory, lines[:fed])
            (tmp_path / "events.jsonl").write_bytes(b"".join(lines))
            again = alone("events", "import", str(tmp_path / "events.jsonl"), "--json").value
            await memory.wait_for(again["position"])
            resumed, same = await raws(memory), (await memory.graph.digest()).digest
    finally:
        ended = alone("down", "--json")

    assert ended.code == 0, ended.err
    # The server may have had one more batch in hand when the import was killed.
    assert 0 < middle <= again["skipped"] <= fed
    assert again["skipped"] + again["imported"] == len(lines)
    assert resumed == whole
    assert same == digest


async def _killed_in_the_middle(alone: CommandLine, memory: Memory, lines: list[bytes]) -> int:
    """Feed an import with `lines`, kill it once it has appended some; return how many it had."""
    process = await asyncio.create_subprocess_exec(
        *alone.command("events", "import", "-", "--json"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env=alone.environment,
    )
    try:
        assert process.stdin is not None
        process.stdin.writelines(lines)
        await asyncio.wait_for(process.stdin.drain(), 60)
        deadline = time.monotonic() + 60
        while (await namespace_of(memory).backend.log.bounds()).last < BATCH:
            assert process.returncode is None
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
    finally:
        process.kill()
        await process.wait()
    return (await namespace_of(memory).backend.log.bounds()).last
