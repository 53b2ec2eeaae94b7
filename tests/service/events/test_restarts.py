"""The log when its server goes, comes back, falls silent, fills up or is another one."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from anabranch_events import STREAM, Bounds, Log, NatsServer, new_event
from anabranch_events.errors import (
    LogFull,
    LogRewound,
    LogUnavailable,
    PositionConflict,
    StreamDrifted,
)
from anabranch_events.event.identifiers import new_id
from anabranch_events.event.types import WorkingMemorySet
from anabranch_events.read import consumer
from tests.support import patience
from tests.support.events import NAMESPACE, note, notes
from tests.support.killing import MortalServer
from tests.support.patience import PATIENCE_S
from tests.support.proxy import Proxy
from tests.support.rounds import in_full_only
from tests.support.writers import Writer, check, follow_each, further

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from anabranch_events import Event, Receipt, Recorded


@pytest.fixture
async def mortal(tmp_path: Path) -> AsyncIterator[MortalServer]:
    """A server that can be killed and started again on its port."""
    async with MortalServer(tmp_path / "mortal") as server:
        yield server


@pytest.fixture
async def proxy(nats_server: NatsServer) -> AsyncIterator[Proxy]:
    """A proxy before the server."""
    async with Proxy(nats_server.url) as between:
        yield between


async def until(records: AsyncIterator[Recorded], position: int) -> list[int]:
    """Return the positions read up to one."""
    found: list[int] = []
    async with asyncio.timeout(PATIENCE_S):
        while not found or found[-1] < position:
            found.append((await anext(records)).position)
    return found


async def test_a_subscription_goes_on_after_its_server_was_killed(mortal: MortalServer) -> None:
    """No gap and no repetition."""
    session_id = new_id()
    async with (
        Log.connect(mortal.url, token=mortal.token) as log,
        aclosing(log.subscribe()) as records,
    ):
        await log.append_all(notes(session_id, 500))
        before = await until(records, 100)
        await mortal.kill()
        await mortal.start()
        await log.append_all(notes(session_id, 500))
        after = await until(records, 1000)

    assert before + after == list(range(1, 1001))


async def test_events_that_were_purged_stay_gone_when_the_server_is_killed(
    mortal: MortalServer,
) -> None:
    """The log keeps all messages of a subject; with a bound, what made room would be back.

    Of nats-server 2.15.1, see findings/nats_a_purged_value_is_an_older_one_after_a_kill.sh. A log
    with such a bound is refused.
    """
    gone, stays = new_id(), new_id()
    async with Log.connect(mortal.url, token=mortal.token) as log:
        await log.append_all([*notes(stays, 1), *notes(gone, 3), *notes(stays, 1)])
        stream = log.connection.jetstream()
        await stream.purge_stream(STREAM, subject=f"anabranch.events.{NAMESPACE}.{gone}")
    await mortal.kill()
    await mortal.start()

    async with Log.connect(mortal.url, token=mortal.token) as log:
        found = [record.position async for record in log.read_all()]
        stream = log.connection.jetstream()
        config = (await stream.stream_info(STREAM)).config
        config.max_msgs_per_subject = 1000
        await stream.update_stream(config)

    assert found == [1, 5]
    with pytest.raises(StreamDrifted) as refused:
        async with Log.connect(mortal.url, token=mortal.token):
            pass
    assert refused.value.differences == {"max_msgs_per_subject": (1000, -1)}


async def test_values_that_were_dropped_stay_gone_when_the_server_is_killed(
    mortal: MortalServer,
) -> None:
    """nats-server 2.15.1 finds the value before the last again: an empty one, which is none.

    See findings/nats_a_purged_value_is_an_older_one_after_a_kill.sh. Another may be put then.
    """
    async with Log.connect(mortal.url, token=mortal.token) as log:
        bucket = await log.bucket("ANY")
        for value in (b"one", b"two", b"three"):
            await bucket.put("gone", value)
            await bucket.put("stays", value)
        dropped = await log.drop_values("ANY", lambda key: key == "gone")
        at_once = await bucket.get("gone")
    await mortal.kill()
    await mortal.start()

    async with Log.connect(mortal.url, token=mortal.token) as log:
        bucket = await log.bucket("ANY")
        found = [await bucket.get(key) for key in ("gone", "stays")]
        await bucket.put("gone", b"new")
        anew = await bucket.get("gone")

    assert (dropped, at_once) == (1, None)
    assert found == [None, b"three"]
    assert anew == b"new"


@in_full_only
async def test_a_subscription_outlives_twenty_restarts(mortal: MortalServer) -> None:
    """Half of them kills, while others write: no event is missed or doubled, and all in order."""
    async with Log.connect(mortal.url, token=mortal.token, timeout_s=PATIENCE_S) as log:
        writers = [Writer(log, seed) for seed in range(2)]
        seen: list[Recorded] = []
        following = asyncio.create_task(follow_each(log, seen))
        writing = [asyncio.create_task(writer.run()) for writer in writers]
        for number in range(20):
            await further(writers)
            await (mortal.kill() if number % 2 else mortal.end())
            await mortal.start()
        await further(writers)
        for task in writing:
            task.cancel()
        await asyncio.wait(writing)
        records = [record async for record in log.read_all()]
        last = records[-1].position
        await patience.until(lambda: bool(seen) and seen[-1].position >= last)
        following.cancel()

    check(records, writers)
    assert seen[: len(records)] == records  # An append that was cancelled may still arrive.


async def test_a_subscription_waits_for_a_server_that_stays_away(mortal: MortalServer) -> None:
    """However long it takes, past the time limit of a call, reading goes on."""
    async with (
        Log.connect(mortal.url, token=mortal.token, timeout_s=0.3) as log,
        aclosing(log.subscribe()) as records,
    ):
        await log.append(note(new_id()))
        assert await until(records, 1) == [1]
        await mortal.kill()
        waiting = asyncio.create_task(until(records, 2))
        await asyncio.sleep(1.0)
        await mortal.start()
        async with Log.connect(mortal.url, token=mortal.token) as other:
            await other.append(note(new_id()))

        assert await waiting == [2]


@in_full_only
async def test_calls_on_a_server_that_is_gone_end_in_time(mortal: MortalServer) -> None:
    """Every call says so within its limit, and works again when the server is back."""
    event = note(new_id())
    async with Log.connect(mortal.url, token=mortal.token, timeout_s=0.5) as log:
        await log.append(event)
        await mortal.kill()
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: log.append(note(new_id())),
            lambda: log.append_all(notes(new_id(), 3)),
            log.bounds,
            lambda: anext(log.read(event.session_id, namespace=NAMESPACE)),
            lambda: anext(log.read_all()),
            lambda: log.last_of(event.session_id, namespace=NAMESPACE),
            lambda: log.bucket("ANY"),
        ]
        for call in calls:
            with pytest.raises(LogUnavailable):
                async with asyncio.timeout(PATIENCE_S):
                    await call()
        await log.announce("graph", 1)
        await mortal.start()

        assert (await log.append(note(event.session_id), expected=1)).position == 2


@pytest.mark.parametrize("expectation", [True, False])
@pytest.mark.parametrize("count", [1, 3])
async def test_an_append_whose_answer_was_lost_is_stored_once(
    nats_server: NatsServer, proxy: Proxy, *, expectation: bool, count: int
) -> None:
    """The server stored it, the answer got lost, the retry gets the same positions."""
    events = notes(new_id(), count)
    expected = {events[0].session_id: 0} if expectation else None
    async with (
        Log.connect(nats_server.url, token=nats_server.token) as direct,
        Log.connect(proxy.url, token=nats_server.token, timeout_s=PATIENCE_S) as log,
    ):
        await log.ended_namespaces()  # Both are asked once, before the first event.
        await log.sealed_namespaces()
        proxy.hold_answers()
        appending = asyncio.create_task(log.append_all(events, expected=expected))
        while (await direct.bounds()).last < count:  # noqa: ASYNC110 - it is the server's news
            await asyncio.sleep(0.005)
        await direct.append(note(events[0].session_id))
        proxy.cut()
        proxy.let_answers_pass()
        receipts = await appending

        assert [receipt.position for receipt in receipts] == list(range(1, count + 1))
        assert await direct.bounds() == Bounds(1, count + 1)


async def test_a_conflict_after_a_lost_question_stays_a_conflict(
    nats_server: NatsServer, proxy: Proxy
) -> None:
    """Reading back does not take another's event for ours."""
    session_id = new_id()
    async with (
        Log.connect(nats_server.url, token=nats_server.token) as direct,
        Log.connect(proxy.url, token=nats_server.token) as log,
    ):
        proxy.cut()
        await direct.append(note(session_id))

        with pytest.raises(PositionConflict) as refused:
            await log.append(note(session_id), expected=0)

    assert refused.value.actual == 1


@in_full_only
async def test_a_subscription_leaves_a_server_that_fell_silent(
    nats_server: NatsServer, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing heartbeats mean a new start after the last position, though nothing was cut."""
    monkeypatch.setattr(consumer, "HEARTBEAT_S", 0.2)
    session_id = new_id()
    async with (
        Log.connect(nats_server.url, token=nats_server.token) as direct,
        Log.connect(proxy.url, token=nats_server.token, timeout_s=1) as log,
        aclosing(log.subscribe()) as records,
    ):
        await direct.append_all(notes(session_id, 10))
        before = await until(records, 10)
        proxy.hold_answers()
        await direct.append_all(notes(session_id, 10))
        waiting = asyncio.create_task(until(records, 20))
        await asyncio.sleep(1.5)
        proxy.let_answers_pass()

        assert before + await waiting == list(range(1, 21))


async def test_a_subscription_outlives_its_consumer(
    nats_server: NatsServer, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator who deletes all consumers does not stop a reader."""
    monkeypatch.setattr(consumer, "HEARTBEAT_S", 0.2)
    session_id = new_id()
    assert nats_server.pid
    async with aclosing(log.subscribe()) as records:
        await log.append(note(session_id))
        before = await until(records, 1)
        manager = log.connection.jetstream()
        for each in await manager.consumers_info(STREAM):
            await manager.delete_consumer(STREAM, each.name)
        await log.append_all(notes(session_id, 10))

        assert before + await until(records, 11) == list(range(1, 12))


async def test_a_log_that_lost_its_end_is_said(tmp_path: Path, mortal: MortalServer) -> None:
    """Behind the same address stands another, shorter log: reading on would hide it."""
    async with (
        Log.connect(mortal.url, token=mortal.token) as log,
        aclosing(log.subscribe()) as records,
    ):
        await log.append(note(new_id()))
        copy = tmp_path / "copy"
        await log.append_all(notes(new_id(), 5))
        await until(records, 6)
        await mortal.kill()
        shutil.rmtree(mortal.folder / "jetstream")
        port = int(mortal.url.rpartition(":")[2])
        copy.mkdir()
        shutil.copy(mortal.folder / "token", copy / "token")
        async with NatsServer(copy) as other, Log.connect(other.url, token=other.token) as short:
            await short.append(note(new_id()))
        async with NatsServer(copy, port=port):
            with pytest.raises(LogRewound) as refused:
                await until(records, 7)

    assert (refused.value.position, refused.value.last) == (6, 1)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounting = ("mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder))
    if os.geteuid() != 0 or subprocess.run(mounting, check=False).returncode != 0:
        pytest.skip("a small disk can only be mounted by root")
    yield folder
    subprocess.run(("umount", str(folder)), check=True)  # noqa: S607 - the system's


def large(session_id: str, size: int) -> Event:
    """Return an event of about `size` bytes that does not compress."""
    value = os.urandom(size // 2).hex()
    return new_event(
        WorkingMemorySet(key="large", value=value), session_id=session_id, namespace=NAMESPACE
    )


async def fill(log: Log) -> list[Receipt]:
    """Append until the log takes no more."""
    receipts: list[Receipt] = []
    try:
        while True:
            receipts.append(await log.append(large(new_id(), 100_000)))
    except LogFull:
        return receipts


async def test_a_full_disk_is_said_and_nothing_is_lost(small_disk: Path) -> None:
    """The log refuses in time, keeps what it acknowledged, and takes more when there is room."""
    async with (
        NatsServer(small_disk / "nats") as server,
        Log.connect(server.url, token=server.token) as log,
    ):
        receipts = await fill(log)
        with pytest.raises(LogFull):
            await log.append_all([large(new_id(), 100_000) for _ in range(5)])

        assert len(receipts) > 50
        assert await log.bounds() == Bounds(1, len(receipts))
    enlarging = await asyncio.create_subprocess_exec(
        *("mount", "-o", "remount,size=64m", str(small_disk))
    )
    assert await enlarging.wait() == 0

    async with (
        NatsServer(small_disk / "nats") as server,
        Log.connect(server.url, token=server.token) as log,
    ):
        ids = [record.decode().id async for record in log.read_all()]
        assert ids == [receipt.event_id for receipt in receipts]
        assert (await log.append(note(new_id()))).position == len(receipts) + 1


async def test_a_disk_that_others_filled_is_said(small_disk: Path) -> None:
    """The server does not answer an append when a write fails: the log finds out why."""
    async with (
        NatsServer(small_disk / "nats") as server,
        Log.connect(server.url, token=server.token, timeout_s=1) as log,
    ):
        stored = await log.append(large(new_id(), 100_000))
        ballast = os.open(small_disk / "ballast", os.O_CREAT | os.O_WRONLY)
        try:
            while os.write(ballast, b"x" * 4096):
                pass
        except OSError:
            os.close(ballast)
        with pytest.raises(LogFull):
            await log.append(large(new_id(), 100_000))

        assert (await log.bounds()).last == stored.position


async def test_a_server_that_comes_back_elsewhere_is_found(tmp_path: Path) -> None:
    """Asked before each reconnection, `locate` gives another port and another token."""
    async with NatsServer(tmp_path / "first") as first, NatsServer(tmp_path / "second") as second:
        at = [(first.url, first.token)]
        async with (
            Log.connect(
                first.url, token=first.token, timeout_s=PATIENCE_S, locate=lambda: at[0]
            ) as log,
            Log.connect(second.url, token=second.token) as other,
        ):
            before = await other.append(large(new_id(), 10))
            at[0] = (second.url, second.token)
            await first.__aexit__(None, None, None)

            receipt = await log.append(large(new_id(), 10))
            found = log.url

    assert first.token != second.token
    assert (receipt.position, found) == (before.position + 1, second.url)


@in_full_only
async def test_with_room_again_the_same_server_takes_more(small_disk: Path) -> None:
    """Others fill the disk and clear it: the log goes on by itself, and nothing is lost."""
    filler = small_disk / "filler"
    async with (
        NatsServer(small_disk / "nats") as server,
        Log.connect(server.url, token=server.token, timeout_s=2) as log,
    ):
        free = os.statvfs(small_disk)
        room = free.f_bavail * free.f_frsize - 300_000
        filler.write_bytes(b"\0" * room)
        receipts = await fill(log)
        with pytest.raises(LogFull):
            await log.append(large(new_id(), 100_000))

        filler.unlink()
        receipts.append(await taken(log))

        ids = [record.decode().id async for record in log.read_all()]
        assert [one.event_id for one in receipts] == [
            event_id for event_id in ids if event_id in {one.event_id for one in receipts}
        ]
        assert (await log.append(note(new_id()))).position == len(ids) + 1


async def taken(log: Log) -> Receipt:
    """Append until the log takes an event again."""
    event = note(new_id())
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await log.append(event)
            except (LogFull, LogUnavailable):
                await asyncio.sleep(0.2)


async def fill_with_batches(log: Log) -> tuple[list[Receipt], list[Event]]:
    """Append batches until the log takes no more; return the receipts, and the batch not taken."""
    receipts: list[Receipt] = []
    while True:
        batch = [large(new_id(), 2000) for _ in range(200)]
        try:
            receipts += await log.append_all(batch)
        except LogFull:
            return receipts, batch


@in_full_only
async def test_a_batch_that_meets_the_end_of_the_disk_is_whole_with_room(small_disk: Path) -> None:
    """Part of it may be readable before; appended again it gives its receipts, and stands once."""
    filler = small_disk / "filler"
    async with (
        NatsServer(small_disk / "nats") as server,
        Log.connect(server.url, token=server.token, timeout_s=2) as log,
    ):
        free = os.statvfs(small_disk)
        filler.write_bytes(b"\0" * (free.f_bavail * free.f_frsize - 2_500_000))
        kept, batch = await fill_with_batches(log)
        part = (await log.bounds()).last - len(kept)

        filler.unlink()
        await taken(log)
        again = await log.append_all(batch)

        ids = [record.decode().id async for record in log.read_all()]
        wanted = [*(one.event_id for one in kept), *(one.id for one in batch)]
        assert 0 <= part <= len(batch)
        assert [one.event_id for one in again] == wanted[len(kept) :]
        assert [one for one in ids if one in set(wanted)] == wanted
