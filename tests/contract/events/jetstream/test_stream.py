"""The stream and what stands beside it: buckets, announcements, settings."""

from __future__ import annotations

import asyncio

import pytest
from nats.js.api import RePublish, StreamSource
from nats.js.errors import APIError

from anabranch_events import STREAM, Bounds, Log, NatsServer
from anabranch_events.errors import (
    InputInvalid,
    LogFull,
    LogRefused,
    StreamDrifted,
)
from anabranch_events.event.identifiers import new_id
from tests.support.events import note, notes
from tests.support.logs import append_each
from tests.support.patience import PATIENCE_S


async def test_listeners_hear_the_newest_position(log: Log, nats_server: NatsServer) -> None:
    """Who listens is told how far a projection is, over any connection, other news left out."""
    async with (
        Log.connect(nats_server.url, token=nats_server.token) as other,
        log.announced("graph") as positions,
        asyncio.timeout(PATIENCE_S),
    ):
        await other.announce("vectors", 9)
        await other.announce("graph", 7)
        assert await anext(positions) == 7
        await other.announce("graph", 8)
        assert await anext(positions) == 8


async def test_a_bucket_keeps_the_last_value_of_a_key(log: Log) -> None:
    """A bucket is made once and found again; a key that is not there has no value."""
    bucket = await log.bucket("ANABRANCH_VECTORS")
    await bucket.put("model.abc", b"one")
    await bucket.put("model.abc", b"two")

    same = await log.bucket("ANABRANCH_VECTORS")

    assert await same.get("model.abc") == b"two"
    assert await same.get("model.abd") is None
    with pytest.raises(InputInvalid):
        await same.get("no key")


async def test_the_stream_is_made_once(log: Log, nats_server: NatsServer) -> None:
    """A second start finds the stream as it is."""
    await log.append(note(new_id()))

    async with Log.connect(nats_server.url, token=nats_server.token) as again:
        assert await again.bounds() == Bounds(1, 1)


async def test_a_stream_that_drifted_is_refused_with_the_difference_named(
    log: Log, nats_server: NatsServer
) -> None:
    """Settings that somebody else reset do not go unnoticed."""
    manager = log.connection.jetstream()
    config = (await manager.stream_info(STREAM)).config
    config.allow_atomic = False
    config.duplicate_window = 120
    await manager.update_stream(config)

    with pytest.raises(StreamDrifted) as refused:
        async with Log.connect(nats_server.url, token=nats_server.token):
            pass

    assert refused.value.differences == {
        "allow_atomic": (False, True),
        "duplicate_window": (120 * 10**9, 600 * 10**9),
    }
    assert "allow_atomic" in refused.value.message


async def test_a_stream_that_takes_times_to_live_goes_on_and_says_so(
    log: Log, nats_server: NatsServer
) -> None:
    """The server never lets it be switched off again, and no event of ours has one.

    A message that has one and runs out takes the fence of its session along, and its position is
    missing. See findings/nats_expectation_goes_back_with_what_is_gone.sh (nats-server 2.15.1).
    """
    manager = log.connection.jetstream()
    config = (await manager.stream_info(STREAM)).config
    before = await log.tolerated()
    await manager.update_stream(config, allow_msg_ttl=True)

    with pytest.raises(APIError, match="message TTL status can not be disabled"):
        await manager.update_stream(config, allow_msg_ttl=False)
    async with Log.connect(nats_server.url, token=nats_server.token) as again:
        await again.append(note(new_id()))
        assert (before, await again.tolerated()) == ([], ["allow_msg_ttl"])
    message = await manager.get_msg(STREAM, 1)
    assert "Nats-TTL" not in (message.headers or {})


async def test_a_mirror_that_answers_for_the_log_is_found(log: Log) -> None:
    """Neither a stream that takes the log as a source nor a mirror of that one answers for it.

    See findings/nats_a_mirror_answers_for_its_origin.sh (nats-server 2.15.1).
    """
    streams = log.connection.jetstream()
    await streams.add_stream(name="ARCHIVE", sources=[StreamSource(name=STREAM)])
    await streams.add_stream(name="COPY", mirror=StreamSource(name="ARCHIVE"))
    before = await log.doubles()
    await streams.add_stream(name="TWIN", mirror=StreamSource(name=STREAM))

    assert (before, await log.doubles()) == ([], ["TWIN"])


async def test_limits_that_an_operator_set_are_told_with_the_way_out(log: Log) -> None:
    """Each is refused with what to do, and found beforehand; nothing of it is a passing outage.

    nats-server 2.15.1 gives a refused purge the status 500, and takes `deny_purge` back no more.
    """
    streams = log.connection.jetstream()
    await log.append(note(new_id()))
    config = (await streams.stream_info(STREAM)).config

    async def told(**limits: object) -> list[tuple[str, bool]]:
        await streams.update_stream(config, **limits)
        return [(one.setting, one.stops) for one in await log.hindrances()]

    assert await told() == []
    assert await told(max_msg_size=100) == [("max_msg_size", True)]
    with pytest.raises(LogRefused) as too_large:
        await log.append(note(new_id()))
    assert await told(max_consumers=1) == [("max_consumers", True)]
    await streams.pull_subscribe("", "somebody", STREAM)
    with pytest.raises(LogRefused) as too_many:
        [one async for one in log.read_all()]
    assert await told(max_msgs=2) == [("max_msgs", True)]
    assert await told(max_bytes=2**20) == [("max_bytes", True)]
    assert await told(deny_purge=True) == [("deny_purge", False)]
    before = await log.bounds()
    with pytest.raises(LogRefused) as kept:
        await log.deletion("default").end()
    with pytest.raises(LogRefused) as unpurged:
        await log.deletion("default").purge()

    assert await log.bounds() == before
    assert "max_msg_size" in too_large.value.fix
    assert "max_consumers" in too_many.value.fix
    assert "deny_purge" in kept.value.message
    assert "deny_purge" in unpurged.value.fix


async def test_a_stream_in_which_messages_take_others_along_is_refused(
    log: Log, nats_server: NatsServer
) -> None:
    """A roll-up takes the history of its session along.

    See findings/nats_a_schedule_replaces_the_history_of_its_subject.sh (nats-server 2.15.1). Schedules
    the server refuses itself, as the log discards new messages when it is full.
    """
    manager = log.connection.jetstream()
    config = (await manager.stream_info(STREAM)).config
    await manager.update_stream(config, allow_rollup_hdrs=True)

    with pytest.raises(StreamDrifted) as refused:
        async with Log.connect(nats_server.url, token=nats_server.token):
            pass

    assert refused.value.differences == {"allow_rollup_hdrs": (True, False)}


async def test_more_replicas_and_a_size_limit_are_the_operators_to_choose(
    log: Log, nats_server: NatsServer
) -> None:
    """A limit on the stream's size is no drift; reaching it drops nothing and is said."""
    manager = log.connection.jetstream()
    config = (await manager.stream_info(STREAM)).config
    config.max_bytes = 20_000
    await manager.update_stream(config)

    async with Log.connect(nats_server.url, token=nats_server.token) as again:
        with pytest.raises(LogFull):
            await append_each(again, notes(new_id(), 1000))
        stored = await again.bounds()
        with pytest.raises(LogFull):
            await again.append_all(notes(new_id(), 100))

        assert stored.first == 1
        assert await again.bounds() == stored


async def test_an_archive_takes_the_log_as_a_source_and_not_what_it_republishes(log: Log) -> None:
    """A stream with the log as its source has every event; one of its copies lacks most of them.

    nats-server 2.15.1 republishes a message with the headers it came with, and the stream that
    listens obeys them: conditional events are refused there, and batches begin and never end
    (findings/nats_republish_into_a_stream_loses_batches.sh).
    """
    stream = log.connection.jetstream()
    settings = (await stream.stream_info(STREAM)).config
    settings.republish = RePublish(src=">", dest="copies.>")
    await stream.update_stream(settings)
    await stream.add_stream(name="ARCHIVE", sources=[StreamSource(name=STREAM)])
    first, *others = notes(new_id(), 4)
    session_id = new_id()
    await log.append(first)
    await stream.add_stream(name="COPIES", subjects=["copies.>"])
    opened = await log.append(note(session_id), expected=0)
    await log.append(note(session_id), expected=opened.position)
    await log.append_all(others)

    async with asyncio.timeout(PATIENCE_S):
        while (await stream.stream_info("ARCHIVE")).state.messages < 6:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await stream.publish("copies.end", b"")  # What was republished before it is decided on then.

    assert (await stream.stream_info("COPIES")).state.messages == 2
    archived = [await stream.get_msg("ARCHIVE", position) for position in range(1, 7)]
    assert [record.raw async for record in log.read_all()] == [one.data for one in archived]


async def test_an_archive_by_sources_has_positions_and_times_of_its_own(log: Log) -> None:
    """So no time of an archive tells what the log held then: nats-server 2.15.1 stores copies anew.

    See findings/nats_a_stream_of_sources_forgets_when_it_was.sh.
    """
    stream = log.connection.jetstream()
    await log.append_all(notes(new_id(), 3))
    await stream.purge_stream(STREAM, seq=2)
    last = (await stream.get_msg(STREAM, 3)).time
    await stream.add_stream(name="ARCHIVE", sources=[StreamSource(name=STREAM)])

    async with asyncio.timeout(PATIENCE_S):
        while (await stream.stream_info("ARCHIVE")).state.messages < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    archived = [await stream.get_msg("ARCHIVE", position) for position in (1, 2)]
    assert [one.data for one in archived] == [record.raw async for record in log.read_all()]
    assert last is not None
    assert all(one.time is not None and one.time >= last for one in archived)
