"""CloudEvents of other producers: whatever is valid in 1.0 is taken, and what is theirs is kept."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anabranch_events import decode, encode
from anabranch_events.errors import EventInvalid
from anabranch_events.event.recorded import Recorded
from anabranch_events.event.types import SessionClosed

SESSION = "01a20000-0000-7000-8000-000000000002"
EVENT = "01a20000-0000-7000-8000-000000000001"


def document(**changes: object) -> bytes:
    """Return a document of a foreign producer; an attribute that is ... is left out."""
    fields: dict[str, Any] = {
        "specversion": "1.0",
        "id": EVENT,
        "source": "/crew/7",
        "type": "anabranch.session.closed.v1",
        "subject": SESSION,
        "time": "2026-11-23T06:22:05Z",
        "namespace": "default",
        "data": {"reason": "done"},
    } | changes
    return json.dumps({name: value for name, value in fields.items() if value is not ...}).encode()


@pytest.mark.parametrize(
    "changes",
    [
        {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
        {"partitionkey": "a", "sampledrate": 3, "comexampleon": True, "empty": ""},
        {"dataschema": "https://example.com/schemas/closed.json"},
        {"agent": None, "dataschema": None, "traceparent": None},
        {"datacontenttype": "application/json; charset=utf-8"},
        {"datacontenttype": "Application/JSON"},
        {"datacontenttype": "application/vnd.example+json;v=1"},
        {"data": ..., "data_base64": base64.b64encode(b'{"reason":"done"}').decode()},
    ],
)
def test_every_valid_cloudevent_is_taken(changes: dict[str, object]) -> None:
    """Extensions, schemas, nulls, media types with parameters and base64 are no hindrance."""
    event = decode(document(**changes))

    assert (event.id, event.data) == (EVENT, SessionClosed(reason="done"))


_OURS = {
    *json.loads(document()),
    *("correlationid", "causationid", "agent", "datacontenttype", "dataref"),
}
_NAMES = st.from_regex(r"\A[a-z0-9]{1,20}\Z").filter(lambda name: name not in _OURS)
_VALUES = (
    st.booleans()
    | st.integers(-(2**31), 2**31 - 1)
    | st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20)
)


@given(st.dictionaries(_NAMES, _VALUES, max_size=4))
def test_extensions_come_back_as_they_came(extensions: dict[str, Any]) -> None:
    """An event that is read and written again says all that its producer said."""
    event = decode(document(**extensions))

    again = decode(encode(event))

    assert event.extensions == extensions
    assert again == event
    assert json.loads(encode(event)).items() >= extensions.items()


def test_what_is_left_out_is_that_of_the_message() -> None:
    """Session and namespace come from the subject, the time from the append."""
    raw = document(subject=..., namespace=..., time=...)
    stored = Recorded(7, "crew", SESSION, raw, stored_us=1_795_000_000_123_456)

    event = stored.decode()

    assert (event.subject, event.namespace) == (SESSION, "crew")
    assert event.time == datetime.fromtimestamp(1_795_000_000.123, UTC)


@pytest.mark.parametrize("written", ["2016-12-31T23:59:60Z", "2017-01-01T01:59:60.5+02:00"])
def test_a_leap_second_is_the_end_of_the_second_before(written: str) -> None:
    """It is a valid time, which Python's calendar has not."""
    event = decode(document(time=written))

    assert event.time == datetime(2016, 12, 31, 23, 59, 59, 999_000, UTC)


@pytest.mark.parametrize("seconds", ["600Z", "60.Z", "60.5.5Z", "60 Z"])
def test_what_only_begins_like_a_leap_second_is_refused(seconds: str) -> None:
    """The time ends with its zone behind the second."""
    with pytest.raises(EventInvalid, match="time"):
        decode(document(time=f"2016-12-31T23:59:{seconds}"))


def test_an_id_that_is_no_uuid_becomes_the_same_one_every_time() -> None:
    """Source and id name a CloudEvent: the same pair is the same event, another pair another."""
    pairs = [("/crew/7", "A-1"), ("/crew/7", "A-2"), ("/crew/8", "A-1")]

    once, again = ([decode(document(source=s, id=i)).id for s, i in pairs] for _ in range(2))

    assert once == again
    assert len(set(once)) == 3
    assert once[0] == "0405a226-185c-5ce4-a576-01ba3f030ecc"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"Upper": "x"}, "Upper"),
        ({"under_score": "x"}, "under_score"),
        ({"nested": {"a": 1}}, "nested"),
        ({"float": 1.5}, "float"),
        ({"wide": 2**31}, "wide"),
        ({"bell": "\x07"}, "bell"),
        ({"data_base64": "e30="}, "data_base64"),
        ({"data": ..., "data_base64": "not base64!"}, "data_base64"),
        ({"data": ..., "data_base64": base64.b64encode(b"no json").decode()}, "data_base64"),
        ({"datacontenttype": "text/plain"}, "datacontenttype"),
        ({"datacontenttype": "application/jsonish"}, "datacontenttype"),
    ],
)
def test_what_is_no_cloudevent_is_refused(changes: dict[str, object], field: str) -> None:
    """Attributes without a form in CloudEvents, data twice, and data that are no JSON."""
    with pytest.raises(EventInvalid) as refused:
        decode(document(**changes))

    assert refused.value.field == field
