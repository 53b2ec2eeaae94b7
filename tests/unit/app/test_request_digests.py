"""A keyed request is known again after an upgrade: the ids that it makes are those it made before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from anabranch.api import requests as asked
from anabranch.api.idempotency import Ids
from anabranch.api.operations import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

SESSION: Final = "0199b7a2-5a10-7c3e-9a55-6f1f0d6f3a01"
INSIGHT: Final = "0199b7a2-6b3f-7d11-8c07-1b7f6a8e2c02"
OTHER: Final = "0199b7a2-7c4e-7e22-9d18-2c806b9f3d03"
STORED: Final[Mapping[str, tuple[dict[str, Any], str]]] = {
    "open_session": ({"task": "Plan"}, "b94b4106-5c2b-5d73-9009-c729070abcff"),
    "branch": ({"parent_id": SESSION, "task": "Find"}, "4091fe0f-a77c-5f13-a886-b4a95de54df6"),
    "complete": (
        {"session_id": SESSION, "result": "Booked", "insights": ["Full in May"]},
        "206bb90d-ab40-526d-8bfc-e336751310f0",
    ),
    "remember": ({"text": "Full in May"}, "3f07b920-3bd2-5fa3-a1ef-aa3e188b6290"),
    "remember_all": ({"insights": ["Full in May"]}, "033c43ef-6d0a-5def-8ca4-d8bfe497f52b"),
    "update": (
        {"insight_id": INSIGHT, "text": "Full in June"},
        "26f01e0b-7c46-53d8-ae5a-f74c7bf80146",
    ),
    "retract": (
        {"insight_id": INSIGHT, "reason": "a survey"},
        "46075634-5b61-5a1c-917a-c61b6a74408e",
    ),
    "forget": ({"insight_id": INSIGHT}, "338251c2-5b78-5aef-9d32-35c54d113b0e"),
    "cite": ({"insight_ids": [INSIGHT]}, "012127fa-7753-5a72-ac81-a380079cfbd1"),
    "associate": ({"from_id": INSIGHT, "to_id": OTHER}, "e9151386-c573-59b7-a401-c6d0d0dd924b"),
    "sever": ({"from_id": INSIGHT, "to_id": OTHER}, "a979f64c-daff-58a2-ae02-a1ad58973075"),
    "note": (
        {"session_id": SESSION, "key": "k", "value": 1},
        "817c42b6-6e50-51ba-b381-a16d5358dfea",
    ),
    "clear_note": ({"session_id": SESSION, "key": "k"}, "8511f6af-73e9-5d5f-98bf-afa91ed57261"),
    "hand_off": (
        {"session_id": SESSION, "summary": "Done"},
        "182ec9a4-589d-55af-bfcf-2c4d38dc9844",
    ),
    "fail": ({"session_id": SESSION, "error": "no answer"}, "4532b840-6a6e-5775-948a-e762bb9608c9"),
    "cancel": ({"session_id": SESSION, "reason": "off"}, "e420e770-7dee-598c-8e86-5b6e54406dc1"),
    "close": ({"session_id": SESSION}, "789d92b6-4868-513e-8bed-476a19693440"),
}
"""Requests with the first id of each under the key `key` in the namespace `river`.

They were made before `update` had `anyway`. A new field that changes one belongs into `later`.
"""


def first_id(command: str, fields: dict[str, Any]) -> str:
    """Return the first id that a keyed request makes."""
    model = next(one.request for one in OPERATIONS if one.name == command)
    request = model.model_validate(fields)
    assert isinstance(request, asked.Writing)
    return Ids("river", command, "key", request)()


@pytest.mark.parametrize("command", STORED)
def test_a_request_that_was_stored_before_is_known_again(command: str) -> None:
    """Sent again after an upgrade it finds what it stored, and is no second request."""
    fields, stored = STORED[command]

    assert first_id(command, fields) == stored


def test_a_later_field_counts_where_it_is_not_the_default() -> None:
    """Another content under the same key is another request, whenever its field came."""
    fields, stored = STORED["update"]

    assert first_id("update", {**fields, "anyway": False}) == stored
    assert first_id("update", {**fields, "anyway": True}) != stored
