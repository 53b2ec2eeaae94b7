"""A log that has lost events says so, wherever one looks, and nothing is built on the rest."""

from __future__ import annotations

import asyncio
import io
import shutil
from typing import TYPE_CHECKING

import orjson
import pytest
from nats.js.api import StreamSource

from anabranch import Memory
from anabranch.doctor import examine
from anabranch.memory.memory import namespace_of
from anabranch.transfer.manifest import verify_lines
from anabranch_events.errors import LogDamaged, LogReplaced, LogRewound
from anabranch_events.read.continuity import Continuity
from tests.support.patience import PATIENCE_S
from tests.support.rounds import in_full_only

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from anabranch.doctor import Check
    from anabranch.settings import Settings
    from anabranch_events import Recorded

pytestmark = [pytest.mark.timeout(1200), in_full_only]

EVENTS = 30


@pytest.fixture
def mine(own_settings: Settings) -> Settings:
    """Give settings for a home without vectors."""
    return own_settings.changed(embedder="none")


async def filled(settings: Settings, *, to: int = EVENTS) -> str:
    """Fill a log and its graph; return the graph's digest."""
    async with Memory.open(settings=settings) as memory:
        session = await memory.open_session("notes on the mill")
        for number in range(to - 1):
            await session.remember(f"Grain sack {number} is dry")
        await memory.wait_for(to)
        return (await memory.graph.digest()).digest


def blocks(settings: Settings) -> list[Path]:
    """Return the files that hold the log's messages."""
    return sorted(settings.home.rglob("ANABRANCH_EVENTS/msgs/*.blk"))


def hurt(settings: Settings, change: Callable[[bytearray], None]) -> None:
    """Change the log's first file of messages; its index is lost as in a power failure."""
    path = blocks(settings)[0]
    content = bytearray(path.read_bytes())
    change(content)
    path.write_bytes(content)
    path.with_name("index.db").unlink(missing_ok=True)


def flipped(content: bytearray) -> None:
    """Flip a bit in the middle."""
    content[len(content) // 2] ^= 1


def garbled(content: bytearray) -> None:
    """Make noise of all."""
    content[:] = bytes(each * 167 % 251 for each in range(len(content)))


def cut(content: bytearray) -> None:
    """Lose the second half."""
    del content[len(content) // 2 :]


async def log_check(settings: Settings) -> Check:
    """Return what the doctor says of the log."""
    return next(one for one in await examine(settings) if one.name == "log")


@pytest.mark.parametrize("damage", [flipped, garbled, cut])
async def test_a_log_that_lost_its_end_is_never_taken_for_the_whole(
    mine: Settings, damage: Callable[[bytearray], None]
) -> None:
    """Status, doctor, verification, export, import and rebuild say it; the graph stays."""
    digest = await filled(mine)
    hurt(mine, damage)

    async with Memory.open(settings=mine) as memory:
        status = await memory.status()
        report = await memory.transfer.verify_log()
        with pytest.raises(LogRewound):
            await memory.graph.rebuild()
        with pytest.raises(LogRewound):
            await memory.transfer.import_lines([])
        kept = await memory.graph.digest()
    doctor = await log_check(mine)

    assert status.log.last < EVENTS
    assert status.log.damage is not None
    assert f"was read up to {EVENTS}" in status.log.damage
    assert report.missing == ((status.log.last + 1, EVENTS),)
    assert (doctor.ok, "--accept-loss" in (doctor.fix or "")) == (False, True)
    assert f"missing at {status.log.last + 1} to {EVENTS}" in doctor.detail
    assert (kept.digest, kept.position) == (digest, EVENTS)


async def test_an_accepted_loss_is_written_down_and_all_goes_on(mine: Settings) -> None:
    """After a rebuild of what is left, new events are taken and found, and nothing complains."""
    await filled(mine)
    hurt(mine, cut)

    async with Memory.open(settings=mine) as memory:
        rebuilt = await memory.graph.rebuild(accept_loss=True)
        told = await memory.remember("The mill is open again")
        hits = (await memory.recall("mill", after=told.position, wait_s=60)).hits
        ledger = namespace_of(memory).backend.log.ledger
        assert ledger is not None
        cuts = await ledger.cuts()
        status = await memory.status()
    doctor = await log_check(mine)

    assert cuts == [(rebuilt.position + 1, EVENTS)]
    assert "The mill is open again" in [hit.text for hit in hits]
    assert status.log.damage is None
    assert doctor.ok


def end_flipped(settings: Settings) -> None:
    """Flip a bit of the last message; the server's index, which is whole, still counts it."""
    path = blocks(settings)[-1]
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)


async def test_a_last_event_that_cannot_be_read_is_told(mine: Settings) -> None:
    """Nothing waits for it: status, doctor, export, import and rebuild name its position."""
    digest = await filled(mine)
    end_flipped(mine)

    async with asyncio.timeout(PATIENCE_S), Memory.open(settings=mine) as memory:
        status = await memory.status()
        report = await memory.transfer.verify_log()
        with pytest.raises(LogDamaged) as exported:
            await memory.transfer.export(io.BytesIO())
        with pytest.raises(LogDamaged) as rebuilt:
            await memory.graph.rebuild()
        with pytest.raises(LogDamaged):
            await memory.transfer.import_lines([])
        kept = await memory.graph.digest()
    doctor = await log_check(mine)

    lost = ((EVENTS, EVENTS),)
    assert (status.log.last, status.log.missing) == (EVENTS, 1)
    assert exported.value.missing == rebuilt.value.missing == report.missing == lost
    assert (doctor.ok, f"missing at {EVENTS}" in doctor.detail) == (False, True)
    assert kept.digest == digest


async def test_a_lost_end_is_told_before_the_graph_has_it(mine: Settings) -> None:
    """A projector that comes to the end stops there, and calls say why; accepted, all goes on."""
    async with Memory.open(settings=mine) as memory:
        told = await memory.remember("The mill is open")
        await memory.wait_for(told.position)
        log = namespace_of(memory).backend.log
        first = await log.at(1)
        assert first is not None
        session = await memory.session(first.session_id)
        await session.remember("The mill is shut")
    end_flipped(mine)

    patient = mine.changed(wait_timeout_s=PATIENCE_S)
    async with asyncio.timeout(PATIENCE_S), Memory.open(settings=patient) as memory:
        status = await memory.status()
        rebuilt = await memory.graph.rebuild(accept_loss=True)
        hits = (await memory.recall("mill")).hits
        last = await memory.remember("The mill is open again")
        more = (await memory.recall("mill", after=last.position)).hits
        after = await memory.status()

    assert (status.log.missing, after.log.missing, rebuilt.position) == (1, 0, 3)
    assert [hit.text for hit in hits] == ["The mill is open"]
    assert {hit.text for hit in more} == {"The mill is open", "The mill is open again"}


async def lose(memory: Memory, *positions: int) -> None:
    """Take messages out of the stream, as nobody but a fault may."""
    log = namespace_of(memory).backend.log
    stream = log.connection.jetstream()
    config = (await stream.stream_info("ANABRANCH_EVENTS")).config
    for position in positions:
        recorded = await log.at(position)
        assert recorded is not None
        subject = f"anabranch.events.{recorded.namespace}.{recorded.session_id}"
        await stream.purge_stream(str(config.name), subject=subject)


async def test_a_lost_end_that_no_projector_read_is_told(
    mine: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner of the home notes where the log ends as it leaves."""

    async def nothing(self: Continuity, recorded: Recorded) -> None:
        """Note nothing, as a projector that did not come so far."""

    monkeypatch.setattr(Continuity, "note", nothing)
    await filled(mine)
    hurt(mine, cut)

    async with Memory.open(settings=mine) as memory:
        last = (await memory.status()).log.last
        report = await memory.transfer.verify_log()

    assert last < EVENTS
    assert report.missing == ((last + 1, EVENTS),)


async def test_a_graph_that_holds_nothing_has_nothing_to_lose(mine: Settings) -> None:
    """Where neither the log before nor the graph had an event, nobody asks for consent to a loss."""
    async with Memory.open(settings=mine) as memory:
        before = await memory.graph.digest()
    shutil.rmtree(next(mine.home.rglob("jetstream")))

    async with Memory.open(settings=mine) as memory:
        status = await memory.status()
        (listed,) = await memory.graph.generations()
        await memory.graph.rebuild()
        after = await memory.graph.digest()

    assert (status.log.damage, status.graph.rebuild_due, listed.rebuild_due) == (None, None, None)
    assert after == before


async def test_a_graph_that_holds_nothing_takes_the_log_that_it_is_first_filled_from(
    mine: Settings,
) -> None:
    """It is of no log before: what it then holds is of the log that is there."""
    async with Memory.open(settings=mine) as memory:
        await memory.graph.digest()
    shutil.rmtree(next(mine.home.rglob("jetstream")))
    await filled(mine, to=2)

    async with Memory.open(settings=mine) as memory:
        status = await memory.status()
    shutil.rmtree(next(mine.home.rglob("jetstream")))
    async with Memory.open(settings=mine) as memory:
        replaced = await memory.status()

    assert (status.log.damage, status.graph.rebuild_due) == (None, None)
    assert replaced.graph.rebuild_due == "it was filled from another log"


@pytest.mark.parametrize("gone", ["ANABRANCH_EVENTS", "jetstream"])
async def test_a_log_whose_files_are_gone_is_never_taken_for_an_empty_one(
    mine: Settings, gone: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With the ledger beside it or without: a rebuild keeps the graph, unless the loss is accepted."""
    digest = await filled(mine)
    shutil.rmtree(next(mine.home.rglob(gone)))

    async with Memory.open(settings=mine) as memory:
        with pytest.raises((LogReplaced, LogRewound), match=r"was read|is empty"):
            await memory.graph.rebuild()
        try:
            sound = (await memory.transfer.verify_log()).sound
        except LogReplaced:
            sound = False
        kept = await memory.graph.digest()
        status = await memory.status()
    doctor = {one.name: one for one in await examine(mine)}
    warned = [one.getMessage() for one in caplog.records if "rebuild" in one.getMessage()]
    async with Memory.open(settings=mine) as memory:
        begun = await memory.graph.rebuild(accept_loss=True)
        after = await memory.status()
        again = await memory.transfer.verify_log()

    assert (kept.digest, sound) == (digest, False)
    assert "it is empty" in (status.log.damage or "")
    assert status.graph.rebuild_due is not None
    assert warned
    for advice in (*warned, doctor["log"].fix, doctor["generation"].fix):
        assert "`anabranch rebuild --accept-loss`" in str(advice)
        assert "`anabranch rebuild`" not in str(advice)
    assert (begun.events, after.log.damage, again.sound) == (0, None, True)


async def test_a_stream_that_takes_times_to_live_is_told(mine: Settings) -> None:
    """It is no fault of the log; the doctor says what may come of it."""
    async with Memory.open(settings=mine) as memory:
        await memory.remember("The mill is open")
        stream = namespace_of(memory).backend.log.connection.jetstream()
        config = (await stream.stream_info("ANABRANCH_EVENTS")).config
        await stream.update_stream(config, allow_msg_ttl=True)

    told = {one.name: one for one in await examine(mine)}

    assert (told["log"].ok, told["stream"].ok) == (True, True)
    assert "allow_msg_ttl is switched on" in told["stream"].detail


async def test_a_mirror_that_answers_for_the_log_is_told(mine: Settings) -> None:
    """One of another stream is nobody's matter, nor is a stream that takes the log as a source.

    See findings/nats_a_mirror_answers_for_its_origin.sh (nats-server 2.15.1).
    """
    async with Memory.open(settings=mine) as memory:
        await memory.remember("The mill is open")
        streams = namespace_of(memory).backend.log.connection.jetstream()
        await streams.add_stream(name="ARCHIVE", sources=[StreamSource(name="ANABRANCH_EVENTS")])
        await streams.add_stream(name="COPY", mirror=StreamSource(name="ARCHIVE"))
        before = await examine(mine)
        await streams.add_stream(name="TWIN", mirror=StreamSource(name="ANABRANCH_EVENTS"))

    (told,) = [one for one in await examine(mine) if one.name == "mirrors"]

    assert [one for one in before if one.name == "mirrors"] == []
    assert not told.ok
    assert told.detail.startswith("TWIN stands in the log's account and answers reads of it")
    assert "another account" in str(told.fix)


async def test_holes_are_told_with_their_positions(mine: Settings) -> None:
    """An export says in its manifest what it lacks; a rebuild stops before it makes a graph live."""
    async with Memory.open(settings=mine) as memory:
        for number in range(4):
            await memory.remember(f"Sluice {number} is shut")
        await memory.wait_for(8)
        digest = (await memory.graph.digest()).digest
        await lose(memory, 3, 7)
        target = io.BytesIO()
        with pytest.raises(LogDamaged) as exported:
            await memory.transfer.export(target)
        status = await memory.status()
        with pytest.raises(LogDamaged) as rebuilt:
            await memory.graph.rebuild()
        with pytest.raises(LogDamaged):
            await memory.transfer.import_lines([])
        still = (await memory.graph.digest()).digest
        manifest = verify_lines(io.BytesIO(target.getvalue()))
        report = await memory.transfer.verify_log(accept_loss=True)
        again = await memory.transfer.export(io.BytesIO())
        await memory.graph.rebuild()
        after = await memory.status()
        last = await memory.remember("Sluice 4 is shut")
        async with asyncio.timeout(PATIENCE_S):  # The index begins without what was lost.
            hits = (await memory.recall("sluice", after=last.position)).hits
            while len(hits) > 3:
                await asyncio.sleep(0.2)
                hits = (await memory.recall("sluice", after=last.position)).hits

    holes = ((3, 4), (7, 8))
    assert exported.value.missing == rebuilt.value.missing[:1] + holes[1:] == holes
    assert (status.log.missing, after.log.missing) == (4, 0)
    assert manifest.missing == report.missing == holes
    assert still == digest
    assert again == 4
    assert {hit.text for hit in hits} == {f"Sluice {n} is shut" for n in (0, 2, 4)}


async def test_a_changed_event_is_found_though_its_checksum_fits(mine: Settings) -> None:
    """The log was replaced by one that says something else at the same positions."""
    await filled(mine, to=5)
    async with Memory.open(settings=mine) as memory:
        log = namespace_of(memory).backend.log
        assert log.ledger is not None
        tip = await log.ledger.tip()
        assert tip is not None
        await log.ledger.note_tip(tip._replace(digest="0" * 64))

        report = await memory.transfer.verify_log()

    assert (report.sound, report.changed) == (False, ((tip.position, tip.position),))


async def test_messages_that_are_no_events_are_told_and_hold_up_nothing(mine: Settings) -> None:
    """What does not decode, and what names another session than its subject's, is listed."""
    async with Memory.open(settings=mine) as memory:
        told = await memory.remember("Sluice 1 is shut")
        log = namespace_of(memory).backend.log
        stream = log.connection.jetstream()
        first = await log.at(1)
        assert first is not None
        elsewhere = "anabranch.events.default.01a20000-0000-7000-8000-00000000000f"
        await stream.publish(elsewhere, first.raw)
        await stream.publish(elsewhere, orjson.dumps({"hello": 1}))
        report = await memory.transfer.verify_log()

    assert told.position == 2
    assert [one.position for one in report.unreadable] == [3, 4]
    assert "stored under" in report.unreadable[0].reason
    assert (report.sound, report.events) == (True, 2)
