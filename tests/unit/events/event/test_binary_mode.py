"""CloudEvents in binary mode."""

from __future__ import annotations

from urllib.parse import quote

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anabranch_events import Event, decode, encode, new_event
from anabranch_events.errors import EventInvalid
from anabranch_events.event.binary_mode import structured
from anabranch_events.event.types import SessionClosed
from tests.support.events import events

SESSION = "01a20000-0000-7000-8000-000000000002"


def binary(event: Event) -> tuple[dict[str, str], bytes]:
    """Return an event as a plain publisher sends it in binary mode."""
    fields = orjson.loads(encode(event))
    payload = orjson.dumps(fields.pop("data"))
    headers = {"Content-Type": fields.pop("datacontenttype")}
    headers |= {f"ce-{name}": quote(value) for name, value in fields.items()}
    return headers, payload


def closed() -> tuple[dict[str, str], bytes]:
    """Return a small event in binary mode."""
    return binary(new_event(SessionClosed(reason="done"), session_id=SESSION, namespace="default"))


@given(event=events())
def test_both_modes_say_the_same(event: Event) -> None:
    """Any event reads the same, whichever mode its producer chose."""
    assert decode(structured(*binary(event))) == event


def test_the_data_are_kept_as_they_were_sent() -> None:
    """Numbers and spaces of an unknown type's data are not written anew."""
    headers, _ = closed()
    payload = b'{ "grams" : 1.500, "much": 123456789012345678901234567890 }'

    document = structured({**headers, "ce-type": "com.example.tea.v1"}, payload)

    assert payload in document
    assert encode(decode(document)) == document


def test_the_names_of_headers_have_no_case() -> None:
    """Client libraries that write headers in their own case, or a charset, are understood."""
    headers, payload = closed()
    shouted = {name.upper(): value for name, value in headers.items()}
    shouted["CONTENT-TYPE"] = "application/json; charset=utf-8"

    assert decode(structured(shouted, payload)) == decode(structured(headers, payload))


def test_the_content_type_may_be_one_of_the_attributes() -> None:
    """A payload that says it is no JSON is not read as JSON, wherever it says so.

    The binding for NATS has a header `ce-datacontenttype`, as CloudEvents' SDK for Go 2.16.2 writes
    it; that for HTTP, which others follow here too, has `Content-Type` alone.
    """
    headers, payload = closed()
    content_type = {"ce-datacontenttype": headers.pop("Content-Type")}
    text = {"ce-datacontenttype": "text/plain; charset=utf-8"}

    assert decode(structured({**headers, **content_type}, payload)) == decode(
        structured({**headers, "Content-Type": "application/json"}, payload)
    )
    assert orjson.loads(structured({**headers, **text}, b"42"))["data_base64"] == "NDI="
    with pytest.raises(EventInvalid, match="the data is not JSON"):
        decode(structured({**headers, **text}, payload))


@pytest.mark.parametrize(
    "headers",
    [
        None,
        {},
        {"Nats-Msg-Id": "1"},
        {"Content-Type": "application/json"},
        {"Content-Type": "application/cloudevents+json", "ce-specversion": "1.0"},
    ],
)
def test_what_is_not_in_binary_mode_stays_as_it_is(headers: dict[str, str] | None) -> None:
    """Structured documents and foreign messages pass through untouched."""
    assert structured(headers, b' {"any": 1}') == b' {"any": 1}'


@pytest.mark.parametrize(
    ("changed", "payload"),
    [
        ({}, b""),
        ({}, b"hello"),
        ({}, b'1,"type":"anabranch.session.opened.v1"'),
        ({}, b'{"reason":"done"},"agent":"other"'),
        ({"Content-Type": "text/plain"}, b'{"reason":"done"}'),
        ({"ce-data": "x", "ce-data_base64": "x"}, b""),
        ({"ce-specversion": "0.3"}, b'{"reason":"done"}'),
        ({"ce-subject": "%ff"}, b'{"reason":"done"}'),
        ({"ce-more_": "1"}, b'{"reason":"done"}'),
    ],
)
def test_what_makes_no_event_does_not_decode(changed: dict[str, str], payload: bytes) -> None:
    """Broken data, smuggled attributes and wrong headers are refused when the event is read."""
    headers, _ = closed()

    document = structured({**headers, **changed}, payload)

    assert isinstance(orjson.loads(document), dict)
    with pytest.raises(EventInvalid):
        decode(document)


@given(
    headers=st.dictionaries(st.text(max_size=12) | st.just("ce-specversion"), st.text(max_size=9)),
    payload=st.binary(max_size=40),
)
def test_no_message_stops_a_reader(headers: dict[str, str], payload: bytes) -> None:
    """Whatever stands in headers and payload, a document comes out."""
    assert isinstance(structured(headers, payload), bytes)
