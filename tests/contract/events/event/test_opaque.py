"""Events of unknown types in the log, and in the sessions that hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from anabranch_events import decode, encode, new_id, subject
from anabranch_events.errors import InputInvalid
from anabranch_thinking import Sessions
from tests.support.events import NAMESPACE, note

if TYPE_CHECKING:
    from anabranch_events import Log

UNKNOWN = "com.example.tea.brewed.v7"


def unknown(session_id: str, data: object, **more: object) -> bytes:
    """Return a document of an unknown type, about a session."""
    fields = orjson.loads(encode(note(session_id))) | {"type": UNKNOWN, "data": data, **more}
    return orjson.dumps({name: value for name, value in fields.items() if value is not None})


async def test_an_unknown_event_is_stored_and_read_as_it_was_written(log: Log) -> None:
    """Its numbers, its spaces and the attributes that nobody here knows are kept."""
    spelt = unknown(new_id(), {"n": 1}, later="x").replace(b'{"n":1}', b'{ "n" : 1.50e0 }')
    event = decode(spelt)

    await log.append(event)
    (found,) = [record async for record in log.read_all()]

    assert found.raw == spelt
    assert found.decode() == event
    assert event.opaque


async def test_a_large_unknown_event_goes_through_the_object_store(log: Log) -> None:
    """Past 512 KiB its data are kept apart, and every reader gets them back."""
    event = decode(unknown(new_id(), {"text": "x" * 600_000}, later="x"))

    await log.append(event)
    (found,) = [record async for record in log.read_all()]

    assert orjson.loads(found.raw) == orjson.loads(encode(event))


async def test_a_large_unknown_event_without_json_data_is_refused(log: Log) -> None:
    """There is nothing that could stand in the object store; nothing is stored."""
    event = decode(unknown(new_id(), None, data_base64="A" * 600_000))

    with pytest.raises(InputInvalid, match="no JSON data"):
        await log.append(event)

    assert (await log.bounds()).last == 0


@pytest.mark.parametrize("broken", [False, True])
async def test_a_session_goes_on_after_an_event_that_is_not_understood(
    log: Log, *, broken: bool
) -> None:
    """What a newer version or a foreign producer left there does not block the session."""
    sessions = Sessions(log, namespace=NAMESPACE)
    session_id = (await sessions.open_session("Plan the move")).session_id
    strange = b"hello" if broken else unknown(session_id, {"n": 1})
    await log.connection.jetstream().publish(subject(NAMESPACE, session_id), strange)

    receipt = await sessions.note(session_id, "room", "4.12")
    state = await sessions.state(session_id)

    assert (receipt.position, state.position) == (3, 3)
    assert state.working_memory == {"room": "4.12"}
