"""Events of older versions, and of types that this version does not know."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anabranch_events import Event, Recorded, decode, decode_unchanged, encode
from anabranch_events.errors import EventInvalid, EventUnknown
from anabranch_events.event.opaque import OpaqueData
from anabranch_events.event.registry import (
    EVENT_TYPES,
    REGISTRY,
    JsonObject,
    Registry,
    next_version,
)
from anabranch_events.event.types import EventData, SessionClosed
from anabranch_projections.fold.effects import BatchRows
from anabranch_projections.run.batch import Batch
from tests.support.events import STORED_US, values
from tests.support.repository import EVENT_DOCUMENTS

if TYPE_CHECKING:
    from collections.abc import Callable

SESSION = "01a20000-0000-7000-8000-000000000002"
TEA = "test.tea.brewed"


class TeaBrewed(EventData):
    """A pot was made; in version 1 it had `minutes`, in version 2 `seconds` and no `leaves`."""

    event_type: ClassVar[str] = f"{TEA}.v3"
    duration_ms: int
    leaves: str


def in_seconds(data: JsonObject) -> JsonObject:
    """Take the data of version 1 to version 2."""
    minutes = data.pop("minutes")
    return {**data, "seconds": int(str(minutes)) * 60}


def with_leaves(data: JsonObject) -> JsonObject:
    """Take the data of version 2 to version 3."""
    return {"duration_ms": int(str(data["seconds"])) * 1000, "leaves": "green"}


CHAIN = Registry([TeaBrewed, SessionClosed], {f"{TEA}.v1": in_seconds, f"{TEA}.v2": with_leaves})


def document(event_type: str, data: object, **more: object) -> bytes:
    """Return a document of some type."""
    return json.dumps(
        {
            "specversion": "1.0",
            "id": "01a20000-0000-7000-8000-000000000001",
            "source": "tests",
            "type": event_type,
            "subject": SESSION,
            "time": "2026-11-23T06:22:05.123Z",
            "namespace": "default",
            "data": data,
            **more,
        }
    ).encode()


def recorded(raw: bytes, position: int = 1) -> Recorded:
    """Return a record of SESSION that holds `raw`."""
    return Recorded(position, "default", SESSION, raw, STORED_US)


def ever_written() -> dict[str, str]:
    """Return the SHA-256 of the document of every type and version ever written."""
    lines = (EVENT_DOCUMENTS / "SHA256SUMS").read_text().splitlines()
    return {name.removesuffix(".json"): digest for digest, name in map(str.split, lines)}


def test_every_type_and_version_ever_written_can_be_read() -> None:
    """A version that once was written is never forgotten, and a new one is entered in the list."""
    assert REGISTRY.known == set(ever_written())


@pytest.mark.parametrize("name", sorted(ever_written()))
def test_the_document_of_every_version_is_kept_and_read_for_ever(name: str) -> None:
    """The fixture of a version stays as it was written, and reads as an event that is applied."""
    kept = (EVENT_DOCUMENTS / f"{name}.json").read_bytes()

    assert hashlib.sha256(kept).hexdigest() == ever_written()[name]
    assert type(decode(kept).data) in EVENT_TYPES.values()


@pytest.mark.parametrize(
    ("version", "data"),
    [
        (1, {"minutes": 3}),
        (2, {"seconds": 180}),
        (3, {"duration_ms": 180_000, "leaves": "green"}),
    ],
)
def test_an_older_version_is_taken_up_step_by_step(version: int, data: dict[str, Any]) -> None:
    """Whatever version was written, the reader gets the current one."""
    event = decode(document(f"{TEA}.v{version}", data), registry=CHAIN)

    assert event.type == f"{TEA}.v3"
    assert event.data == TeaBrewed(duration_ms=180_000, leaves="green")


@pytest.mark.parametrize("data", [None, [], {}, {"minutes": "long"}, {"minutes": 3, "more": 1}])
def test_an_older_version_that_breaks_its_rules_is_invalid(data: object) -> None:
    """What a step cannot read, or what does not become valid, is refused and crashes nobody."""
    raw = document(f"{TEA}.v2", data)

    with pytest.raises(EventInvalid):
        decode(raw, registry=CHAIN)


def test_a_version_beyond_the_current_one_is_opaque() -> None:
    """The steps lead up to what is known, and never guess what comes after."""
    raw = document(f"{TEA}.v4", {"ms": 1})

    assert decode(raw, registry=CHAIN).data == OpaqueData(document=raw)


def test_an_older_version_is_written_again_as_it_was() -> None:
    """Moved to another log, an event keeps its version; what cannot be read is not moved."""
    raw = document(f"{TEA}.v1", {"minutes": 3})

    assert encode(decode_unchanged(raw, registry=CHAIN)) == raw
    assert decode_unchanged(raw, registry=CHAIN).type == f"{TEA}.v1"
    with pytest.raises(EventInvalid):
        decode_unchanged(document(f"{TEA}.v1", {}), registry=CHAIN)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Registry([TeaBrewed], {f"{TEA}.v1": in_seconds}),
        lambda: Registry([TeaBrewed], {f"{TEA}.v3": in_seconds, f"{TEA}.v2": with_leaves}),
        lambda: Registry([TeaBrewed], {TEA: in_seconds}),
        lambda: next_version("test.v0"),
    ],
)
def test_a_step_that_leads_nowhere_is_refused_at_once(make: Callable[[], object]) -> None:
    """A gap in the versions, or a step up from a current one, does not wait for an event."""
    with pytest.raises(ValueError, match=r"cannot be read|version"):
        make()


@given(data=values, version=st.integers(2, 99), spaces=st.integers(0, 3))
def test_an_unknown_version_is_kept_byte_for_byte(data: object, version: int, spaces: int) -> None:
    """Whatever its data are and however they are spelt, they are written as they were read."""
    raw = json.dumps(
        json.loads(document(f"anabranch.session.closed.v{version}", data, tracestate="a=1")),
        indent=spaces,
    ).encode()

    event = decode(raw)

    assert event.opaque
    assert (event.type, event.session_id) == (f"anabranch.session.closed.v{version}", SESSION)
    assert encode(event) == raw


def test_data_that_is_no_json_is_nobodys_business_where_the_type_is_unknown() -> None:
    """Binary data and a content type of its own pass through; a known type must be JSON."""
    more = {"datacontenttype": "image/png", "data_base64": "AAAA"}
    raw = document("com.example.picture.taken", None, **more)

    assert encode(decode(raw)) == raw
    with pytest.raises(EventInvalid, match="not JSON"):
        decode(document("anabranch.session.closed.v1", {"reason": "x"}, **more))


def test_an_opaque_event_says_so_itself() -> None:
    """A known type cannot be smuggled past its rules as opaque data."""
    event = decode(document("com.example.thing", {}))
    known = decode(document("anabranch.session.closed.v1", {"reason": "x"}))

    assert (event.opaque, known.opaque) == (True, False)
    with pytest.raises(ValueError, match="not of type"):
        Event.model_validate(known.model_dump() | {"data": OpaqueData(document=b"{}")})


def test_an_opaque_event_of_another_session_is_refused() -> None:
    """An unknown type does not excuse an envelope that was stored elsewhere than it says."""
    raw = document("com.example.thing", {})

    with pytest.raises(EventInvalid, match="stored under"):
        msgspec.structs.replace(recorded(raw), namespace="other").decode()


def test_the_projection_puts_an_unknown_type_aside_and_applies_nothing() -> None:
    """It becomes a dead letter whose reason names the type, and the line moves on."""
    batch = Batch(BatchRows())
    batch.add(recorded(document("anabranch.session.closed.v2", {"reason": "x"}), position=7))
    batch.add(recorded(document("anabranch.session.closed.v1", {"reason": "x"}), position=8))

    (letter,) = batch.letters
    assert (letter["position"], letter["error"]) == (7, EventUnknown.__name__)
    assert "'anabranch.session.closed.v2'" in letter["reason"]
    assert "does not know" in letter["reason"]
    assert batch.last == 8
    assert len(batch.content.steps()) == 1
