"""One insight draft through all faces: what one of them takes, each of them takes."""

from __future__ import annotations

import inspect
from typing import Any, get_args, get_type_hints

import pytest
from typer.main import get_command

from anabranch import Memory, Session
from anabranch.api.requests import Complete, Remember
from anabranch.cli.application import application
from anabranch_events.event.types import Insight
from anabranch_thinking import BranchContext, InsightDraft, InsightFields
from anabranch_thinking.sessions.insights import Insights

FIELDS = frozenset(InsightDraft.model_fields)
OPTIONS = {"tags": "tag", "entities": "entity", "sources": "source"}
"""The options that may be repeated are named for one value."""


def test_the_event_keeps_every_field_of_a_draft() -> None:
    """An insight in the log has the fields of its draft and its id, and no others."""
    assert set(Insight.model_fields) == FIELDS | {"insight_id"}


def test_keyword_arguments_are_those_of_a_draft() -> None:
    """What stands beside a text are the draft's other fields."""
    assert set(InsightFields.__annotations__) == FIELDS - {"text"}


@pytest.mark.parametrize(
    "remember", [Memory.remember, Session.remember, Insights.remember, BranchContext.remember]
)
def test_python_takes_a_draft_or_its_fields(remember: Any) -> None:
    """Each `remember` of the Python face takes a text or a draft, and the fields."""
    (fields,) = [
        one
        for one in inspect.signature(remember).parameters.values()
        if one.kind is inspect.Parameter.VAR_KEYWORD
    ]

    assert fields.annotation == "Unpack[InsightFields]"
    assert next(iter(list(inspect.signature(remember).parameters)[1:])) == "insight"


def test_commands_take_a_draft() -> None:
    """The request `remember` has the draft's fields, and `complete` takes drafts."""
    insights = get_type_hints(Complete)["insights"]

    assert set(Remember.model_fields) == FIELDS | {"agent", "session_id", "supersedes"}
    assert InsightDraft in get_args(get_args(insights)[0])


def test_the_command_line_takes_a_draft() -> None:
    """`anabranch remember` has an option for each field."""
    command: Any = get_command(application)
    options = {one.name for one in command.commands["remember"].params}

    assert {OPTIONS.get(field, field) for field in FIELDS} <= options
