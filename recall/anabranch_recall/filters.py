"""Which insights may answer, beside scope and position: a filter is a mask and costs no results."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Filters(BaseModel):
    """Conditions on the insights that may answer; all that are given must hold.

    It carries every one of `tags`, and is of one of `kinds`, `agents` and `roles` (the role of its
    session). `valid_at` is a moment in the world at which it must hold.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tags: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    confidence_min: Annotated[float, Field(ge=0, le=1)] = 0.0
    valid_at: AwareDatetime | None = None


NO_FILTERS = Filters()
