"""Drafts of insights from a text and its fields."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from anabranch.api.requests import Remember
from anabranch_events.errors import InputInvalid
from anabranch_thinking.sessions.findings import Finding, InsightDraft, draft_of


@pytest.mark.parametrize(
    ("fields", "message", "fix"),
    [
        ({"tag": ["ops"]}, "tag: is not known here", "say tags"),
        (
            {"colour": "red"},
            "colour: is not known here",
            (
                "it may be text, subject, kind, confidence, tags, entities, valid_from, "
                "valid_until, sources"
            ),
        ),
        ({"tags": "ops"}, "tags: is a text, not a list of them", "put it into a list"),
    ],
)
def test_a_field_that_is_none_is_named_with_the_one_that_is(
    fields: dict[str, object], message: str, fix: str
) -> None:
    """A slip gives the nearest field, any other name all of them, a text for a list the list."""
    with pytest.raises(InputInvalid) as refused:
        draft_of("The pump is red.", fields)

    assert (refused.value.message, refused.value.fix) == (message, fix)
    assert refused.value.field == next(iter(fields))


@pytest.mark.parametrize("given", ["2026", "20261130", 1_790_000_000, 2026.5, b"2026"])
def test_a_number_is_no_time(given: object) -> None:
    """A model writes a year or a day so; pydantic would have it be a second of 1970, in UTC.

    See findings/pydantic_takes_a_year_for_seconds_of_1970.sh (pydantic 2.14.3).
    """
    with pytest.raises(InputInvalid, match=r"valid_from: is no time: .* a number is none"):
        draft_of("The pump is red.", {"valid_from": given})


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T12:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        (datetime(2026, 1, 31), datetime(2026, 1, 31, tzinfo=UTC)),  # noqa: DTZ001 - that is it.
        ("2026-01-31T12:00:00+01:00", datetime(2026, 1, 31, 11, tzinfo=UTC)),
    ],
)
def test_a_time_that_names_no_zone_is_in_utc(given: object, found: datetime) -> None:
    """A day alone is its first moment, as in a question and in `as_of`, wherever it is given."""
    times = {"valid_from": given, "valid_until": given}
    drafts = [draft_of("The pump is red.", {name: value}) for name, value in times.items()]
    asked = [Remember.model_validate({"text": "x", name: value}) for name, value in times.items()]

    for one in (drafts, asked):
        assert (one[0].valid_from, one[1].valid_until) == (found, found)


@pytest.mark.parametrize("until", ["2026-11-30T01:00:00+01:00", "2026-11-29T23:59:59Z"])
def test_what_would_never_hold_is_refused(until: str) -> None:
    """An end that is not after the beginning is a slip; one of them alone is no matter."""
    begins = {"valid_from": "2026-11-30T00:00:00Z"}

    with pytest.raises(InputInvalid, match="is not after valid_from") as refused:
        draft_of("The pump is red.", {**begins, "valid_until": until})

    assert refused.value.field == "valid_until"
    assert draft_of("The pump is red.", begins).valid_until is None
    assert draft_of("The pump is red.", {"valid_until": until}).valid_from is None


def test_a_finding_takes_texts_as_checkers_of_types_know() -> None:
    """A list of texts and drafts is taken as it stands, with nothing to ignore."""
    found = Finding(result="done", insights=["One was learned", InsightDraft(text="and another")])

    assert found.insights == (
        InsightDraft(text="One was learned"),
        InsightDraft(text="and another"),
    )
