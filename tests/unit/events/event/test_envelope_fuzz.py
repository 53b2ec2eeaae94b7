"""The codec under documents that nobody should send."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from anabranch_events import Event, decode, encode
from anabranch_events.errors import EventInvalid
from anabranch_events.event.binary_mode import structured
from tests.support.damage import damaged
from tests.support.events import events
from tests.support.rounds import FUZZ_EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Mapping

COPIES = 20
SEEDS = st.integers(min_value=0, max_value=2**32)


def read(document: bytes) -> Event | None:
    """Return the event, or None where the document is refused by name."""
    try:
        event = decode(document)
    except EventInvalid as error:
        refusal = error
    else:
        return checked(event)
    assert refusal.field
    assert refusal.fix
    return None


def checked(event: Event) -> Event:
    """Return the event, which keeps every rule and is the same after the wire."""
    assert decode(encode(event)) == event
    if not event.opaque:
        again = type(event.data).model_validate_json(event.data.model_dump_json())
        assert Event.model_validate({**dict(event), "data": again}) == event
    return event


@settings(max_examples=FUZZ_EXAMPLES, deadline=None)
@given(event=events(), seed=SEEDS)
def test_a_damaged_document_is_a_valid_event_or_none(event: Event, seed: int) -> None:
    """It is refused by name, or what comes out keeps every rule and survives the wire."""
    dice = random.Random(seed)  # noqa: S311 - repeatable, not secret.

    found = [read(document) for document in damaged(encode(event), dice, times=COPIES)]

    assert len(found) == COPIES


@settings(max_examples=FUZZ_EXAMPLES, deadline=None)
@given(
    headers=st.dictionaries(
        st.sampled_from(
            ["ce-specversion", "ce-type", "ce-id", "CE-Subject", "ce-data", "content-type", "ce-"]
        ),
        st.sampled_from(["1.0", "application/json", "application/cloudevents+json", "%ff%zz", ""])
        | st.text(max_size=20),
    ),
    payload=st.binary(max_size=40) | st.sampled_from([b"{}", b"null", b'{"reason":"x"}']),
)
def test_whatever_stands_in_headers_is_a_valid_event_or_none(
    headers: Mapping[str, str], payload: bytes
) -> None:
    """Binary mode never fails by itself: what makes no event does not decode."""
    document = structured(headers, payload)

    event = read(document)

    assert event is None or event.id
