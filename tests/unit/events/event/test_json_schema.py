"""JSON Schema of the events, and checking a producer's lines beforehand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from anabranch.transfer.check import Checked, checked_lines
from anabranch.transfer.exported_line import linked_line, written_line
from anabranch.transfer.manifest import Tally, manifest_line
from anabranch_events import Event, Recorded, encode, event_schema
from anabranch_events.errors import InputInvalid
from anabranch_events.event.registry import EVENT_TYPES
from tests.support.events import events, note
from tests.support.repository import EVENT_DOCUMENTS

if TYPE_CHECKING:
    from pathlib import Path

ANY = Draft202012Validator(event_schema(), format_checker=Draft202012Validator.FORMAT_CHECKER)
SESSION = "01a20000-0000-7000-8000-000000000002"
CLOSED: dict[str, Any] = json.loads(
    (EVENT_DOCUMENTS / "anabranch.session.closed.v1.json").read_bytes()
)


def line(**changes: object) -> bytes:
    """Return a good line of a producer with some attributes changed; None takes one away."""
    fields = CLOSED | changes
    return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()


@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
def test_the_schema_of_a_type_takes_its_own_documents_only(name: str) -> None:
    """The fixture of each type fits its own schema, and no other type's fixture does."""
    validator = Draft202012Validator(event_schema(name))
    Draft202012Validator.check_schema(event_schema(name))

    fitting = {path.stem for path in EVENT_DOCUMENTS.glob("*.json") if _fits(validator, path)}

    assert fitting == {name}


def _fits(validator: Draft202012Validator, path: Path) -> bool:
    return validator.is_valid(json.loads(path.read_bytes()))


@given(event=events())
def test_every_event_fits_the_schema_of_all_types(event: Event) -> None:
    """What the codec writes, a producer's validator takes."""
    assert [error.message for error in ANY.iter_errors(json.loads(encode(event)))] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"specversion": "0.3"},
        {"specversion": None},
        {"type": "anabranch.session.closed.v2"},
        {"type": None},
        {"id": ""},
        {"id": None},
        {"subject": "a.b"},
        {"namespace": "a.b"},
        {"namespace": "n" * 65},
        {"datacontenttype": "text/xml"},
        {"data": {}},
        {"data": {"reason": "x", "more": 1}},
        {"data": None},
        {"extension": {"nested": 1}},
        {"extension": 1.5},
    ],
)
def test_what_the_schema_refuses_is_never_applied(changes: dict[str, object]) -> None:
    """Schema and reader agree on what breaks a rule of shape."""
    document = line(**changes)

    assert not ANY.is_valid(json.loads(document))
    (found,) = checked_lines([document])
    assert not found.valid


def test_there_is_no_schema_of_an_unknown_type() -> None:
    """The error names the types that there are."""
    with pytest.raises(InputInvalid, match="no type") as refused:
        event_schema("anabranch.session.closed.v2")

    assert "anabranch.session.closed.v1" in refused.value.fix


def test_lines_are_told_valid_or_what_is_wrong_with_them() -> None:
    """Each line by its number; a broken one does not end the check, and blank ones are no lines."""
    found = list(
        checked_lines(
            [line(), b"\n", b"hello\n", line(data={}), line(type="com.example.tea.v1"), line()]
        )
    )

    assert [(one.line, one.valid, one.field) for one in found] == [
        (1, True, None),
        (3, False, "message"),
        (4, False, "reason"),
        (5, False, "type"),
        (6, False, "id"),
    ]
    assert found[0] == Checked(line=1, valid=True, type="anabranch.session.closed.v1")
    assert str(found[3].reason).startswith("this version does not know the event type ")
    assert "kept" not in str(found[3].reason)
    assert found[4].reason == "id: line 1 has the same one"


def test_the_lines_of_an_export_can_be_checked_too() -> None:
    """Positions, links and the manifest are no part of an event."""
    event = note(SESSION, {"position": 3})
    raw = encode(event)
    plain, event_type = written_line(Recorded(4, "default", SESSION, raw, 0))
    message, _ = written_line(Recorded(5, "default", SESSION, b"hello", 0))
    tally = Tally()
    link = tally.add(plain, position=4, event_type=event_type)

    found = list(
        checked_lines([linked_line(plain, link), message, manifest_line(tally.manifest("default"))])
    )

    assert [(one.line, one.valid) for one in found] == [(1, True), (2, False)]
