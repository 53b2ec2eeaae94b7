"""The part of a role that its branches carry in their attributes: a worker needs nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from anabranch_events.errors import InputInvalid
from anabranch_recall import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

INSTRUCTIONS: Final = "role_instructions"
SCOPE: Final = "role_scope"


class Carried(NamedTuple):
    """The part of its role that a branch carries."""

    instructions: str | None
    scope: Scope


def carried(attributes: Mapping[str, JsonValue]) -> Carried:
    """Return the part of a role that the attributes of a branch say. Raises InputInvalid."""
    instructions, scope = attributes.get(INSTRUCTIONS), attributes.get(SCOPE, Scope.NAMESPACE)
    if instructions is not None and not isinstance(instructions, str):
        raise InputInvalid(
            f"{INSTRUCTIONS}: is no text", field=INSTRUCTIONS, fix="give the instructions as a text"
        )
    if scope not in set(Scope):
        raise InputInvalid(
            f"{SCOPE}: {scope!r} is no scope", field=SCOPE, fix=f"say one of {', '.join(Scope)}"
        )
    return Carried(instructions, Scope(scope))


def attributes_for(*, instructions: str, scope: Scope) -> dict[str, JsonValue]:
    """Return the attributes that carry instructions and a scope; the usual scope needs none."""
    found: dict[str, JsonValue] = {INSTRUCTIONS: instructions} if instructions else {}
    return found if scope is Scope.NAMESPACE else {**found, SCOPE: str(scope)}


def carried_attributes(attributes: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return the attributes that carry a role, for another branch of the same role."""
    return {name: attributes[name] for name in (INSTRUCTIONS, SCOPE) if name in attributes}
