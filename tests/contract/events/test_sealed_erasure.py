"""Erasure in a sealed namespace: the keys that a forgetting drops, and what says something of it."""

from __future__ import annotations

import pytest

from anabranch_events import Log, erasure, new_id, subject
from anabranch_events.errors import (
    EventInvalid,
)
from anabranch_events.event.sealing import Box, boxes_of, unreadable
from anabranch_events.event.types import (
    AssociationFormed,
    BranchCompleted,
    BranchCreated,
    ConsolidationRecorded,
    EventData,
    Insight,
    InsightForgotten,
    InsightRecorded,
    InsightRetracted,
    SessionForgotten,
    SessionOpened,
    WorkingMemorySet,
)
from tests.support.bytes_held import held
from tests.support.sealed_store import SECRET, SealedStore, secret_insight


async def test_a_forgotten_insight_is_erased_with_all_that_says_something_of_it(
    sealed_store: SealedStore,
) -> None:
    """Its keys are gone from every file; others stay. A second reader learns it at once."""
    one, other = secret_insight(), secret_insight("Kept")
    derived = secret_insight("Said of the heron", sources=(one.insight_id,))
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
    at = [await sealed_store.append(each) for each in data]
    keys = [key for position in at for key in await sealed_store.keys_of(position)]
    log = sealed_store.log
    assert all(held(sealed_store.folder, key) for key in keys)
    async with Log.connect(sealed_store.server.url, token=sealed_store.server.token) as reader:
        assert [record async for record in reader.read_all()]
        await log.append(
            sealed_store.event(InsightForgotten(insight_id=one.insight_id, receipt="requested"))
        )

        erased = await log.erasure("acme").run()

        told = [record.decode().data async for record in reader.read_all(after=1)]
    assert (erased.position, erased.keys) == (8, 4)
    assert [bool(held(sealed_store.folder, key)) for key in keys] == [False] * 4 + [True] * 2
    assert told[4:6] == data[4:]
    assert told[0] == InsightRecorded(insight_id=one.insight_id, text="(forgotten)")
    assert told[1] == InsightRecorded(insight_id=derived.insight_id, text="(forgotten)")
    assert (await log.erasure("acme").due(), await log.erasure("acme").erased()) == (set(), 8)
    assert (await log.verify()).sound


async def test_a_spoiled_copy_of_an_event_stops_no_erasure_and_drops_no_other_key(
    sealed_store: SealedStore,
) -> None:
    """Anybody may publish it: what it says beside its box is read by nobody."""
    one, other = secret_insight(), secret_insight("Kept")
    at, kept = [await sealed_store.append(each) for each in (one, other)]
    keys = [*await sealed_store.keys_of(at), *await sealed_store.keys_of(kept)]
    raw = (await sealed_store.record(at)).raw
    slot = boxes_of((await sealed_store.record(kept)).raw)[0].slot
    client = sealed_store.log.connection.jetstream()
    for first in (b'"sealed":"%b",' % SECRET.encode(), b'"sealed":"d.%d.AAAA",' % slot):
        spoiled = raw.replace(b'"data":{', b'"data":{' + first)
        found = await client.publish(subject("acme", sealed_store.session_id), spoiled)
        with pytest.raises(EventInvalid):
            (await sealed_store.record(found.seq)).decode()
    log = sealed_store.log
    await log.append(
        sealed_store.event(InsightForgotten(insight_id=one.insight_id, receipt="requested"))
    )

    erased = await log.erasure("acme").run()

    assert erased.keys == 1
    assert [bool(held(sealed_store.folder, key)) for key in keys] == [False, True]
    assert await sealed_store.data(kept) == other


async def test_boxes_that_cannot_be_read_are_reported_and_passed_by(
    sealed_store: SealedStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The keys of all else that was forgotten are dropped."""
    one, other = secret_insight(), secret_insight("Said too")
    at, _ = [await sealed_store.append(each) for each in (one, other)]
    spoiled = (await sealed_store.record(at)).raw
    log = sealed_store.log
    for each in (one, other):
        forgotten = InsightForgotten(insight_id=each.insight_id, receipt="requested")
        await log.append(sealed_store.event(forgotten))

    def read(document: bytes) -> list[Box]:
        if document == spoiled:
            raise unreadable()
        return boxes_of(document)

    monkeypatch.setattr(erasure, "boxes_of", read)

    erased = await log.erasure("acme").run()

    assert erased.keys == 1
    assert f"the event at position {at} of acme" in caplog.text


async def test_consolidations_and_results_go_with_an_insight(
    sealed_store: SealedStore,
) -> None:
    """They were made of it: also the result of the session that joined its branch."""
    parent, branch = new_id(), sealed_store.session_id
    found = Insight(insight_id=new_id(), text=SECRET)
    kept = Insight(insight_id=new_id(), text="Kept")
    await sealed_store.append(SessionOpened(task="Look"), session_id=parent)
    await sealed_store.append(
        BranchCreated(parent_id=parent, root_id=parent, forked_at=2, depth=1, task="Look here")
    )
    completed = await sealed_store.append(BranchCompleted(result=SECRET, insights=(found, kept)))
    joined = [
        await sealed_store.append(
            ConsolidationRecorded(
                consolidation_id=new_id(),
                root_id=parent,
                sessions=(branch,),
                sources=(found.insight_id, kept.insight_id),
                text=SECRET,
            ),
            session_id=parent,
        ),
        await sealed_store.append(BranchCompleted(result=SECRET), session_id=parent),
    ]
    await sealed_store.append(InsightForgotten(insight_id=found.insight_id, receipt="requested"))

    await sealed_store.log.erasure("acme").run()

    data = await sealed_store.data(completed)
    assert isinstance(data, BranchCompleted)
    assert [one.text for one in data.insights] == ["(forgotten)", "Kept"]
    assert data.result == "(forgotten)"
    for position in joined:
        assert SECRET not in str(await sealed_store.data(position))


async def test_a_forgotten_session_says_nothing_any_more(sealed_store: SealedStore) -> None:
    """Its insights are forgotten by events of their own."""
    opened = await sealed_store.append(SessionOpened(task=SECRET))
    noted = await sealed_store.append(WorkingMemorySet(key="note", value=SECRET))
    insight = await sealed_store.append(secret_insight())
    await sealed_store.append(SessionForgotten(receipt="requested"))

    await sealed_store.log.erasure("acme").run()

    assert await sealed_store.data(opened) == SessionOpened(task="(forgotten)")
    assert await sealed_store.data(noted) == WorkingMemorySet(key="(forgotten)", value=None)
    assert SECRET in str(await sealed_store.data(insight))


async def test_an_erasure_that_was_killed_in_the_middle_is_finished_by_the_next(
    sealed_store: SealedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The block stands there anew, and the older one was not overwritten yet."""
    one = secret_insight()
    position = await sealed_store.append(one)
    (key,) = await sealed_store.keys_of(position)
    await sealed_store.append(InsightForgotten(insight_id=one.insight_id, receipt="requested"))
    blocks = sealed_store.log._documents.keys  # pyright: ignore[reportPrivateUsage]

    async def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(blocks, "_erase_older", killed)
        with pytest.raises(KeyboardInterrupt):
            await sealed_store.log.erasure("acme").run()
    assert held(sealed_store.folder, key)
    assert await sealed_store.log.erasure("acme").due()

    async with Log.connect(sealed_store.server.url, token=sealed_store.server.token) as next_one:
        await next_one.erasure("acme").run()

    assert held(sealed_store.folder, key) == []
    assert await sealed_store.log.erasure("acme").due() == set()


async def test_word_of_a_forgetting_that_never_came_erases_nothing(
    sealed_store: SealedStore,
) -> None:
    """Its writer was killed before the append: nobody was told that it was forgotten."""
    one = secret_insight()
    position = await sealed_store.append(one)
    await sealed_store.log._documents.keys.intend(  # pyright: ignore[reportPrivateUsage]
        "acme", f"insight-{one.insight_id}"
    )

    erased = await sealed_store.log.erasure("acme").run()

    assert erased.keys == 0
    assert await sealed_store.data(position) == one
