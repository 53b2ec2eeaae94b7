"""LangGraph's items as text, held against filters and namespaces: LangGraph's store is the judge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.store.base import MatchCondition
from langgraph.store.memory import InMemoryStore

from anabranch.adapters.langgraph_items import begins, matches, text_of
from anabranch_events.errors import InputInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping

LABELS = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(LABELS, min_size=1, max_size=3).map(tuple)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["x", "y"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(LABELS, inner, max_size=2),
    max_leaves=4,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"text": "Ada drinks tea"}, "Ada drinks tea"),
        ({"food": "pizza", "rating": 5}, "food: pizza; rating: 5"),
        ({"who": {"name": "Ada"}, "likes": ["tea", "runs"]}, "who.name: Ada; likes: tea, runs"),
        ({"said": [{"text": "hi"}, {"text": "ho"}]}, "said.text: hi; said.text: ho"),
        ({"id": 7, "mixed": ["a", {"b": 1}]}, "id: 7; mixed: a, 1"),
        ({"nothing": None, "empty": "", "none": []}, ""),
        ({}, ""),
    ],
)
def test_a_value_reads_as_text(value: Mapping[str, Any], text: str) -> None:
    """Fields are named where there are several, and those without a value are left out."""
    assert text_of(value) == text


@given(value=st.dictionaries(LABELS, VALUES), wanted=st.dictionaries(LABELS, VALUES))
def test_a_filter_passes_what_langgraph_passes(
    value: dict[str, Any], wanted: dict[str, Any]
) -> None:
    """Values, lists and objects are compared as LangGraph's own store compares them."""
    judge = InMemoryStore()
    judge.put(("a",), "k", value)

    assert matches(value, wanted) == bool(judge.search(("a",), filter=wanted))


@given(
    value=st.integers(-2, 2) | st.sampled_from(["1", "2.5"]),
    operator=st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]),
    wanted=st.integers(-2, 2) | st.sampled_from(["1", "2.5"]),
)
def test_operators_are_those_of_langgraph(value: object, operator: str, wanted: object) -> None:
    """Numbers, and texts that say one, are compared as LangGraph's own store compares them."""
    judge = InMemoryStore()
    judge.put(("a",), "k", {"rating": value})
    asked: dict[str, Any] = {"rating": {operator: wanted}}

    assert matches({"rating": value}, asked) == bool(judge.search(("a",), filter=asked))  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]  # A value is JSON.


def test_a_field_that_is_no_number_is_above_and_below_nothing() -> None:
    """A missing field passes no bound; LangGraph's store in memory raises a TypeError there."""
    bounds: list[dict[str, Any]] = [
        {"rating": {operator: 0}} for operator in ("$gt", "$gte", "$lt", "$lte")
    ]

    assert [matches({"food": "pizza"}, bound) for bound in bounds] == [False] * 4


def test_an_operator_that_is_none_is_refused() -> None:
    """A filter is never ignored: the error names the operators there are."""
    with pytest.raises(InputInvalid, match="no operator '\\$regex'") as refused:
        matches({"food": "pizza"}, {"food": {"$regex": "p.*"}})

    assert "$gte" in refused.value.fix


@given(path=PATHS, wanted=st.lists(LABELS | st.just("*"), min_size=1, max_size=3).map(tuple))
def test_a_namespace_begins_as_langgraph_says(
    path: tuple[str, ...], wanted: tuple[str, ...]
) -> None:
    """A prefix may have wildcards."""
    judge = InMemoryStore()
    judge.put(path, "k", {})

    assert begins(path, wanted) == bool(judge.list_namespaces(prefix=wanted))
    assert MatchCondition("prefix", wanted).path == wanted
