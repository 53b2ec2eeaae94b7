"""Facts and events built without validation: those that validation would have given."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from anabranch_events import encode, new_event
from anabranch_events.event.construction import construct_event, construct_facts
from anabranch_events.event.types import InsightRecorded

ID = "3d6f0a5e-7f0a-5c1e-9a58-0a4f5d0c7a11"
TIME = datetime(2026, 11, 1, 8, tzinfo=UTC)


def test_facts_are_those_that_validation_gives() -> None:
    """Field by field, in their order, with their defaults."""
    values: dict[str, Any] = {
        "insight_id": ID,
        "text": "The lamp is lit.",
        "tags": ("pier",),
        "valid_from": TIME,
    }

    built = construct_facts(InsightRecorded, values)

    checked = InsightRecorded(**values)
    assert built == checked
    assert list(built.__dict__.items()) == list(checked.__dict__.items())
    assert built.model_dump_json() == checked.model_dump_json()
    assert built.model_copy(update={"kind": "answer"}).kind == "answer"


def test_an_event_is_the_one_that_new_event_gives() -> None:
    """It is written in the same bytes."""
    data = InsightRecorded(insight_id=ID, text="The lamp is lit.")

    built = construct_event(
        data,
        event_id=ID,
        session_id=ID,
        namespace="pier",
        agent="keeper",
        time=TIME,
        correlation_id=ID,
    )

    checked = new_event(
        data,
        event_id=ID,
        session_id=ID,
        namespace="pier",
        agent="keeper",
        time=TIME,
        correlation_id=ID,
    )
    assert built == checked
    assert encode(built) == encode(checked)
    assert built.extensions == {}
    assert not built.opaque
