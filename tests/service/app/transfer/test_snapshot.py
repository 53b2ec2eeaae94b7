"""A snapshot of the whole log, and the log that is made from it elsewhere."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from anabranch import Memory
from anabranch.errors import AlreadyRunning, InputInvalid, SnapshotDamaged
from anabranch.memory.memory import namespace_of
from anabranch.transfer.snapshot import read_snapshot, restore_snapshot, take_snapshot
from anabranch_events import STREAM, Bounds, Log, NatsServer, encode, new_event, new_id, subject
from anabranch_events.errors import LogNotEmpty
from anabranch_events.event.types import InsightRecorded, SessionOpened
from anabranch_events.jetstream.snapshot import Snapshots, StreamInfo
from tests.support.events import NAMESPACE, note, notes
from tests.support.killing import MortalServer
from tests.support.rounds import KILL_ROUNDS, in_full_only

if TYPE_CHECKING:
    from pathlib import Path

    from anabranch.settings import Settings
    from anabranch_events import Event, Receipt, Recorded
    from tests.support.fixtures.memory import CommandLine

RESTORER = """
import asyncio, json, os, pathlib, signal, sys
from anabranch_events.jetstream.snapshot import StreamInfo, Snapshots

url, token, folder, last = sys.argv[1:]
folder = pathlib.Path(folder)

def chunks():
    for number, path in enumerate(sorted(folder.glob("*.chunk"))):
        if number == int(last):
            os.kill(os.getpid(), signal.SIGKILL)
        yield path.read_bytes()

async def restore():
    held = StreamInfo(**json.loads((folder / "held.json").read_text()))
    async with Snapshots(url, token=token) as server:
        await server.make_room()
        await server.restore("ANABRANCH_EVENTS", held, chunks())

asyncio.run(restore())
"""


async def records(log: Log, *, to: int | None = None) -> list[Recorded]:
    """Return everything in the log, with its positions and times."""
    return [record async for record in log.read_all(to=to)]


def told() -> list[Event]:
    """Return a session that learned something, and a note too large for a message."""
    session_id = new_id()
    learned = InsightRecorded(insight_id=new_id(), text="The lift takes forty minutes")
    return [
        new_event(SessionOpened(task="Move"), session_id=session_id, namespace=NAMESPACE),
        new_event(learned, session_id=session_id, namespace=NAMESPACE),
        note(session_id, "x" * 600_000),
        note(new_id(), 1, namespace="another"),
    ]


@in_full_only
async def test_a_restored_log_is_the_same_log_and_goes_on(
    own_settings: Settings, alone: CommandLine, tmp_path: Path
) -> None:
    """Positions, times, bytes and ids are the same, the graph has the same digest."""
    assert alone.home == own_settings.home
    file = tmp_path / "log.snapshot"
    unknown = json.loads(encode(note(new_id()))) | {"type": "com.example.tea.v7"}
    target = own_settings.changed(home=tmp_path / "other")
    events = told()
    async with Memory.open(settings=own_settings) as memory:
        log = namespace_of(memory).backend.log
        await log.append_all(events)
        strange = json.dumps(unknown, indent=1).encode()
        await log.connection.jetstream().publish(subject("default", unknown["subject"]), strange)
        await memory.wait_for((await log.bounds()).last)
        take = ("snapshot", "take", str(file), "--json")
        taken = (await asyncio.to_thread(alone.here, *take)).value
        before, digest = await records(log), (await memory.graph.digest()).digest

    restore = ("snapshot", "restore", str(file), "--home", str(target.home), "--json")
    restored = (await asyncio.to_thread(alone.here, *restore)).value
    async with Memory.open(settings=target) as memory:
        log = namespace_of(memory).backend.log
        await memory.wait_for(restored["last"])
        after, same = await records(log), (await memory.graph.digest()).digest
        again = await log.append(events[1])
        receipt = await log.append(note(events[0].session_id), expected=3)
        with pytest.raises(AlreadyRunning):
            await restore_snapshot(target, file)

    assert (taken["records"], taken["first"], taken["last"]) == (5, 1, 5)
    assert restored["digest"] == taken["digest"]
    assert after == before
    assert same == digest
    assert (again.position, receipt.position) == (2, 6)


async def test_a_snapshot_is_restored_before_the_keys_of_what_is_sealed(
    own_settings: Settings, tmp_path: Path
) -> None:
    """They are not in it, and stand on no new server yet: the log is the same without them."""
    file = tmp_path / "log.snapshot"
    target = own_settings.changed(home=tmp_path / "other")
    async with Memory.open(settings=own_settings) as memory:
        await memory.transfer.seal_namespace()
        await memory.remember("Ann lives in Uji")
        taken = await memory.transfer.snapshot(file)

    restored = await restore_snapshot(target, file)

    assert (restored.digest, restored.last) == (taken.digest, taken.last)


async def test_a_log_that_is_there_stays_as_it_is(own_settings: Settings, tmp_path: Path) -> None:
    """Nothing is restored over it, nor from a file that is damaged, cut off or none."""
    file = tmp_path / "log.snapshot"
    async with (
        NatsServer(tmp_path / "nats") as server,
        Log.connect(server.url, token=server.token) as log,
        Snapshots(server.url, token=server.token) as source,
    ):
        await log.append_all(told())
        await take_snapshot(log, source, file)
    content = file.read_bytes()
    middle = content.index(b"manifest.json") // 2
    with zipfile.ZipFile(tmp_path / "empty", "w") as archive:
        archive.writestr("manifest.json", "{}")
    damaged = {
        "empty": (tmp_path / "empty").read_bytes(),
        "changed": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        "cut off": content[:-100],
        "none": b"nothing",
    }
    target = own_settings.changed(home=tmp_path / "other")
    for name, found in damaged.items():
        (tmp_path / name).write_bytes(found)
        with pytest.raises(SnapshotDamaged) as broken:
            await restore_snapshot(target, tmp_path / name)
        assert "\n" not in broken.value.message
    with pytest.raises(InputInvalid, match="cannot be opened"):
        await restore_snapshot(target, tmp_path / "missing")
    assert not target.home.exists()

    await restore_snapshot(target, file)
    with pytest.raises(LogNotEmpty) as refused:
        await restore_snapshot(target, file)

    assert refused.value.last == 4
    assert (await restored_bounds(target)) == Bounds(1, 4)
    assert read_snapshot(file).last == 4


async def restored_bounds(settings: Settings) -> Bounds:
    """Return what stands in the log of a home."""
    async with (
        NatsServer(settings.home / "log") as server,
        Log.connect(server.url, token=server.token) as log,
    ):
        return await log.bounds()


async def taken_apart(server: NatsServer, folder: Path) -> int:
    """Keep a snapshot as one file a chunk; return how many."""
    count = 0
    async with Snapshots(server.url, token=server.token) as source, source.take(STREAM) as download:
        (folder / "held.json").write_text(json.dumps(download.info._asdict()))
        async for chunk in download:
            for start in range(0, len(chunk), 4096):
                (folder / f"{count:05}.chunk").write_bytes(chunk[start : start + 4096])
                count += 1
    return count


@in_full_only
async def test_a_restore_that_is_killed_leaves_nothing(
    nats_server: NatsServer, log: Log, tmp_path: Path
) -> None:
    """However far it came: the log is empty, can be used, and can be restored after all."""
    chunks = tmp_path / "chunks"
    chunks.mkdir()
    await log.ingest(note(new_id(), number) for number in range(2000))
    count = await taken_apart(nats_server, chunks)
    rounds = max(2, KILL_ROUNDS // 2)
    async with MortalServer(tmp_path / "other") as other:
        for number in range(rounds):
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", RESTORER, other.url, other.token, str(chunks)),
                str((count - 1) * number // (rounds - 1)),
            )
            code = await process.wait()
            async with Log.connect(other.url, token=other.token) as empty:
                bounds = await empty.bounds()
            assert (code, bounds.last) == (-signal.SIGKILL, 0)
        held = StreamInfo(**json.loads((chunks / "held.json").read_text()))
        parts = [path.read_bytes() for path in sorted(chunks.glob("*.chunk"))]
        async with Snapshots(other.url, token=other.token) as server:
            await server.make_room()
            await server.restore(STREAM, held, parts)
        async with Log.connect(other.url, token=other.token) as restored:
            assert await records(restored) == await records(log)
        await other.kill()  # It would wait five seconds for the restores that were given up.


async def test_a_snapshot_is_taken_while_others_append(
    nats_server: NatsServer, log: Log, tmp_path: Path
) -> None:
    """It holds everything up to the position it names, and the writers lose nothing."""
    await log.append_all(notes(new_id(), 500))
    receipts: list[Receipt] = []

    async def write() -> None:
        while True:
            receipts.append(await log.append(note(new_id())))

    writing = asyncio.create_task(write())
    async with (
        Snapshots(nats_server.url, token=nats_server.token) as source,
        source.take(STREAM) as download,
    ):
        parts = [chunk async for chunk in download]
    writing.cancel()
    last = int(download.info.state["last_seq"])
    async with NatsServer(tmp_path / "other") as other:
        async with Snapshots(other.url, token=other.token) as target:
            await target.restore(STREAM, download.info, parts)
        async with Log.connect(other.url, token=other.token) as restored:
            found = await records(restored)

    assert last >= 500
    assert found[:last] == (await records(log))[:last]
    assert [receipt.position for receipt in receipts] == list(range(501, 501 + len(receipts)))
