"""Keys of a sealed namespace: writers find their blocks again, readers wait for what is missing."""

from __future__ import annotations

from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING

import pytest

from anabranch_events import Log, NatsServer, new_event, new_id
from anabranch_events.errors import (
    LogUnavailable,
)
from anabranch_events.event.types import (
    EventData,
    InsightForgotten,
)
from anabranch_events.jetstream import key_blocks
from tests.support.sealed_store import KEYS, SealedStore, secret_insight

if TYPE_CHECKING:
    from pathlib import Path

    from anabranch_events import Recorded


async def test_a_writer_goes_on_with_another_block_where_the_stream_was_made_anew(
    sealed_store: SealedStore,
) -> None:
    """What is written before somebody accepts the loss is refused, and nothing is born erased."""
    async with Log.connect(sealed_store.server.url, token=sealed_store.server.token) as other:
        await sealed_store.append(secret_insight())
        await sealed_store.log.connection.jetstream().delete_stream(KEYS)
        await other.seal("acme", accept_loss=True)

        said = secret_insight()
        assert await sealed_store.data(await sealed_store.append(said)) == said


async def test_a_writer_looks_whether_its_block_is_still_there(
    sealed_store: SealedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be gone without a word: the stream was restored from an older backup."""
    await sealed_store.append(secret_insight())
    monkeypatch.setattr(key_blocks, "SEEN_S", 0.0)
    await sealed_store.log.connection.jetstream().purge_stream(KEYS)

    said = secret_insight()
    assert await sealed_store.data(await sealed_store.append(said)) == said
    await sealed_store.log.connection.jetstream().delete_stream(KEYS)
    with pytest.raises(LogUnavailable, match="ANABRANCH_KEYS_acme is missing"):
        await sealed_store.append(secret_insight())


async def test_a_writer_takes_another_block_after_a_lost_connection(tmp_path: Path) -> None:
    """The server may have lost power, and with it the last block."""
    first, second = NatsServer(tmp_path), NatsServer(tmp_path)
    async with AsyncExitStack() as stack:
        async with first:
            log = await stack.enter_async_context(
                Log.connect(first.url, token=first.token, locate=lambda: (second.url, second.token))
            )
            await log.seal("acme")
            one, other = (
                new_event(secret_insight(), session_id=new_id(), namespace="acme") for _ in range(2)
            )
            await log.append(one)
            await log.connection.jetstream().purge_stream(KEYS)
        async with second:
            position = (await log.append(other)).position
            found = await log.at(position)
            await stack.aclose()

    assert found is not None
    assert found.decode() == other


async def test_keys_that_are_not_there_are_waited_for_until_somebody_accepts_the_loss(
    sealed_store: SealedStore,
) -> None:
    """A stream that is missing is an outage: nothing is taken for erased."""
    position = await sealed_store.append(secret_insight())
    await sealed_store.log.connection.jetstream().delete_stream(KEYS)

    async with Log.connect(sealed_store.server.url, token=sealed_store.server.token) as log:
        with pytest.raises(LogUnavailable, match="ANABRANCH_KEYS_acme is missing"):
            await log.at(position)
        await log.seal("acme")
        with pytest.raises(LogUnavailable):
            await log.at(position)
        await log.seal("acme", accept_loss=True)
        found = await log.at(position)
        erased = await log.erasure("acme").erased()
        await log.append(sealed_store.event(secret_insight()))
        await log.seal("acme", accept_loss=True)
        again = await log.erasure("acme").erased()

    assert found is not None
    assert found.erased
    assert erased == again == position


async def test_who_follows_waits_for_keys_that_are_away_for_a_moment(
    sealed_store: SealedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No record is missing then, and none comes twice; a reading with an end says so."""
    data = [secret_insight(str(number)) for number in range(3)]
    for one in data:
        await sealed_store.append(one)
    documents = sealed_store.log._documents  # pyright: ignore[reportPrivateUsage]
    opened, fails = documents.opened, iter((True, True, False, True, False, False, True))

    async def away(record: Recorded) -> Recorded:
        if next(fails):
            raise LogUnavailable("the server is away", fix="wait")
        return await opened(record)

    def not_here(_: Recorded) -> None: ...

    monkeypatch.setattr(documents, "opened_here", not_here)
    monkeypatch.setattr(documents, "opened", away)

    told: list[EventData] = []
    async with aclosing(sealed_store.log.subscribe(after=1)) as found:
        async for record in found:
            told.append(record.decode().data)
            if len(told) == len(data):
                break

    assert told == data
    with pytest.raises(LogUnavailable):
        assert [record async for record in sealed_store.log.read_all()]


async def test_missing_keys_of_one_namespace_stop_no_erasure_in_another(
    sealed_store: SealedStore,
) -> None:
    """Nor its deletion: each opens only its own events."""
    log = sealed_store.log
    await log.seal("other")
    await log.append(new_event(secret_insight(), session_id=new_id(), namespace="other"))
    await log.connection.jetstream().delete_stream("ANABRANCH_KEYS_other")
    one = secret_insight()
    await sealed_store.append(one)
    await sealed_store.append(InsightForgotten(insight_id=one.insight_id, receipt="requested"))

    async with Log.connect(sealed_store.server.url, token=sealed_store.server.token) as fresh:
        erased = await fresh.erasure("acme").run()
        deletion = fresh.deletion("acme")
        seen: list[Recorded] = []
        await deletion.note(await deletion.end(), seen=seen.append)

    assert erased.keys == 1
    assert [record.erased for record in seen] == [True, False]
