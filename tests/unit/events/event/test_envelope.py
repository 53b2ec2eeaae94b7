"""The event types and their form on the wire."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given

from anabranch_events import Event, decode, encode, new_event
from anabranch_events.errors import EventInvalid, InputInvalid
from anabranch_events.event.identifiers import TEXT_LENGTH_MAX, canonical_uuid, checked_json, new_id
from anabranch_events.event.registry import EVENT_TYPES
from anabranch_events.event.types import (
    BranchCreated,
    InsightCited,
    InsightRecorded,
    Outcome,
    SessionClosed,
    SessionOpened,
    WorkingMemorySet,
)
from tests.support.events import events
from tests.support.repository import EVENT_DOCUMENTS

if TYPE_CHECKING:
    from collections.abc import Callable

SESSION = "01a20000-0000-7000-8000-000000000002"


def envelope(**changes: object) -> bytes:
    """Return a good document with some attributes changed; None takes one away."""
    fields: dict[str, Any] = {
        "specversion": "1.0",
        "id": "01a20000-0000-7000-8000-000000000001",
        "source": "anabranch",
        "type": "anabranch.session.closed.v1",
        "subject": SESSION,
        "time": "2026-11-23T06:22:05.123Z",
        "namespace": "default",
        "data": {"reason": "done"},
    } | changes
    return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()


@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
def test_a_kept_document_reads_and_writes_the_same(name: str) -> None:
    """What was written by any version before is read now, and written the same again."""
    document = (EVENT_DOCUMENTS / f"{name}.json").read_bytes()

    event = decode(document)

    assert type(event.data) is EVENT_TYPES[name]
    assert json.loads(encode(event)) == json.loads(document)


@given(event=events())
def test_every_event_comes_back_the_same(event: Event) -> None:
    """Whatever a valid event of any type holds, it is the same after the wire."""
    assert decode(encode(event)) == event


@given(event=events())
def test_writing_is_deterministic(event: Event) -> None:
    """An event that was read is written as the very bytes it was read from."""
    document = encode(event)

    assert encode(decode(document)) == document


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (b"", "message"),
        (b"\xff\xfe", "message"),
        (b'{"specversion":"1.0"', "message"),
        (b"[" * 100_000, "message"),
        (b"[]", "specversion"),
        (b"null", "specversion"),
        (envelope(specversion="0.3"), "specversion"),
        (envelope(specversion=None), "specversion"),
        (envelope(type=None), "type"),
        (envelope(type=7), "type"),
        (envelope(type=""), "type"),
        (envelope(type="com.example.bell\x07"), "type"),
        (envelope(type="x" * 257), "type"),
        (envelope(type="com.example.thing", id=""), "id"),
        (envelope(datacontenttype="text/xml"), "datacontenttype"),
        (envelope(id=""), "id"),
        (envelope(id=4711), "id"),
        (envelope(subject=None), "subject"),
        (envelope(subject="a.b"), "subject"),
        (envelope(namespace=None), "namespace"),
        (envelope(namespace="a.b"), "namespace"),
        (envelope(namespace="*"), "namespace"),
        (envelope(namespace="a b"), "namespace"),
        (envelope(namespace=""), "namespace"),
        (envelope(namespace="n" * 65), "namespace"),
        (envelope(time="yesterday"), "time"),
        (envelope(time="2026-11-23T06:22:05"), "time"),
        (envelope(time="0001-01-01T00:00:00+14:00"), "time"),
        (envelope(data=None), "data"),
        (envelope(data=[]), "data"),
        (envelope(data={}), "reason"),
        (envelope(data={"reason": ""}), "reason"),
        (envelope(data={"reason": "done", "more": 1}), "more"),
        (envelope(dataref="sha256-00"), "dataref"),
    ],
)
def test_a_document_that_is_no_event_of_ours_is_refused(document: bytes, field: str) -> None:
    """Reading says which part breaks a rule, whatever a foreign producer sent."""
    with pytest.raises(EventInvalid) as refused:
        decode(document)

    assert refused.value.field.split(".")[0] == field
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: new_event(SessionClosed(reason="x"), session_id="7", namespace="a"), "subject"),
        (lambda: new_event(SessionClosed(reason="x"), session_id=new_id(), namespace="a.b"), "namespace"),
        (lambda: new_event(SessionClosed(reason="x"), session_id=new_id(), namespace=">"), "namespace"),
        (lambda: new_event(SessionClosed(reason="x"), session_id=new_id(), namespace="a", agent="\n"), "agent"),
        (lambda: new_event(SessionClosed(reason="x"), session_id=new_id(), namespace="a", source=""), "source"),
        (lambda: new_event(SessionClosed(reason="x"), session_id=new_id(), namespace="a", event_id="7"), "id"),
        (
            lambda: new_event(
                SessionClosed(reason="x"),
                session_id=new_id(),
                namespace="a",
                time=datetime(2026, 1, 1),  # noqa: DTZ001 - the missing zone is what is refused
            ),
            "time",
        ),
    ],
)  # fmt: skip
def test_an_envelope_that_breaks_a_rule_is_refused(make: Callable[[], Event], field: str) -> None:
    """A new event names the field that is wrong."""
    with pytest.raises(InputInvalid) as refused:
        make()

    assert refused.value.field == field


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t ",
        "bell\x07",
        "nul\x00",
        "escape\x1b[0m",
        "c1\x85",
        "lone \ud800 surrogate",
        "x" * (TEXT_LENGTH_MAX + 1),
    ],
)
def test_text_that_says_nothing_or_cannot_be_kept_is_refused(text: str) -> None:
    """Empty, huge, control characters and lone surrogates do not become an insight."""
    with pytest.raises(ValueError, match="text"):
        InsightRecorded(insight_id=new_id(), text=text)


@pytest.mark.parametrize("text", ["a\tb\r\nc", "ünï ❤ 漢字 👩‍👩‍👧", "x" * TEXT_LENGTH_MAX])
def test_text_of_any_language_and_length_up_to_the_limit_is_kept(text: str) -> None:
    """Line ends, tabs, every script and four million characters come back as they were."""
    event = new_event(
        InsightRecorded(insight_id=new_id(), text=text), session_id=new_id(), namespace="a"
    )

    assert decode(encode(event)) == event


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), {"deep": [float("-inf")]}, 2**64, -(2**63) - 1, "\ud800"],
)
def test_a_value_that_json_cannot_hold_is_refused(value: Any) -> None:
    """A note comes back as it was put, or is refused when it is put."""
    with pytest.raises(ValueError, match=r"cannot be kept as JSON|finite"):
        WorkingMemorySet(key="note", value=value)


def test_a_value_nested_without_end_is_refused() -> None:
    """Very deep nesting is an error of the input, not of the stack."""
    value: Any = []
    for _ in range(300):
        value = [value]

    with pytest.raises(ValueError, match="cannot be kept as JSON"):
        checked_json(value)


@pytest.mark.parametrize(
    "broken",
    [
        {"forked_at": -1},
        {"forked_at": "soon"},
        {"depth": 0},
        {"parent_id": "7"},
        {"priority": "urgent"},
        {"deadline": "2026-11-23T06:22:05"},
        {"extra": 1},
    ],
)
def test_a_branch_that_breaks_a_rule_is_refused(broken: dict[str, Any]) -> None:
    """Negative positions, depth 0, unknown priorities and unknown fields are no branch."""
    good = {"parent_id": SESSION, "root_id": SESSION, "forked_at": 1, "depth": 1, "task": "t"}

    with pytest.raises(ValueError, match=next(iter(broken))):
        BranchCreated.model_validate(good | broken)


@pytest.mark.parametrize("ids", [(), tuple(new_id() for _ in range(65))])
def test_a_citation_names_between_one_and_sixty_four_insights(ids: tuple[str, ...]) -> None:
    """A citation of nothing, or of everything, is refused."""
    with pytest.raises(ValueError, match="insight_ids"):
        InsightCited(insight_ids=ids, outcome=Outcome.USED)


@pytest.mark.parametrize("name", ["association.formed", "conflict.opened", "conflict.resolved"])
def test_what_links_two_insights_refuses_one_with_itself(name: str) -> None:
    """An insight is not associated with itself and does not contradict itself."""
    fields = json.loads((EVENT_DOCUMENTS / f"anabranch.{name}.v1.json").read_bytes())["data"]
    same = (
        {"from_id": SESSION, "to_id": SESSION} if "to_id" in fields else {"insights": [SESSION] * 2}
    )

    with pytest.raises(ValueError, match="two different insights"):
        EVENT_TYPES[f"anabranch.{name}.v1"].model_validate(fields | same)


@pytest.mark.parametrize(
    "value",
    [
        "01A20000-0000-7000-8000-000000000002",
        "01a20000000070008000000000000002",
        "01a20000-0000-7000-8000-000000000002",
    ],
)
def test_an_id_is_kept_in_one_form(value: str) -> None:
    """Case and hyphens do not make another session."""
    assert canonical_uuid(value) == SESSION


@pytest.mark.parametrize(
    "value",
    ["", "7", "{01a20000-0000-7000-8000-000000000002}", "1_2" * 12, "\uff11" * 32, "x" * 10_000],
)
def test_what_is_not_a_uuid_is_refused_in_a_short_sentence(value: str) -> None:
    """Whatever stands in place of an id, the error can be shown."""
    with pytest.raises(ValueError, match="is not a UUID") as refused:
        canonical_uuid(value)

    assert str(refused.value).isascii()
    assert len(str(refused.value)) < 600


def test_time_is_kept_in_utc_and_whole_milliseconds() -> None:
    """Every store can hold an event's time as it is."""
    event = new_event(
        SessionClosed(reason="x"),
        session_id=new_id(),
        namespace="a",
        time=datetime(2026, 11, 23, 8, 0, 0, 123_999, tzinfo=timezone(timedelta(hours=2))),
    )

    assert event.time == datetime(2026, 11, 23, 6, 0, 0, 123_000, tzinfo=UTC)
    assert event.time.tzinfo is UTC


@pytest.mark.parametrize(
    ("number", "meant"),
    [
        ("2026", datetime(1970, 1, 1, 0, 33, 46, tzinfo=UTC)),
        ("20261130", datetime(1970, 8, 23, 12, 5, 30, tzinfo=UTC)),
        ("20261130101010", datetime(2612, 1, 19, 19, 41, 41, 10_000, tzinfo=UTC)),
        (1_790_000_000, datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)),
    ],
)
def test_a_number_as_the_time_of_a_stored_event_is_read_as_ever(
    number: str | int, meant: datetime
) -> None:
    """It is seconds since 1970: an event that was taken once gives the same in each rebuild.

    See findings/pydantic_takes_a_year_for_seconds_of_1970.sh (pydantic 2.14.3).
    """
    data = {"insight_id": SESSION, "text": "The pump is red.", "valid_from": number}

    event = decode(envelope(type=InsightRecorded.event_type, data=data, time=number))

    assert isinstance(event.data, InsightRecorded)
    assert (event.time, event.data.valid_from) == (meant, meant)


def test_the_type_and_the_data_belong_together() -> None:
    """An envelope of one type cannot carry the data of another."""
    event = new_event(SessionOpened(task="t"), session_id=new_id(), namespace="a")

    with pytest.raises(ValueError, match="not of type"):
        Event.model_validate(event.model_dump() | {"data": SessionClosed(reason="x")})
