"""Complaints of pydantic in our words: the rule that a value breaks, and what to give instead."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from anabranch_events import input_invalid
from anabranch_events.event.identifiers import Identifier, Text


class Asked(BaseModel):
    """A field of each kind that users give."""

    k: Annotated[int, Field(ge=1, le=50)] = 1
    part: Annotated[float, Field(gt=0, lt=1)] = 0.5
    yes: bool = True
    scope: Literal["session", "thought"] = "session"
    tags: tuple[str, ...] = ()
    notes: dict[str, str] = {}
    since: datetime | None = None
    at: AwareDatetime | None = None
    session_id: Identifier | None = None
    attributes: dict[Annotated[str, Field(min_length=1, max_length=50)], int] = {}
    text: Text = "said"
    name: Annotated[str, Field(min_length=1, max_length=1_000)] = "ada"
    task: str = "look"
    day: Annotated[date, Field(ge=date(2026, 1, 1))] = date(2026, 1, 31)
    then: Annotated[datetime, Field(lt=datetime(2026, 1, 1, tzinfo=UTC))] | None = None
    pause: Annotated[timedelta, Field(gt=timedelta(0))] = timedelta(seconds=1)
    wait_s: Annotated[float, Field(allow_inf_nan=False)] = 1.0
    rate: Annotated[Decimal, Field(le=Decimal("0.1"))] = Decimal(0)
    first: Annotated[str, Field(ge="b")] = "b"


A_TIME = "2026-01-31T12:00:00Z"


@pytest.mark.parametrize(
    ("given", "message", "fix"),
    [
        ({"k": 0}, "k: must be at least 1", "for k give at least 1"),
        ({"k": 51}, "k: must be at most 50", "for k give at most 50"),
        ({"k": "many"}, "k: must be a whole number", "for k give a whole number"),
        ({"k": 1.5}, "k: must be a whole number", "for k give a whole number"),
        ({"part": 0}, "part: must be more than 0", "for part give more than 0"),
        ({"part": "half"}, "part: must be a number", "for part give a number"),
        ({"wait_s": "nan"}, "wait_s: must be a finite number", "for wait_s give a finite number"),
        ({"wait_s": 1e999}, "wait_s: must be a finite number", "for wait_s give a finite number"),
        ({"yes": "maybe"}, "yes: must be true or false", "for yes give true or false"),
        (
            {"scope": "all"},
            "scope: must be 'session' or 'thought'",
            "for scope give 'session' or 'thought'",
        ),
        ({"tags": 3}, "tags: must be a list", "for tags give a list"),
        (
            {"attributes": {"": 1}},
            "attributes: the key '' is empty",
            "write something for each key of attributes",
        ),
        (
            {"attributes": {"a" * 51: 1}},
            f"attributes: the key '{'a' * 40}…' must be text of at most 50 characters",
            "for each key of attributes give text of at most 50 characters",
        ),
        (
            {"attributes": {"a": "b"}},
            "attributes.a: must be a whole number",
            "for attributes.a give a whole number",
        ),
        (
            {"notes": {" ": 1}},
            "notes.' ': must be a text",
            "for notes.' ' give a text",
        ),
        ({"tags": "ops"}, "tags: is a text, not a list of them", "put it into a list"),
        ({"notes": []}, "notes: must be an object", "for notes give an object"),
        ({"since": "noon"}, f"since: must be a time such as {A_TIME}", None),
        ({"at": "2026-01-31"}, f"at: must be a time that names its zone, such as {A_TIME}", None),
        ({"session_id": "{it}"}, "session_id: '{it}' is not a UUID", None),
        ({"text": " "}, "text: is empty", "write something for text"),
        ({"name": ""}, "name: is empty", "write something for name"),
        (
            {"name": "a" * 1_001},
            "name: must be text of at most 1,000 characters",
            "for name give text of at most 1,000 characters",
        ),
        ({"task": 7}, "task: must be a text", "for task give a text"),
        ({"rate": 1}, "rate: must be at most 0.1", "for rate give at most 0.1"),
        (
            {"k": 0, "task": 7},
            "k: must be at least 1; task: must be a text",
            "correct k and task",
        ),
    ],
)
def test_a_complaint_says_the_rule_and_the_fix_what_to_give(
    given: dict[str, Any], message: str, fix: str | None
) -> None:
    """The message has the field and the rule, without pydantic's own words; the fix has the rest."""
    with pytest.raises(ValidationError) as caught:
        Asked.model_validate(given)

    told = input_invalid(caught.value)

    assert str(told).partition("\n")[0] == message
    assert fix is None or told.fix == fix
    assert told.field.partition(".")[0] == next(iter(given))
    assert not told.fix.startswith("correct") or len(given) > 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"day": "2025-12-31"}, "day: Input should be greater than or equal to 2026-01-01"),
        ({"then": A_TIME}, "then: Input should be less than 2026-01-01T00:00:00Z"),
        ({"pause": 0}, "pause: Input should be greater than 0 seconds"),
        ({"first": "a"}, "first: Input should be greater than or equal to b"),
    ],
)
def test_a_bound_that_is_no_number_is_told_in_pydantics_words(
    given: dict[str, Any], message: str
) -> None:
    """A time, a duration or a text as a bound has a complaint, too."""
    with pytest.raises(ValidationError) as caught:
        Asked.model_validate(given)

    told = input_invalid(caught.value)

    assert (told.message, told.field) == (message, next(iter(given)))
