"""Values on a command line: the rules of retention."""

from __future__ import annotations

import pytest

from anabranch.cli.values import retention_rules
from anabranch.errors import InputInvalid


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
