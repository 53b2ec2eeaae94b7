"""Values on a command line: JSON or text, and the rules of retention."""

from __future__ import annotations

import pytest

from anabranch.cli.values import drafts, json_or_text, parameters, retention_rules
from anabranch.errors import InputInvalid
from anabranch_events import decode, encode, new_event, new_id
from anabranch_events.event.types import WorkingMemorySet


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("18446744073709551616", 2**64),
        ("[-9223372036854775809]", [-(2**63) - 1]),
        ("1.0", 1.0),
        ("NaN", "NaN"),
        ("1e400", "1e400"),
        ('"7"', "7"),
        ("seven", "seven"),
        ("", ""),
    ],
)
def test_a_value_is_json_to_the_last_digit_or_a_text(text: str, value: object) -> None:
    """A whole number past 64 bits, too, which orjson 3.13.0 reads as a float.

    See findings/orjson_reads_numbers_that_it_will_not_write.sh. What cannot be kept is refused
    where it is stored, and never rounded.
    """
    found = json_or_text(text)

    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("levels", [252, 1010])
def test_json_that_is_nested_too_deeply_is_refused_with_the_field(levels: int) -> None:
    """Python's reader gives up before orjson does; an insight's line is named, too."""
    deep = "[" * levels + "1" + "]" * levels

    with pytest.raises(InputInvalid, match=r"value: .* nested") as plain:
        json_or_text(deep)
    with pytest.raises(InputInvalid, match=r"param: .* nested") as given:
        parameters([f"x={deep}"])
    with pytest.raises(InputInvalid, match=r"line 2: .* nested"):
        drafts('first\n{"text": "second", "tags": ' + deep + "}")

    assert (plain.value.field, given.value.field) == ("value", "param")
    assert plain.value.fix == "nest it in at most 250 levels"


def test_json_that_is_nested_as_deeply_as_it_may_be_can_be_stored() -> None:
    """An event that holds it as a note is written and read."""
    value = json_or_text("[" * 250 + "1" + "]" * 250)
    event = new_event(
        WorkingMemorySet(key="deep", value=value),
        session_id=new_id(),
        namespace="default",
        event_id=new_id(),
    )

    assert decode(encode(event)) == event


def test_rules_of_retention_have_a_kind_and_bounds() -> None:
    """An age, a number or both; `all` alone is no rule."""
    found = retention_rules(["365d", "observation=30d,10000", "a=b=1.5d"])

    assert found == [
        {"age_days": 365.0},
        {"kind": "observation", "age_days": 30.0, "count": 10000.0},
        {"kind": "a=b", "age_days": 1.5},
    ]
    assert retention_rules(["all"]) == []


@pytest.mark.parametrize("text", ["", "3x", "1d,2d", "=", "observation=", "-1", "nan", "all,1"])
def test_a_bound_that_is_none_is_refused(text: str) -> None:
    """The error shows how bounds are written."""
    with pytest.raises(InputInvalid, match="keep") as refused:
        retention_rules([text])

    assert "365d" in str(refused.value.fix)
