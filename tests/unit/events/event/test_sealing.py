"""Sealing: what an event says stands in boxes, and opens only where it belongs, with its key."""

from __future__ import annotations

import json
import os
import pickle
import re
from copy import deepcopy
from itertools import count
from typing import TYPE_CHECKING, Any

import msgspec
import orjson
import pytest
from hypothesis import given
from rich.pretty import pretty_repr

from anabranch_events import decode, encode, new_event, new_id
from anabranch_events.errors import EventInvalid, InputInvalid
from anabranch_events.event.content import without_content
from anabranch_events.event.opaque import OpaqueData
from anabranch_events.event.recorded import Recorded
from anabranch_events.event.sealing import (
    Keys,
    block_of,
    boxes_of,
    is_sealed,
    keys_needed,
    says_something,
    seal,
)
from anabranch_events.event.types import (
    BranchCompleted,
    Insight,
    InsightCited,
    InsightRecorded,
    Outcome,
    WorkingMemorySet,
)
from anabranch_events.event.unsealing import Opened, unseal, unsealed_event
from tests.support.events import events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from anabranch_events import Event

BLOCK = "0123456789abcdef"
SAID = "Ann lives in Uji"


class Drawn:
    """Fresh keys, by their slot."""

    def __init__(self) -> None:
        self.at: dict[int, bytes] = {}
        self._slots = count()

    def draw(self) -> tuple[int, bytes]:
        """Return the next slot, with a new key."""
        slot = next(self._slots)
        self.at[slot] = os.urandom(32)
        return slot, self.at[slot]


def _sealed(event: Event) -> tuple[bytes, Drawn]:
    keys = Drawn()
    return seal(event, block=BLOCK, draw=keys.draw), keys


def _opened(document: bytes, keys: Mapping[int, bytes]) -> Opened:
    """Open a document, and hold the event that is read of it in one step against that."""
    block = b"".join(keys.get(slot, bytes(32)) for slot in range(max(keys, default=-1) + 1))
    try:
        event = unsealed_event(document, keys=block)
    except EventInvalid as error:
        with pytest.raises(EventInvalid, match=re.escape(error.message)):
            unseal(document, keys=block)
        raise
    try:
        found = unseal(document, keys=block)
    except EventInvalid:
        pytest.fail(f"refused, and read in one step: {event}")
    assert event == decode(found.document)
    return found


def _texts(value: object) -> Iterator[str]:
    """Yield the texts of a JSON value that are too long to stand elsewhere by chance."""
    if isinstance(value, str):
        if len(value) >= 12:
            yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _texts(name)
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _said(event: Event) -> list[str]:
    """Return the longer texts that are content."""
    full = orjson.loads(encode(event))["data"]
    bare: dict[str, Any] = orjson.loads(
        encode(event.model_copy(update={"data": without_content(event.data)}))
    )
    kept = {*_texts(bare)}
    return [text for text in _texts(full) if text not in kept]


@given(events())
def test_an_event_says_nothing_while_it_is_sealed_and_all_once_it_is_opened(event: Event) -> None:
    """Of every type: a new field of content cannot be left out by mistake."""
    document, keys = _sealed(event)

    text = document.decode()
    assert not [said for said in _said(event) if json.dumps(said, ensure_ascii=False) in text]
    assert len(keys.at) == keys_needed(event)
    if keys.at:
        assert says_something(document)
        found = _opened(document, keys.at)
        assert not found.erased
        assert decode(found.document) == event


@given(events())
def test_an_event_without_its_keys_is_the_event_without_its_content(event: Event) -> None:
    """Ids, times and all else that says nothing stay."""
    document, keys = _sealed(event)
    if not keys.at:
        return

    found = _opened(document, {})

    assert found.erased
    assert decode(found.document) == event.model_copy(update={"data": without_content(event.data)})


def _branch() -> Event:
    found = [Insight(insight_id=new_id(), text=f"{SAID} {number}") for number in range(3)]
    data = BranchCompleted(result=SAID, insights=tuple(found))
    return new_event(data, session_id=new_id(), namespace="acme")


def test_each_insight_of_a_branch_has_a_key_of_its_own() -> None:
    """One of them is forgotten, and the others and the result stay."""
    event = _branch()
    document, keys = _sealed(event)
    labels = {box.label: box.slot for box in boxes_of(document)}

    del keys.at[labels["1"]]
    data = decode(_opened(document, keys.at).document).data

    assert isinstance(data, BranchCompleted)
    assert [one.text for one in data.insights] == [f"{SAID} 0", "(forgotten)", f"{SAID} 2"]
    assert data.result == SAID
    assert block_of(document) == BLOCK


@pytest.mark.parametrize("changed", ["namespace", "subject", "id", "type", "agent", "box"])
def test_a_box_opens_only_in_its_own_event_and_place(changed: str) -> None:
    """Ciphertext that was moved elsewhere is refused, not read."""
    event = _branch()
    document, keys = _sealed(event)
    was, becomes = {
        "namespace": (b'"acme"', b'"acne"'),
        "subject": (event.subject.encode(), new_id().encode()),
        "id": (event.id.encode(), new_id().encode()),
        "type": (b"branch.completed.v1", b"insight.recorded.v1"),
        "agent": (b'"datacontenttype"', b'"agent":"Eve","datacontenttype"'),
        "box": (b'"sealed":"0.1.', b'"sealed":"1.1.'),
    }[changed]
    assert was in document

    with pytest.raises(EventInvalid, match="does not belong to this event, or was changed"):
        _opened(document.replace(was, becomes), keys.at)


def test_attributes_of_other_producers_are_sealed_too() -> None:
    """They may hold any text."""
    data = WorkingMemorySet(key="budget", value=8700)
    event = new_event(data, session_id=new_id(), namespace="acme")
    event = event.model_copy()
    event.__pydantic_extra__ = {"comment": SAID}  # pyright: ignore[reportAttributeAccessIssue]

    document, keys = _sealed(event)

    assert SAID.encode() not in document
    assert decode(_opened(document, keys.at).document).extensions == {"comment": SAID}
    assert decode(_opened(document, {}).document).extensions == {}


def test_an_event_of_an_unknown_type_is_sealed_whole() -> None:
    """Nobody here knows which of its fields say something."""
    known = encode(_branch())
    written = known.replace(b"branch.completed.v1", b"branch.completed.v9")
    event = decode(written)

    document, keys = _sealed(event)

    assert isinstance(event.data, OpaqueData)
    assert SAID.encode() not in document
    assert _opened(document, keys.at) == Opened(written, erased=False)


def test_an_event_that_says_nothing_needs_no_key() -> None:
    """A citation names ids only."""
    data = InsightCited(insight_ids=(new_id(),), outcome=Outcome.USED)
    event = new_event(data, session_id=new_id(), namespace="acme")

    assert keys_needed(event) == 0
    assert not says_something(encode(event))


def test_the_names_of_the_seal_are_reserved() -> None:
    """An attribute of that name would be taken for it."""
    event = new_event(
        InsightRecorded(insight_id=new_id(), text=SAID), session_id=new_id(), namespace="acme"
    ).model_copy()
    event.__pydantic_extra__ = {"sealing": "x"}  # pyright: ignore[reportAttributeAccessIssue]

    with pytest.raises(InputInvalid, match="reserved in a sealed namespace"):
        _sealed(event)


def _with_data(event: Event, data: object) -> dict[str, Any]:
    members: dict[str, Any] = orjson.loads(encode(event))
    head = {"specversion": "1.0", "id": members["id"], "sealing": BLOCK}
    return {**head, **members, "datacontenttype": "application/json", "data": data}


def _foreign() -> Iterator[dict[str, Any]]:
    """Yield documents of a producer that has no keys: each has the mark, and says a secret."""
    insight = new_event(
        InsightRecorded(insight_id=new_id(), text=SAID), session_id=new_id(), namespace="acme"
    )
    data: dict[str, Any] = orjson.loads(encode(insight))["data"]
    box = {"sealed": "d.9.AAAA"}
    yield _with_data(insight, data)
    yield _with_data(insight, {**box, **data})
    yield _with_data(insight, {**data, **box})
    yield {**_with_data(insight, {**box, "insight_id": data["insight_id"]}), "comment": SAID}
    yield {**_with_data(insight, data), "type": "org.example.said"}
    yield _with_data(insight, {"sealed": "o.9.AAAA", "said": SAID})
    inner = {"insight_id": new_id(), "text": SAID}
    yield _with_data(_branch(), {**box, "insights": [inner]})
    yield _with_data(_branch(), {**box, "insights": [{**inner, "sealed": "0.9.AAAA"}]})
    yield _with_data(insight, [SAID])


@pytest.mark.parametrize("members", [*_foreign()])
def test_plain_text_with_the_mark_of_a_seal_is_refused(members: dict[str, Any]) -> None:
    """It would become an insight that nothing erases."""
    document = orjson.dumps(members)
    assert is_sealed(document)

    with pytest.raises(EventInvalid) as refused:
        _opened(document, {})
    assert SAID not in str(refused.value)


def _tea() -> Event:
    return new_event(
        InsightRecorded(insight_id=new_id(), text="Tea"), session_id=new_id(), namespace="acme"
    )


def _refuses(was: bytes, becomes: bytes) -> None:
    """Hold that a document whose box opens is refused once `was` in it `becomes` something else."""
    document, keys = _sealed(_tea())
    changed = document.replace(was, becomes.replace(b"%b", SAID.encode()), 1)
    assert changed != document

    with pytest.raises(EventInvalid) as refused:
        _opened(changed, keys.at)
    assert SAID not in str(refused.value)


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b'"data":{', b'"data":{"text":"%b"},"data":{'),
        (b'"data":{', b'"data":"%b","data":{'),
        (b'"datacontenttype":', b'"comment":"%b","datacontenttype":'),
        (b'"insight_id":', b'"t\\u0065xt":"%b","insight_id":'),
    ],
)
def test_plain_text_beside_a_box_that_opens_is_refused(was: bytes, becomes: bytes) -> None:
    """Also where the same member stands again behind it, and a reader would not see it."""
    _refuses(was, becomes)


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b'"data":{', b'"data":{"sealed":"%b",'),
        (b'"kind":"', b'"kind":"%b","kind":"'),
        (b'"data":{', b'"data":{"sealed":"d.7.AAAA",'),
        (b'"data":{', b'"data": {'),
        (b'"sealed":"', b'"sealed": "'),
        (b'"sealed":"d.0.', b'"sealed":"d.+0.'),
        (b'"sealed":"d.0.', b'"sealed":"d.\\u0030.'),
        (b'"kind":', b'"sealed": "%b","kind":'),
        (b'"confidence":1.0', b'"confidence":1.00'),
        (b'"kind":"', b'"kind":"\\u006f'),
        (b"}}", b"} }"),
        (b"}}", b"}}\n"),
    ],
)
def test_a_box_that_opens_stands_in_our_own_spelling(was: bytes, becomes: bytes) -> None:
    """In another one something is said beside it, or those who drop keys find another box."""
    _refuses(was, becomes)


@pytest.mark.parametrize("becomes", [rb'"d.0.\u%04x%b"', rb'"d.0.%c%b===="', rb'"d.0. %c%b"'])
def test_the_text_of_a_box_stands_in_our_own_spelling(becomes: bytes) -> None:
    """Readers of base64 that are less strict find the same box in others."""
    document, keys = _sealed(_tea())
    changed = re.sub(
        rb'"d\.0\.(.)([^"]+)"',
        lambda found: becomes % (found[1][0], found[2]),
        document,
    )
    assert changed != document

    with pytest.raises(EventInvalid):
        _opened(changed, keys.at)


def test_only_the_boxes_that_are_opened_are_boxes_of_a_document() -> None:
    """An attribute of their name before the data is none: its slot is another event's."""
    document, keys = _sealed(_branch())
    before = document.replace(b'"datacontenttype"', b'"sealed":"d.7.AAAA","datacontenttype"')

    found = _opened(before, {})

    assert found.erased
    assert {box.slot for box in boxes_of(before)} == {*keys.at}


@pytest.mark.parametrize("slot", [b"-2", b"+1", b"1_0", b"", 5000 * b"7"])
def test_the_slot_of_a_box_is_a_number_of_digits(slot: bytes) -> None:
    """A negative one would be counted from a block's end."""
    document, _ = _sealed(_branch())
    changed = document.replace(b'"sealed":"d.0.', b'"sealed":"d.%b.' % slot)
    assert changed != document

    with pytest.raises(EventInvalid, match="a box cannot be read"):
        _opened(changed, {})
    with pytest.raises(EventInvalid, match="a box cannot be read"):
        boxes_of(changed)


@pytest.mark.parametrize("name", ["id", "time", "namespace", "agent", "causationid", "data"])
@pytest.mark.parametrize("again", [b"", b',"data":%b'])
def test_no_attribute_stands_behind_the_data(name: str, again: bytes) -> None:
    """It would count instead of the one that the cipher vouches for, or where there is none."""
    event = new_event(
        InsightRecorded(insight_id=new_id(), text="Tea"), session_id=new_id(), namespace="acme"
    )
    document, keys = _sealed(event)
    members: dict[str, Any] = orjson.loads(document)
    data = orjson.dumps(members["data"])
    said = members.get(name) or new_id()
    behind = b',"%b":%b' % (name.encode(), orjson.dumps(said))

    with pytest.raises(EventInvalid):
        _opened(document[:-1] + behind + again.replace(b"%b", data) + b"}", keys.at)


def test_the_type_of_an_event_is_that_of_its_envelope() -> None:
    """One that says something is not passed off as one that does not, by a member of its data."""
    members = {
        "data": {"type": "anabranch.insight.cited.v1"},
        "type": "anabranch.insight.recorded.v1",
    }

    assert says_something(orjson.dumps(members))


def test_keys_leave_a_record_only_where_they_are_asked_for() -> None:
    """What prints, logs, copies or stores records as they are does not give them away."""
    event = _branch()
    document, drawn = _sealed(event)
    block = b"".join(drawn.at.values())
    record = Recorded(7, "acme", event.subject, document, 0, Keys(block))
    refusing: list[Callable[[Recorded], object]] = [
        pickle.dumps,
        deepcopy,
        msgspec.json.encode,
        msgspec.msgpack.encode,
    ]

    shown = [repr(record), str(record), pretty_repr(record), repr(msgspec.structs.asdict(record))]

    assert record.decode() == event
    assert not [one for one in shown if repr(block)[2:12] in one or "Keys(…)" not in one]
    for leave in refusing:
        with pytest.raises(TypeError):
            leave(record)
