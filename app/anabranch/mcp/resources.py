"""Resources: a session or an insight, read by its address."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

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
}
"""The name, title and description of each template."""
_OPERATIONS: Final = {"session": ("show_session", "session_id"), "insight": ("get", "insight_id")}
_ADDRESS: Final = re.compile(r"anabranch://(session|insight)/([^/?#]+)")


async def read_resource(access: Access, uri: str) -> Mapping[str, Any]:
    """Return what is at an address. Raises InputInvalid, and what looking it up raises."""
    found = _ADDRESS.fullmatch(uri)
    if found is None:
        raise InputInvalid(
            f"uri: {uri!r} is no resource of this memory",
            field="uri",
            fix=f"use {' or '.join(TEMPLATES)}",
        )
    operation, field = _OPERATIONS[found[1]]
    return await access.run(operation, {field: found[2]})
