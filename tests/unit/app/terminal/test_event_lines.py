"""Events as lines for people."""

from __future__ import annotations

import orjson

from anabranch.terminal.event_lines import event_line, opaque_note
from anabranch_events import Recorded, encode, new_event
from anabranch_events.event.types import SessionClosed
from tests.support.events import STORED_US

SESSION = "01a20000-0000-7000-8000-000000000002"


def recorded(**changes: object) -> Recorded:
    """Return a record of a closed session, with some attributes of the event changed."""
    event = new_event(SessionClosed(reason="done"), session_id=SESSION, namespace="default")
    raw = orjson.dumps({**orjson.loads(encode(event)), **changes})
    return Recorded(7, "default", SESSION, raw, STORED_US)


def test_an_event_is_a_line_with_what_it_says() -> None:
    """Position, time, the end of the session's id, the type and its telling text."""
    line = event_line(recorded()).plain

    assert line.split() == ["7", "2026-11-23", "00:00:00", "00000002", "session.closed", "done"]
    assert opaque_note(recorded()) is None


def test_an_event_of_an_unknown_type_is_shown_as_opaque() -> None:
    """Its whole type stands there with its data as JSON, and a note says why."""
    unknown = recorded(type="anabranch.session.closed.v2", data={"why": ["a", 1]})

    assert event_line(unknown).plain.endswith('anabranch.session.closed.v2 opaque {"why":["a",1]}')
    assert opaque_note(unknown) == (
        "this version does not know the event type 'anabranch.session.closed.v2': "
        "it is kept, not applied"
    )


def test_what_is_no_event_is_shown_with_the_reason() -> None:
    """An unreadable message is a line like any other."""
    broken = recorded(id="")

    assert "cannot be read: id" in event_line(broken).plain
    assert opaque_note(broken) is None
