"""A hit of recall as the metadata of a document."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import JsonValue

    from anabranch_recall import Hit


def metadata_of(hit: Hit) -> dict[str, JsonValue]:
    """Return all that a hit says but its text, in values that JSON can hold."""
    found: dict[str, JsonValue] = hit.model_dump(mode="json", exclude={"text"})
    return found
