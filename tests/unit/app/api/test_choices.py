"""Fields that take one of two types: the complaints name the caller's fields, and no type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from anabranch.api.requests import Complete, Recall, RememberAll, Synthesise
from anabranch.api.thoughts import StartThought
from anabranch.errors import InputInvalid
from anabranch.http.reading import from_body

if TYPE_CHECKING:
    from pydantic import BaseModel

SESSION = "01a22add-bd99-7361-9488-6757ff2aa449"
WRONG: list[tuple[type[BaseModel], dict[str, Any], str, str]] = [
    (RememberAll, {"insights": ["a", {"txt": "b"}]}, "insights.1.text", "txt: is not known here"),
    (RememberAll, {"insights": [{"text": ""}]}, "insights.0.text", "insights.0.text: is empty"),
    (RememberAll, {"insights": [""]}, "insights.0", "insights.0: is empty"),
    (RememberAll, {"insights": [3]}, "insights.0", "insights.0: is neither an object nor a text"),
    (
        RememberAll,
        {"insights": [None]},
        "insights.0",
        "insights.0: is neither an object nor a text",
    ),
    (
        Complete,
        {"session_id": SESSION, "result": "x", "insights": [{"text": "a", "valid_until": 3}]},
        "insights.0.valid_until",
        "insights.0.valid_until: is no time",
    ),
    (
        StartThought,
        {"task": "x", "branches": [{"role": "a"}]},
        "branches.0.task",
        "branches.0.task",
    ),
    (StartThought, {"task": "x", "join": [1]}, "join", "join: is no way to join"),
    (Recall, {"query": "x", "as_of": True}, "as_of", "as_of: is no number"),
    (Recall, {"query": "x", "after": True}, "after", "after: is no number"),
    (Recall, {"query": "x", "k": True}, "k", "k: is no number"),
    (Recall, {"query": "x", "wait_s": False}, "wait_s", "wait_s: is no number"),
    (
        RememberAll,
        {"insights": [{"text": "a", "confidence": True}]},
        "insights.0.confidence",
        "no number",
    ),
    (Synthesise, {"since": True}, "since", "since: is no number"),
    (Synthesise, {"since": "long ago"}, "since", "since: is neither a position nor a time"),
]


@pytest.mark.parametrize(("request_type", "body", "field", "said"), WRONG)
def test_a_wrong_value_is_complained_about_as_what_it_is(
    request_type: type[BaseModel], body: dict[str, Any], field: str, said: str
) -> None:
    """The field is the one in the request, and the problem that of the type it has."""
    with pytest.raises(InputInvalid) as refused:
        from_body(request_type, orjson.dumps(body), {})

    assert refused.value.field == field
    assert said in refused.value.message
    assert all(one not in refused.value.message for one in ("Draft", "Branch", "checked_", ".str"))


def test_texts_and_objects_may_stand_side_by_side() -> None:
    """A list of both is taken as it is given."""
    body = {"insights": ["a", {"text": "b", "tags": ["c"]}]}

    found = from_body(RememberAll, orjson.dumps(body), {})

    assert found.model_dump(mode="json", exclude_unset=True) == body
