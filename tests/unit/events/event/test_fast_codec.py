"""The quick way of reading events: it takes what the thorough one takes, as that one takes it."""

# pyright: reportPrivateUsage=false
# The two ways are compared one by one.

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anabranch_events import Event, decode, encode, new_event
from anabranch_events.errors import EventInvalid
from anabranch_events.event.codec import _as_written, _fields
from anabranch_events.event.fast_codec import is_plain
from anabranch_events.event.identifiers import TEXT_LENGTH_MAX, new_id
from anabranch_events.event.registry import EVENT_TYPES, REGISTRY
from anabranch_events.event.types import AssociationFormed, InsightRecorded
from tests.support.events import events, values

if TYPE_CHECKING:
    from collections.abc import Callable

_SPELLINGS = [
    b"\\", b'"', b"\x00", b"\x7f", b"\xc2\x85", b"\xff", b"\n", b"\\n", b"\\ud800", b"1e400", b"-1",
    b"null", b"NaN", b"[]", b"{}", b" ", b"9" * 30, b"0.5", b"Z", b"+02:00", b".123456789Z",
]  # fmt: skip
_members = values | st.sampled_from(
    [
        "",
        " ",
        "\u3000",
        "x" * 257,
        "2026-11-23T06:22:05.1234Z",
        "2026-02-30T06:22:05Z",
        2**64,
        1e300,
    ]
)


def thoroughly(document: bytes) -> Event:
    """Return the event as pydantic reads it, without the quick way."""
    fields = _fields(document)
    if fields.pop("datacontenttype", None) not in {None, "application/json"}:
        raise ValueError("the data is not JSON")
    data = EVENT_TYPES[fields["type"]].model_validate(fields.get("data"))
    return Event.model_validate(fields | {"data": data})


def check_same(document: bytes) -> None:
    """Whatever the quick way returns must be what the thorough one does, spelling included."""
    quick = _as_written(document, REGISTRY)
    if quick is not None:
        expected = thoroughly(document)
        assert quick == expected
        assert repr(quick) == repr(expected)
        assert encode(quick) == encode(expected)


@given(event=events())
def test_what_is_written_is_read_in_the_quick_way(event: Event) -> None:
    """Every valid event of every type is taken, and is what was written."""
    found = _as_written(encode(event), REGISTRY)

    assert found == event
    assert repr(found) == repr(event)
    check_same(encode(event))


def test_what_a_class_checks_on_the_whole_is_checked() -> None:
    """Two insights that are one are well-spelt, each for itself."""
    one, other = new_id(), new_id()
    data = AssociationFormed(from_id=one, to_id=other, kind="extends", weight=0.5)
    document = encode(new_event(data, session_id=new_id(), namespace="default"))
    assert _as_written(document, REGISTRY)

    with pytest.raises(EventInvalid, match="two different insights"):
        decode(document.replace(other.encode(), one.encode()))


@given(event=events())
def test_an_event_is_written_as_pydantic_writes_it(event: Event) -> None:
    """The document is that of the models' own serialisation, to the byte."""
    envelope = event.model_dump(mode="json", exclude_none=True, exclude={"data"})
    data = event.data.model_dump(mode="json", exclude_none=not event.data.keeps_none)

    document = encode(event)

    kept = {"datacontenttype": "application/json", "data": data}
    assert document == orjson.dumps({"specversion": "1.0", **envelope, **kept})


@given(event=events(), spelling=st.sampled_from(_SPELLINGS), draw=st.data())
def test_a_document_that_was_tampered_with_is_never_read_otherwise(
    event: Event, spelling: bytes, draw: st.DataObject
) -> None:
    """Bytes put in anywhere give the same event in both ways, or none."""
    document = encode(event)
    start = draw.draw(st.integers(min_value=0, max_value=len(document)))
    cut = draw.draw(st.integers(min_value=0, max_value=3))

    check_same(document[:start] + spelling + document[start + cut :])


@given(event=events(), value=_members, draw=st.data())
def test_a_member_that_was_replaced_is_never_read_otherwise(
    event: Event, value: Any, draw: st.DataObject
) -> None:
    """Any value in any member, of the envelope or of the data, or a member more or less."""
    fields = json.loads(encode(event))
    where = draw.draw(st.sampled_from([fields, fields["data"]]))
    name = draw.draw(st.sampled_from([*where, "more"]))
    if draw.draw(st.booleans()):
        where[name] = value
    else:
        where.pop(name, None)

    check_same(json.dumps(fields, ensure_ascii=draw.draw(st.booleans())).encode("utf-8", "replace"))
    check_same(json.dumps(fields, separators=(",", ":")).encode())


@given(event=events(), draw=st.data())
def test_a_member_given_twice_counts_the_same_in_both_ways(
    event: Event, draw: st.DataObject
) -> None:
    """The last one counts, as with every reader of JSON here."""
    name = draw.draw(st.sampled_from(["id", "subject", "namespace", "time", "type", "data"]))
    other = json.loads(encode(draw.draw(events())))[name]

    check_same(encode(event)[:-1] + f',"{name}":{json.dumps(other)}}}'.encode())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"default"', b'"de.fault"'),
        (b'"text":"', b'"text":"\x7f'),
        (b'"text":"', b'"text":"\\u0007'),
        (b'"text":"', b'"text":"\xc2\x9b'),
        (b'"confidence":1.0', b'"confidence":1.5'),
        (b'"confidence":1.0', b'"confidence":"sure"'),
        (b'"tags":["tide"]', b'"tags":["tide",7]'),
        (b'"tags":["tide"]', b'"tags":[" "]'),
        (b'"tags":["tide"]', b'"tags":["' + b"x" * 257 + b'"]'),
        (b'"tags":["tide"]', b'"tags":["tide"],"trusted":true'),
        (b'"insight_id":"', b'"insight_id":"x'),
        (b"Z", b""),
    ],
)
def test_a_forged_document_gives_no_event(old: bytes, new: bytes) -> None:
    """What looks like ours and breaks one rule is refused, whoever sent it."""
    data = InsightRecorded(insight_id=new_id(), text="Low water at noon", tags=("tide",))
    document = encode(new_event(data, session_id=new_id(), namespace="default"))
    assert old in document

    with pytest.raises(EventInvalid):
        decode(document.replace(old, new, 1))


def test_a_text_that_is_too_long_or_blank_gives_no_event() -> None:
    """The bounds of a text hold in the quick way too."""
    good = new_event(
        InsightRecorded(insight_id=new_id(), text="#"), session_id=new_id(), namespace="a"
    )

    for text in ("x" * (TEXT_LENGTH_MAX + 1), " ", "\u3000"):
        with pytest.raises(EventInvalid):
            decode(encode(good).replace(b'"#"', f'"{text}"'.encode()))


def test_what_was_read_is_an_event_like_any_other() -> None:
    """It never changes; it is copied, hashed, dumped and validated as one that was made."""
    made = new_event(
        InsightRecorded(insight_id=new_id(), text="Low water at noon", tags=("tide",)),
        session_id=new_id(),
        namespace="a",
    )

    read = decode(encode(made))

    with pytest.raises(ValueError, match="frozen"):
        read.agent = "other"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]  # the point
    assert hash(read) == hash(made)
    assert read.model_dump_json() == made.model_dump_json()
    assert Event.model_validate(read.model_dump() | {"data": read.data}) == made
    changed = read.model_copy(update={"agent": "other"})
    assert (changed.agent, read.agent) == ("other", None)
    assert changed.model_fields_set is not read.model_fields_set


@pytest.mark.parametrize(
    ("text", "plain"),
    [("tide", True), ("\u20ac 漢字", True), ("a\nb", False), ("a\x7fb", False), ("é", True), ("\x85", False)],
)  # fmt: skip
def test_a_plain_document_holds_no_character_that_a_text_may_not(text: str, *, plain: bool) -> None:
    """Escapes, DEL and what may begin a control character past ASCII are looked at one by one."""
    assert is_plain(json.dumps({"text": text}, ensure_ascii=False).encode()) is plain


_READERS: list[Callable[[bytes], object]] = [decode, thoroughly]


@pytest.mark.parametrize("read", _READERS)
def test_deep_nesting_is_refused_by_both_ways(read: Callable[[bytes], object]) -> None:
    """A document nested without end is an error of the message, not of the stack."""
    deep = b'{"type":"anabranch.working_memory.set.v1","data":' + b"[" * 100_000

    with pytest.raises((EventInvalid, ValueError)):
        read(deep)
