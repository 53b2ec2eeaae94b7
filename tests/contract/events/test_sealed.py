"""Sealed namespaces on a real server: what the log holds, what readers get, what is erased."""

from __future__ import annotations

from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING

import orjson
import pytest

from anabranch_events import Log, NatsServer, encode, erasure, new_event, new_id, subject
from anabranch_events.errors import (
    EventInvalid,
    InputInvalid,
    LogRefused,
    LogUnavailable,
    NamespaceEnded,
)
from anabranch_events.event.sealing import Box, block_of, boxes_of, unreadable
from anabranch_events.event.types import (
    AssociationFormed,
    BranchCompleted,
    BranchCreated,
    ConsolidationRecorded,
    EventData,
    Insight,
    InsightCited,
    InsightForgotten,
    InsightRecorded,
    InsightRetracted,
    Outcome,
    SessionForgotten,
    SessionOpened,
    WorkingMemorySet,
)
from anabranch_events.jetstream import key_blocks
from anabranch_events.transcripts.stream import TranscriptKey
from tests.support.bytes_held import held

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from anabranch_events import Event, Recorded

SECRET = "The heron Quaggafix nests at Uji"
NEEDLE = b"quaggafix"
KEYS = "ANABRANCH_KEYS_acme"


class Store:
    """A server of the test's own with a log, in which `acme` is sealed."""

    def __init__(self, folder: Path, server: NatsServer, log: Log) -> None:
        self.folder = folder
        self.server = server
        self.log = log
        self.session_id = new_id()

    def event(self, data: EventData, *, session_id: str | None = None) -> Event:
        """Return an event of the session, or of another one."""
        return new_event(data, session_id=session_id or self.session_id, namespace="acme")

    async def append(self, data: EventData, *, session_id: str | None = None) -> int:
        """Append an event, and return its position."""
        event = self.event(data, session_id=session_id)
        return (await self.log.append(event)).position

    async def data(self, position: int) -> EventData:
        """Return what the event at a position says."""
        return (await self.record(position)).decode().data

    async def record(self, position: int) -> Recorded:
        """Return the record at a position."""
        found = await self.log.at(position)
        assert found is not None
        return found

    async def keys_of(self, position: int) -> list[bytes]:
        """Return the keys of a stored event, as they stand in the stream of keys."""
        raw = (await self.record(position)).raw
        message = await self.log.connection.jetstream().get_last_msg(
            KEYS, f"anabranch.keys.acme.block.{block_of(raw)}"
        )
        keys = message.data or b""
        return [keys[32 * box.slot : 32 * box.slot + 32] for box in boxes_of(raw)]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """A server whose every byte is looked at."""
    async with (
        NatsServer(tmp_path) as server,
        Log.connect(server.url, token=server.token) as log,
    ):
        await log.seal("acme")
        yield Store(tmp_path, server, log)


def _insight(text: str = SECRET, **fields: tuple[str, ...]) -> InsightRecorded:
    return InsightRecorded.model_validate({"insight_id": new_id(), "text": text, **fields})


async def test_whatever_way_an_event_comes_in_it_reads_the_same_and_stands_nowhere_plain(
    store: Store,
) -> None:
    """One by one, in a batch, by an import; by session, as a whole, by its position."""
    log = store.log
    events = [store.event(_insight()) for _ in range(40)]
    await log.append(events[0])
    await log.append_all(events[1:20])
    await log.ingest(events[20:])

    one_by_one = [one.decode() async for one in log.read(store.session_id, namespace="acme")]
    at_once = [one.decode() async for one in log.read_all(after=1)]
    last = await log.last_of(store.session_id, namespace="acme")

    assert one_by_one == at_once == events
    assert last is not None
    assert last.decode() == events[-1]
    assert held(store.folder, NEEDLE) == []
    assert (await log.verify()).unreadable == ()


async def test_large_data_are_sealed_in_the_object_store_too(store: Store) -> None:
    """Past 512 KiB they stand there, as ciphertext; attributes of others stand in the log."""
    event = store.event(_insight(SECRET * 30_000)).model_copy()
    event.__pydantic_extra__ = {"comment": SECRET}  # pyright: ignore[reportAttributeAccessIssue]

    receipt = await store.log.append(event)

    record = await store.record(receipt.position)
    assert record.decode() == event
    assert held(store.folder, NEEDLE) == []


async def test_an_append_that_is_repeated_is_known_by_what_it_says(store: Store) -> None:
    """The ciphertext is another each time."""
    event = store.event(_insight())
    first = await store.log.append(event)

    again = await store.log.append(event)
    other = event.model_copy(update={"data": _insight("something else")})

    assert again == first
    with pytest.raises(EventInvalid, match="another event"):
        await store.log.append(other)


async def test_a_forgotten_insight_is_erased_with_all_that_says_something_of_it(
    store: Store,
) -> None:
    """Its keys are gone from every file; others stay. A second reader learns it at once."""
    one, other = _insight(), _insight("Kept")
    derived = _insight("Said of the heron", sources=(one.insight_id,))
    data: list[EventData] = [
        one,
        derived,
        AssociationFormed(
            from_id=one.insight_id, to_id=other.insight_id, kind="k", weight=1, reason=SECRET
        ),
        InsightRetracted(insight_id=one.insight_id, reason=SECRET),
        other,
        WorkingMemorySet(key="note", value="kept too"),
    ]
    at = [await store.append(each) for each in data]
    keys = [key for position in at for key in await store.keys_of(position)]
    log = store.log
    assert all(held(store.folder, key) for key in keys)
    async with Log.connect(store.server.url, token=store.server.token) as reader:
        assert [record async for record in reader.read_all()]
        await log.append(
            store.event(InsightForgotten(insight_id=one.insight_id, receipt="requested"))
        )

        erased = await log.erasure("acme").run()

        told = [record.decode().data async for record in reader.read_all(after=1)]
    assert (erased.position, erased.keys) == (8, 4)
    assert [bool(held(store.folder, key)) for key in keys] == [False] * 4 + [True] * 2
    assert told[4:6] == data[4:]
    assert told[0] == InsightRecorded(insight_id=one.insight_id, text="(forgotten)")
    assert told[1] == InsightRecorded(insight_id=derived.insight_id, text="(forgotten)")
    assert (await log.erasure("acme").due(), await log.erasure("acme").erased()) == (set(), 8)
    assert (await log.verify()).sound


async def test_a_spoiled_copy_of_an_event_stops_no_erasure_and_drops_no_other_key(
    store: Store,
) -> None:
    """Anybody may publish it: what it says beside its box is read by nobody."""
    one, other = _insight(), _insight("Kept")
    at, kept = [await store.append(each) for each in (one, other)]
    keys = [*await store.keys_of(at), *await store.keys_of(kept)]
    raw = (await store.record(at)).raw
    slot = boxes_of((await store.record(kept)).raw)[0].slot
    client = store.log.connection.jetstream()
    for first in (b'"sealed":"%b",' % SECRET.encode(), b'"sealed":"d.%d.AAAA",' % slot):
        spoiled = raw.replace(b'"data":{', b'"data":{' + first)
        found = await client.publish(subject("acme", store.session_id), spoiled)
        with pytest.raises(EventInvalid):
            (await store.record(found.seq)).decode()
    log = store.log
    await log.append(store.event(InsightForgotten(insight_id=one.insight_id, receipt="requested")))

    erased = await log.erasure("acme").run()

    assert erased.keys == 1
    assert [bool(held(store.folder, key)) for key in keys] == [False, True]
    assert await store.data(kept) == other


async def test_boxes_that_cannot_be_read_are_reported_and_passed_by(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The keys of all else that was forgotten are dropped."""
    one, other = _insight(), _insight("Said too")
    at, _ = [await store.append(each) for each in (one, other)]
    spoiled = (await store.record(at)).raw
    log = store.log
    for each in (one, other):
        forgotten = InsightForgotten(insight_id=each.insight_id, receipt="requested")
        await log.append(store.event(forgotten))

    def read(document: bytes) -> list[Box]:
        if document == spoiled:
            raise unreadable()
        return boxes_of(document)

    monkeypatch.setattr(erasure, "boxes_of", read)

    erased = await log.erasure("acme").run()

    assert erased.keys == 1
    assert f"the event at position {at} of acme" in caplog.text


async def test_consolidations_and_results_go_with_an_insight(store: Store) -> None:
    """They were made of it: also the result of the session that joined its branch."""
    parent, branch = new_id(), store.session_id
    found = Insight(insight_id=new_id(), text=SECRET)
    kept = Insight(insight_id=new_id(), text="Kept")
    await store.append(SessionOpened(task="Look"), session_id=parent)
    await store.append(
        BranchCreated(parent_id=parent, root_id=parent, forked_at=2, depth=1, task="Look here")
    )
    completed = await store.append(BranchCompleted(result=SECRET, insights=(found, kept)))
    joined = [
        await store.append(
            ConsolidationRecorded(
                consolidation_id=new_id(),
                root_id=parent,
                sessions=(branch,),
                sources=(found.insight_id, kept.insight_id),
                text=SECRET,
            ),
            session_id=parent,
        ),
        await store.append(BranchCompleted(result=SECRET), session_id=parent),
    ]
    await store.append(InsightForgotten(insight_id=found.insight_id, receipt="requested"))

    await store.log.erasure("acme").run()

    data = await store.data(completed)
    assert isinstance(data, BranchCompleted)
    assert [one.text for one in data.insights] == ["(forgotten)", "Kept"]
    assert data.result == "(forgotten)"
    for position in joined:
        assert SECRET not in str(await store.data(position))


async def test_a_forgotten_session_says_nothing_any_more(store: Store) -> None:
    """Its insights are forgotten by events of their own."""
    opened = await store.append(SessionOpened(task=SECRET))
    noted = await store.append(WorkingMemorySet(key="note", value=SECRET))
    insight = await store.append(_insight())
    await store.append(SessionForgotten(receipt="requested"))

    await store.log.erasure("acme").run()

    assert await store.data(opened) == SessionOpened(task="(forgotten)")
    assert await store.data(noted) == WorkingMemorySet(key="(forgotten)", value=None)
    assert SECRET in str(await store.data(insight))


async def test_an_erasure_that_was_killed_in_the_middle_is_finished_by_the_next(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The block stands there anew, and the older one was not overwritten yet."""
    one = _insight()
    position = await store.append(one)
    (key,) = await store.keys_of(position)
    await store.append(InsightForgotten(insight_id=one.insight_id, receipt="requested"))
    blocks = store.log._documents.keys  # pyright: ignore[reportPrivateUsage]

    async def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(blocks, "_erase_older", killed)
        with pytest.raises(KeyboardInterrupt):
            await store.log.erasure("acme").run()
    assert held(store.folder, key)
    assert await store.log.erasure("acme").due()

    async with Log.connect(store.server.url, token=store.server.token) as next_one:
        await next_one.erasure("acme").run()

    assert held(store.folder, key) == []
    assert await store.log.erasure("acme").due() == set()


async def test_word_of_a_forgetting_that_never_came_erases_nothing(store: Store) -> None:
    """Its writer was killed before the append: nobody was told that it was forgotten."""
    one = _insight()
    position = await store.append(one)
    await store.log._documents.keys.intend(  # pyright: ignore[reportPrivateUsage]
        "acme", f"insight-{one.insight_id}"
    )

    erased = await store.log.erasure("acme").run()

    assert erased.keys == 0
    assert await store.data(position) == one


async def test_a_namespace_is_sealed_before_its_first_event_or_never(store: Store) -> None:
    """And for ever: asking again changes nothing."""
    known = await store.log.sealed_namespaces()
    event = new_event(SessionOpened(task="Look"), session_id=new_id(), namespace="open")
    await store.log.append(event)

    assert await store.log.seal("acme") == known["acme"]
    with pytest.raises(InputInvalid, match="open has events already"):
        await store.log.seal("open")
    assert SECRET.encode() not in (await store.record(known["acme"])).raw


async def test_a_writer_is_told_where_a_namespace_was_sealed_under_its_hands(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first event there was made before the seal, and stored behind it, in plain text."""
    async with Log.connect(store.server.url, token=store.server.token) as log:
        documents = log._documents  # pyright: ignore[reportPrivateUsage]
        written = documents.written

        async def slowly(event: Event) -> bytes:
            document = await written(event)
            await store.log.seal(event.namespace)
            return document

        def event(namespace: str) -> Event:
            return new_event(_insight(), session_id=new_id(), namespace=namespace)

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

    assert (await store.record(receipt.position)).decode() == again


async def test_a_namespace_with_transcripts_is_not_sealed(store: Store) -> None:
    """They are plain text, and forgetting would not reach them."""
    key = TranscriptKey("agents", "project", new_id())
    await store.log.transcripts.ensure()
    await store.log.transcripts.append(key, [{"uuid": new_id(), "text": SECRET}])

    with pytest.raises(InputInvalid, match="has transcripts"):
        await store.log.seal("agents")


async def test_plain_text_of_a_foreign_producer_is_refused(store: Store) -> None:
    """It is in the log by then; but nobody shows it, and it becomes no insight."""
    client = store.log.connection.jetstream()
    place = subject("acme", store.session_id)
    said = await client.publish(place, encode(store.event(_insight())))
    cited = store.event(InsightCited(insight_ids=(new_id(),), outcome=Outcome.USED))
    plain = await client.publish(place, encode(cited))

    with pytest.raises(EventInvalid, match="says something in plain text") as refused:
        (await store.record(said.seq)).decode()
    assert SECRET not in str(refused.value)
    assert (await store.record(plain.seq)).decode() == cited


async def test_a_seal_in_an_open_namespace_is_none(store: Store) -> None:
    """Whoever may publish there could make readers wait for keys that never were."""
    sealed = (await store.record(await store.append(_insight()))).raw
    members = {**orjson.loads(sealed), "namespace": "open"}
    client = store.log.connection.jetstream()
    told = await client.publish(subject("open", store.session_id), orjson.dumps(members))

    with pytest.raises(EventInvalid):
        (await store.record(told.seq)).decode()


async def test_a_writer_goes_on_with_another_block_where_the_stream_was_made_anew(
    store: Store,
) -> None:
    """What is written before somebody accepts the loss is refused, and nothing is born erased."""
    async with Log.connect(store.server.url, token=store.server.token) as other:
        await store.append(_insight())
        await store.log.connection.jetstream().delete_stream(KEYS)
        await other.seal("acme", accept_loss=True)

        said = _insight()
        assert await store.data(await store.append(said)) == said


async def test_a_writer_looks_whether_its_block_is_still_there(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be gone without a word: the stream was restored from an older backup."""
    await store.append(_insight())
    monkeypatch.setattr(key_blocks, "SEEN_S", 0.0)
    await store.log.connection.jetstream().purge_stream(KEYS)

    said = _insight()
    assert await store.data(await store.append(said)) == said
    await store.log.connection.jetstream().delete_stream(KEYS)
    with pytest.raises(LogUnavailable, match="ANABRANCH_KEYS_acme is missing"):
        await store.append(_insight())


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
                new_event(_insight(), session_id=new_id(), namespace="acme") for _ in range(2)
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
    store: Store,
) -> None:
    """A stream that is missing is an outage: nothing is taken for erased."""
    position = await store.append(_insight())
    await store.log.connection.jetstream().delete_stream(KEYS)

    async with Log.connect(store.server.url, token=store.server.token) as log:
        with pytest.raises(LogUnavailable, match="ANABRANCH_KEYS_acme is missing"):
            await log.at(position)
        await log.seal("acme")
        with pytest.raises(LogUnavailable):
            await log.at(position)
        await log.seal("acme", accept_loss=True)
        found = await log.at(position)
        erased = await log.erasure("acme").erased()
        await log.append(store.event(_insight()))
        await log.seal("acme", accept_loss=True)
        again = await log.erasure("acme").erased()

    assert found is not None
    assert found.erased
    assert erased == again == position


async def test_who_follows_waits_for_keys_that_are_away_for_a_moment(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No record is missing then, and none comes twice; a reading with an end says so."""
    data = [_insight(str(number)) for number in range(3)]
    for one in data:
        await store.append(one)
    documents = store.log._documents  # pyright: ignore[reportPrivateUsage]
    opened, fails = documents.opened, iter((True, True, False, True, False, False, True))

    async def away(record: Recorded) -> Recorded:
        if next(fails):
            raise LogUnavailable("the server is away", fix="wait")
        return await opened(record)

    def not_here(_: Recorded) -> None: ...

    monkeypatch.setattr(documents, "opened_here", not_here)
    monkeypatch.setattr(documents, "opened", away)

    told: list[EventData] = []
    async with aclosing(store.log.subscribe(after=1)) as found:
        async for record in found:
            told.append(record.decode().data)
            if len(told) == len(data):
                break

    assert told == data
    with pytest.raises(LogUnavailable):
        assert [record async for record in store.log.read_all()]


async def test_missing_keys_of_one_namespace_stop_no_erasure_in_another(store: Store) -> None:
    """Nor its deletion: each opens only its own events."""
    log = store.log
    await log.seal("other")
    await log.append(new_event(_insight(), session_id=new_id(), namespace="other"))
    await log.connection.jetstream().delete_stream("ANABRANCH_KEYS_other")
    one = _insight()
    await store.append(one)
    await store.append(InsightForgotten(insight_id=one.insight_id, receipt="requested"))

    async with Log.connect(store.server.url, token=store.server.token) as fresh:
        erased = await fresh.erasure("acme").run()
        deletion = fresh.deletion("acme")
        seen: list[Recorded] = []
        await deletion.note(await deletion.end(), seen=seen.append)

    assert erased.keys == 1
    assert [record.erased for record in seen] == [True, False]


async def test_a_sealed_namespace_is_known_also_while_a_reading_is_due(store: Store) -> None:
    """By who has read nothing yet, and by who has just lost the connection."""
    async with Log.connect(store.server.url, token=store.server.token) as log:
        fresh = await log.is_sealed("acme")
        log._documents.sealed.forget()  # pyright: ignore[reportPrivateUsage]
        again = await log.is_sealed("acme")

        assert (fresh, again) == (True, True)
        assert not await log.is_sealed("open")


async def test_a_deleted_namespace_is_read_without_its_keys_and_is_sealed_no_more(
    store: Store,
) -> None:
    """A deletion that was stopped behind them goes on: what is left of it reads as erased."""
    position = await store.append(_insight())
    deletion = store.log.deletion("acme")
    await deletion.end()
    await deletion.drop_keys()

    async with Log.connect(store.server.url, token=store.server.token) as log:
        left = await log.at(position)
        known = await log.sealed_namespaces()
        with pytest.raises(NamespaceEnded):
            await log.seal("acme")

    assert left is not None
    assert left.erased
    assert known == {}
