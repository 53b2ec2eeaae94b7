"""Content: each field of each event type is either said to be content, or known to be none."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given

from anabranch_events import decode, encode
from anabranch_events.event.content import without_content
from anabranch_events.event.identifiers import GivenMoment, Identifier, Namespace
from anabranch_events.event.registry import EVENT_TYPES
from anabranch_events.event.types import (
    BranchCompleted,
    Facts,
    Insight,
    InsightRecorded,
    JoinTerms,
    RetentionRule,
    SessionOpened,
    WorkingMemorySet,
)
from tests.support.events import events

OPEN_NAMES = {"role", "executor", "worker", "labels", "kind", "method", "receipt", "traceparent"}
"""Names that say what sort of thing it is, or who did it; `receipt` names a request."""
CLASSES = [*EVENT_TYPES.values(), Insight, JoinTerms, RetentionRule]
ID = "0190c3a8-0000-7000-8000-000000000001"
SAID = "Ann lives in Uji"


def _says_nothing(hint: Any) -> bool:
    """Tell whether values of this type are ids, times, numbers, words of ours, or facts."""
    if any(hint == known for known in (Identifier, Namespace, GivenMoment)):
        return True
    if isinstance(hint, type):
        return issubclass(hint, bool | int | float | Enum | Facts | type(None))
    inner = get_args(hint)[:1] if get_origin(hint) is Annotated else get_args(hint)
    return bool(inner) and all(one is Ellipsis or _says_nothing(one) for one in inner)


@pytest.mark.parametrize("made", CLASSES, ids=lambda made: made.__name__)
def test_each_field_that_can_say_something_is_content_or_known_to_be_none(
    made: type[Facts],
) -> None:
    """A new field of text, a name or JSON fails here until somebody has decided about it."""
    hints = get_type_hints(made, include_extras=True)

    says = {name for name in made.model_fields if not _says_nothing(hints[name])}

    assert says - OPEN_NAMES == made.content


@given(events())
def test_an_event_without_its_content_is_an_event(event: Any) -> None:
    """It can be stored and read like any other."""
    bare = event.model_copy(update={"data": without_content(event.data)})

    assert decode(encode(bare)) == bare


def test_nothing_is_left_of_what_was_said() -> None:
    """Required texts are replaced, all else is empty; ids stay."""
    insight = Insight(insight_id=ID, text=SAID, subject="Ann", tags=("Uji",), sources=("Ann",))
    said = [
        BranchCompleted(result=SAID, insights=(insight,)),
        InsightRecorded(**dict(insight)),
        SessionOpened(task=SAID, role="scout", attributes={"who": "Ann"}),
        WorkingMemorySet(key="Ann", value={"lives": "Uji"}),
    ]

    left = [without_content(one) for one in said]

    bare = Insight(insight_id=ID, text="(forgotten)")
    assert left == [
        BranchCompleted(result="(forgotten)", insights=(bare,)),
        InsightRecorded(insight_id=ID, text="(forgotten)"),
        SessionOpened(task="(forgotten)", role="scout"),
        WorkingMemorySet(key="(forgotten)", value=None),
    ]
