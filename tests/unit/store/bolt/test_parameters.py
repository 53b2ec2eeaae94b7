"""Parameters as the driver is given them."""

from __future__ import annotations

import pytest

from anabranch_store.bolt.parameters import as_given, checked_numbers
from anabranch_store.errors import InputInvalid


def test_a_parameter_is_given_as_it_is_and_its_rows_are_not_spelt() -> None:
    """The driver would spell each of them, for a log that nobody keeps."""
    parameters = {"rows": [{"text": "Text"}] * 1000, "name": "graph", "at": 7, "none": None}
    given = as_given(parameters)
    assert given == parameters
    assert isinstance(given["rows"], list)
    assert repr(given) == "{'rows': <1000 values>, 'name': 'graph', 'at': 7, 'none': None}"


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 99_999_999_999_999_999_999])
def test_a_number_past_64_bits_is_refused_by_its_name(number: int) -> None:
    """The driver cannot send it; the largest that it can goes through, and so does a truth."""
    fitting = {"cursor": 2**63 - 1, "least": -(2**63), "only_open": True, "text": "x"}

    assert checked_numbers(fitting) is fitting
    with pytest.raises(InputInvalid, match="past 64 bits") as refused:
        checked_numbers({**fitting, "cursor": number})
    assert refused.value.field == "cursor"
