"""Sealed namespaces on a real server: what the log holds, what readers get, what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from anabranch_events import Log, encode, new_event, new_id, subject
from anabranch_events.errors import (
    EventInvalid,
    InputInvalid,
    LogRefused,
    NamespaceEnded,
)
from anabranch_events.event.types import (
    InsightCited,
    Outcome,
    SessionOpened,
)
from anabranch_events.transcripts.stream import TranscriptKey
from tests.support.bytes_held import held
from tests.support.sealed_store import NEEDLE, SECRET, SealedStore, secret_insight

if TYPE_CHECKING:
    from anabranch_events import Event


async def test_whatever_way_an_event_comes_in_it_reads_the_same_and_stands_nowhere_plain(
    sealed_store: SealedStore,
) -> None:
    """One by one, in a batch, by an import; by session, as a whole, by its position."""
    log = sealed_store.log
    events = [sealed_store.event(secret_insight()) for _ in range(40)]
    await log.append(events[0])
    await log.append_all(events[1:20])
    await log.ingest(events[20:])

    one_by_one = [one.decode() async for one in log.read(sealed_store.session_id, namespace="acme")]
    at_once = [one.decode() async for one in log.read_all(after=1)]
    last = await log.last_of(sealed_store.session_id, namespace="acme")

    assert one_by_one == at_once == events
    assert last is not None
    assert last.decode() == events[-1]
    assert held(sealed_store.folder, NEEDLE) == []
    assert (await log.verify()).unreadable == ()


async def test_large_data_are_sealed_in_the_object_store_too(sealed_store: SealedStore) -> None:
    """Past 512 KiB they stand there, as ciphertext; attributes of others stand in the log."""
    event = sealed_store.event(secret_insight(SECRET * 30_000)).model_copy()
    event.__pydantic_extra__ = {"comment": SECRET}  # pyright: ignore[reportAttributeAccessIssue]

    receipt = await sealed_store.log.append(event)

    record = await sealed_store.record(receipt.position)
    assert record.decode() == event
    assert held(sealed_store.folder, NEEDLE) == []


async def test_an_append_that_is_repeated_is_known_by_what_it_says(
    sealed_store: SealedStore,
) -> None:
    """The ciphertext is another each time."""
    event = sealed_store.event(secret_insight())
    first = await sealed_store.log.append(event)

    again = await sealed_store.log.append(event)
    other = event.model_copy(update={"data": secret_insight("something else")})

    assert again == first
    with pytest.raises(EventInvalid, match="another event"):
        await sealed_store.log.append(other)


async def test_a_namespace_is_sealed_before_its_first_event_or_never(
    sealed_store: SealedStore,
) -> None:
    """And for ever: asking again changes nothing."""
    known = await sealed_store.log.sealed_namespaces()
    event = new_event(SessionOpened(task="Look"), session_id=new_id(), namespace="open")
    await sealed_store.log.append(event)

    assert await sealed_store.log.seal("acme") == known["acme"]
    with pytest.raises(InputInvalid, match="open has events already"):
        await sealed_store.log.seal("open")
    assert SECRET.encode() not in (await sealed_store.record(known["acme"])).raw


async def test_a_writer_is_told_where_a_namespace_was_sealed_under_its_hands(
    sealed_store: SealedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first event there was made before the seal, and stored behind it, in plain text."""
    async with Log.connect(sealed_store.server.url, token=sealed_store.server.token) as log:
        documents = log._documents  # pyright: ignore[reportPrivateUsage]
        written = documents.written

        async def slowly(event: Event) -> bytes:
            document = await written(event)
            await sealed_store.log.seal(event.namespace)
            return document

        def event(namespace: str) -> Event:
            return new_event(secret_insight(), session_id=new_id(), namespace=namespace)

        with monkeypatch.context() as patch:
            patch.setattr(documents, "written", slowly)
            with pytest.raises(LogRefused, match="one was sealed just before"):
                await log.append(event("one"))
            with pytest.raises(LogRefused, match="two was sealed just before"):
                await log.append_all([event("two"), event("two")])
            with pytest.raises(LogRefused, match="three was sealed just before"):
                await log.ingest([event("three")])
        again = event("one")
        receipt = await log.append(again)

    assert (await sealed_store.record(receipt.position)).decode() == again


async def test_a_namespace_with_transcripts_is_not_sealed(sealed_store: SealedStore) -> None:
    """They are plain text, and forgetting would not reach them."""
    key = TranscriptKey("agents", "project", new_id())
    await sealed_store.log.transcripts.ensure()
    await sealed_store.log.transcripts.append(key, [{"uuid": new_id(), "text": SECRET}])

    with pytest.raises(InputInvalid, match="has transcripts"):
        await sealed_store.log.seal("agents")


async def test_plain_text_of_a_foreign_producer_is_refused(sealed_store: SealedStore) -> None:
    """It is in the log by then; but nobody shows it, and it becomes no insight."""
    client = sealed_store.log.connection.jetstream()
    place = subject("acme", sealed_store.session_id)
    said = await client.publish(place, encode(sealed_store.event(secret_insight())))
    cited = sealed_store.event(InsightCited(insight_ids=(new_id(),), outcome=Outcome.USED))
    plain = await client.publish(place, encode(cited))

    with pytest.raises(EventInvalid, match="says something in plain text") as refused:
        (await sealed_store.record(said.seq)).decode()
    assert SECRET not in str(refused.value)
    assert (await sealed_store.record(plain.seq)).decode() == cited


async def test_a_seal_in_an_open_namespace_is_none(sealed_store: SealedStore) -> None:
    """Whoever may publish there could make readers wait for keys that never were."""
    sealed = (await sealed_store.record(await sealed_store.append(secret_insight()))).raw
    members = {**orjson.loads(sealed), "namespace": "open"}
    client = sealed_store.log.connection.jetstream()
    told = await client.publish(subject("open", sealed_store.session_id), orjson.dumps(members))

    with pytest.raises(EventInvalid):
        (await sealed_store.record(told.seq)).decode()


async def test_a_sealed_namespace_is_known_also_while_a_reading_is_due(
    sealed_store: SealedStore,
) -> None:
    """By who has read nothing yet, and by who has just lost the connection."""
    async with Log.connect(sealed_store.server.url, token=sealed_store.server.token) as log:
        fresh = await log.is_sealed("acme")
        log._documents.sealed.forget()  # pyright: ignore[reportPrivateUsage]
        again = await log.is_sealed("acme")

        assert (fresh, again) == (True, True)
        assert not await log.is_sealed("open")


async def test_a_deleted_namespace_is_read_without_its_keys_and_is_sealed_no_more(
    sealed_store: SealedStore,
) -> None:
    """A deletion that was stopped behind them goes on: what is left of it reads as erased."""
    position = await sealed_store.append(secret_insight())
    deletion = sealed_store.log.deletion("acme")
    await deletion.end()
    await deletion.drop_keys()

    async with Log.connect(sealed_store.server.url, token=sealed_store.server.token) as log:
        left = await log.at(position)
        known = await log.sealed_namespaces()
        with pytest.raises(NamespaceEnded):
            await log.seal("acme")

    assert left is not None
    assert left.erased
    assert known == {}
