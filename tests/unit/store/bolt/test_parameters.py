"""Parameters as the driver is given them."""

from __future__ import annotations

from anabranch_store.bolt.parameters import as_given


def test_a_parameter_is_given_as_it_is_and_its_rows_are_not_spelt() -> None:
    """The driver would spell each of them, for a log that nobody keeps."""
    parameters = {"rows": [{"text": "Text"}] * 1000, "name": "graph", "at": 7, "none": None}
    given = as_given(parameters)
    assert given == parameters
    assert isinstance(given["rows"], list)
    assert repr(given) == "{'rows': <1000 values>, 'name': 'graph', 'at': 7, 'none': None}"
