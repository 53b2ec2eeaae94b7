"""Messages of the log that are large, or from a producer that is not ours."""

from __future__ import annotations

from urllib.parse import quote

import orjson
import pytest

from anabranch_events import STREAM, Log, encode, new_event
from anabranch_events.errors import (
    EventInvalid,
)
from anabranch_events.event.identifiers import new_id
from anabranch_events.event.types import InsightRecorded, SessionOpened
from tests.support.events import NAMESPACE, new_sessions, note
from tests.support.logs import all_of, session_of


@pytest.mark.parametrize("length", [600_000, 4_000_000])
async def test_a_large_event_goes_through_the_object_store(log: Log, length: int) -> None:
    """Past 512 KiB only a reference stands in the log, and every reader gets the whole event."""
    session_id = new_id()
    large = new_event(
        InsightRecorded(insight_id=new_id(), text="ä" * length),
        session_id=session_id,
        namespace=NAMESPACE,
    )
    small = new_event(
        SessionOpened(task="t", attributes={"dataref": "no reference"}),
        session_id=session_id,
        namespace=NAMESPACE,
    )

    await log.append_all([small, large])

    stored = await log.connection.jetstream().get_msg(STREAM, 2)
    assert len(stored.data or b"") < 1000
    assert await all_of(log) == [small, large]
    assert await session_of(log, session_id) == [small, large]
    last = await log.last_of(session_id, namespace=NAMESPACE)
    assert last is not None
    assert last.decode() == large


async def test_the_same_large_data_is_stored_once(log: Log) -> None:
    """ClaimCheck are named by their content."""
    text = "x" * 600_000
    insight_id = new_id()
    events = [
        new_event(
            InsightRecorded(insight_id=insight_id, text=text),
            session_id=session_id,
            namespace=NAMESPACE,
        )
        for session_id in new_sessions(2)
    ]

    for event in events:
        await log.append(event)

    assert (
        len(await (await log.connection.jetstream().object_store("ANABRANCH_OBJECTS")).list()) == 1
    )


async def test_a_large_event_whose_object_is_gone_does_not_stop_the_line(log: Log) -> None:
    """The record is handed on and does not decode; its neighbours do."""
    session_id = new_id()
    large = new_event(
        InsightRecorded(insight_id=new_id(), text="x" * 600_000),
        session_id=session_id,
        namespace=NAMESPACE,
    )
    after = note(session_id)
    await log.append_all([large, after])
    store = await log.connection.jetstream().object_store("ANABRANCH_OBJECTS")
    for found in await store.list():
        await store.delete(found.name)

    records = [record async for record in log.read_all()]

    with pytest.raises(EventInvalid):
        records[0].decode()
    assert records[1].decode() == after


@pytest.mark.parametrize(
    ("session_id", "payload"),
    [
        ("not-a-uuid", b"hello"),
        ("01a20000-0000-7000-8000-000000000002", b""),
        ("01a20000-0000-7000-8000-000000000002", b'{"specversion":"1.0"}'),
        ("01a20000-0000-7000-8000-000000000002", b'{"dataref":"'),
        ("01a20000-0000-7000-8000-000000000002", b'{"dataref":"sha256-0000"}'),
        ("01a20000-0000-7000-8000-000000000002", encode(note(new_id()))),
    ],
    ids=("no-session", "nothing", "no-event", "no-json", "no-object", "elsewhere"),
)
async def test_what_a_foreign_producer_sent_is_handed_on_and_does_not_decode(
    log: Log, session_id: str, payload: bytes
) -> None:
    """A message that is no event of its subject takes its position, and its reader decides."""
    ours = note(new_id())
    await log.connection.jetstream().publish(
        f"anabranch.events.{NAMESPACE}.{session_id}", payload, headers={"Status": "100"}
    )
    await log.append(ours)

    records = [record async for record in log.read_all()]

    assert (records[0].position, records[0].session_id, records[0].raw) == (1, session_id, payload)
    with pytest.raises(EventInvalid):
        records[0].decode()
    assert records[1].decode() == ours


async def test_a_foreign_producer_may_use_binary_mode(log: Log) -> None:
    """An event whose attributes stand in headers reads as the same event, in whatever way."""
    ours = note(new_id())
    envelope = orjson.loads(encode(ours))
    data = orjson.dumps(envelope.pop("data"))
    content_type = envelope.pop("datacontenttype")
    headers = {f"ce-{name}": quote(str(value)) for name, value in envelope.items()}
    subject = f"anabranch.events.{ours.namespace}.{ours.session_id}"
    await log.connection.jetstream().publish(
        subject, data, headers={**headers, "Content-Type": content_type}
    )

    everything = [record.decode() async for record in log.read_all()]
    session = [
        record.decode() async for record in log.read(ours.session_id, namespace=ours.namespace)
    ]

    assert (everything, session) == ([ours], [ours])
