"""A tenant: a user of the NATS server, and its rights there."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from anabranch_events.event.identifiers import NAMESPACE_PATTERN, OwnNamespace

Role = Literal["producer", "reader", "worker", "projector"]


def _checked_name(value: str) -> str:
    if not NAMESPACE_PATTERN.fullmatch(value):
        raise ValueError("is not a user's name: use 1 to 64 letters, digits, hyphens, underscores")
    if value.lower().startswith("anabranch"):
        raise ValueError("is a user of Anabranch's own: use a name that does not begin with it")
    return value


UserName = Annotated[str, AfterValidator(_checked_name)]


class Tenant(BaseModel):
    """A user with a role in some namespaces.

    A `producer` appends and reads events and calls commands. A `reader` only reads. A `worker`
    claims tasks, and appends and reads events. A `projector` reads all namespaces and writes none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: UserName
    role: Role
    namespaces: Annotated[tuple[OwnNamespace, ...], Field(max_length=64)] = ()

    @model_validator(mode="after")
    def _namespaces_fit(self) -> Self:
        if self.role == "projector" and self.namespaces:
            raise _misfit("a projector reads all of them", "leave them out")
        if self.role != "projector" and not self.namespaces:
            raise _misfit(f"a {self.role} needs at least one", 'name them: namespaces = ["..."]')
        if len(set(self.namespaces)) < len(self.namespaces):
            raise _misfit("one is named twice", "name each of them once")
        return self

    @property
    def view(self) -> str | None:
        """The stream of the events it may read; None for a projector, which reads the log."""
        return view_name(self.namespaces) if self.namespaces else None


def _misfit(said: str, fix: str) -> PydanticCustomError:
    context = {"said": said, "field": "namespaces", "fix": fix}
    return PydanticCustomError("misfit", "{said}", context)


def view_name(namespaces: tuple[str, ...]) -> str:
    """Return the name of the stream that holds these namespaces' part of the log."""
    listed = " ".join(sorted(namespaces))
    return f"ANABRANCH_VIEW_{hashlib.sha256(listed.encode()).hexdigest()[:16]}"
