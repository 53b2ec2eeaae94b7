"""One question through all faces: what one of them takes, each of them takes."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from typer.main import get_command

from anabranch import Memory, Session
from anabranch.api.requests import Recall, RecallContext
from anabranch.cli.application import application
from anabranch_recall import FilterFields, Filters

FILTERS = frozenset(Filters.model_fields)
AROUND = frozenset(
    {"query", "k", "scope", "session_id", "as_of", "after", "include_retired", "min_similarity"}
    | {"wait_s", "timeout_s"}
)
OPTIONS = {
    "k": "count",
    "session_id": "session",
    "wait_s": "wait",
    "tags": "tag",
    "kinds": "kind",
}
"""The options of the command line that have another name there."""


def test_keyword_arguments_are_the_filters() -> None:
    """Beside its own arguments, `recall` takes the fields of the filters."""
    assert set(FilterFields.__annotations__) == FILTERS


@pytest.mark.parametrize(
    ("recall", "own"),
    [
        (Memory.recall, {"spread"}),
        (Session.recall, {"session_id", "spread"}),
        (Memory.context, {"tokens"}),
        (Memory.recall_all, {"query", "queries", "spread"}),
    ],
)
def test_python_takes_a_question_and_filters(recall: Any, own: set[str]) -> None:
    """A memory and a session take the same; the session names itself, a context has a length, and spreads not."""
    parameters = dict(inspect.signature(recall).parameters)
    filters = parameters.pop("filters")

    assert filters.kind is inspect.Parameter.VAR_KEYWORD
    assert filters.annotation == "Unpack[FilterFields]"
    assert set(parameters) - {"self"} == AROUND ^ own


def test_the_command_takes_a_question_and_filters() -> None:
    """The request `recall` has all of them, and spreads; `context` has a length instead."""
    assert set(Recall.model_fields) == AROUND | FILTERS | {"spread"}
    assert set(RecallContext.model_fields) == AROUND | FILTERS | {"tokens"}


@pytest.mark.parametrize("name", ["recall", "context"])
def test_the_command_line_takes_a_question_and_filters(name: str) -> None:
    """`anabranch recall` and `anabranch context` have an option for each."""
    command: Any = get_command(application)
    options = {one.name for one in command.commands[name].params}

    assert {OPTIONS.get(field, field) for field in AROUND | FILTERS} <= options
