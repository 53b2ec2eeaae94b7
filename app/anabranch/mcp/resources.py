"""Resources: a session, an insight, a name, or a conflict, read by its address."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from anabranch.errors import InputInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anabranch.mcp.access import Access

TEMPLATES: Final = {
    "anabranch://session/{session_id}": (
        "session",
        "A session",
        "Its task, state, result, working memory and insights, as JSON.",
    ),
    "anabranch://insight/{insight_id}": (
        "insight",
        "An insight",
        "Its text with all that was recorded of it, and what became of it, as JSON.",
    ),
    "anabranch://entity/{name}": (
        "entity",
        "What is known about a name",
        "The insights that hold and name it, the names beside it, and open conflicts, as JSON.",
    ),
    "anabranch://conflict/{position}": (
        "conflict",
        "A conflict",
        "Both insights that disagree, and the decision, if there is one, as JSON.",
    ),
}
"""The name, title and description of each template."""
RESOURCES: Final = {
    "anabranch://conflicts": (
        "conflicts",
        "The open conflicts",
        "Pairs of insights that disagree, each with the position by which it is resolved, as JSON.",
    ),
}
"""The same of each resource that there is one of."""
_OPERATIONS: Final = {
    "session": ("show_session", "session_id"),
    "insight": ("get", "insight_id"),
    "entity": ("about", "name"),
    "conflict": ("show_conflict", "position"),
}
_ADDRESS: Final = re.compile(r"anabranch://(session|insight|entity|conflict)/([^/?#]+)")


async def read_resource(access: Access, uri: str) -> Mapping[str, Any]:
    """Return what is at an address. Raises InputInvalid, and what looking it up raises."""
    if uri == "anabranch://conflicts":
        return await access.run("list_conflicts", {})
    found = _ADDRESS.fullmatch(uri)
    if found is None:
        raise InputInvalid(
            f"uri: {uri!r} is no resource of this memory",
            field="uri",
            fix=f"use {' or '.join((*TEMPLATES, *RESOURCES))}",
        )
    operation, field = _OPERATIONS[found[1]]
    value = unquote(found[2])
    return await access.run(
        operation, {field: int(value) if field == "position" and value.isdecimal() else value}
    )
