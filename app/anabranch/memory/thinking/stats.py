"""The record of work: the ends of branches by role, executor and worker, and their use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, cast, get_args

from pydantic import BaseModel, ConfigDict

from anabranch.past.as_of import position_of
from anabranch_events.errors import InputInvalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch.memory.namespaces import OpenNamespace
    from anabranch.past.as_of import Moment

By = Literal["role", "executor", "worker"]
"""The features that the branches of a group have in common."""
BY: Final[tuple[By, ...]] = get_args(By)
GROUPS_MAX: Final = 1_000


class WorkStats(BaseModel):
    """The work of the branches of one role, executor and worker; None stands for any.

    `failed` counts those that were put aside, too; what is in no count goes on, or was handed off.
    Durations are those of completed branches, in milliseconds. Of the `insights`, `useful` were
    used or confirmed, `citations` times together: `used` times and `confirmed` times. `rejected`
    were cited to be rejected only.
    """

    model_config = ConfigDict(frozen=True)
    role: str | None
    executor: str | None
    worker: str | None
    branches: int
    completed: int
    failed: int
    cancelled: int
    attempts: int
    p50_ms: float | None
    p95_ms: float | None
    insights: int = 0
    useful: int = 0
    citations: int = 0
    used: int = 0
    confirmed: int = 0
    rejected: int = 0


async def work_stats(
    namespace: OpenNamespace, *, by: Sequence[By], since: Moment | None, limit: int
) -> list[WorkStats]:
    """Return the groups with the most branches first, as `MemoryWork.stats` says."""
    chosen = _checked_by(by)
    if not 1 <= limit <= GROUPS_MAX:
        raise InputInvalid(
            f"limit: {limit} is out of range", field="limit", fix=f"take 1 to {GROUPS_MAX} groups"
        )
    after = 0 if since is None else await position_of(namespace.backend, since, field="since")
    await namespace.caught_up()
    graph = await namespace.backend.graph()
    asked = {"namespace": namespace.name, "after": after, "by": chosen}
    branches = await graph.read("sessions/work", **asked, limit=limit)
    insights = await graph.read("sessions/work_insights", **asked)
    learned = {tuple(row[name] for name in BY): row for row in insights}
    return [
        WorkStats.model_validate({**row, **learned.get(tuple(row[name] for name in BY), {})})
        for row in branches
    ]


def _checked_by(by: Sequence[str]) -> list[By]:
    unknown = [one for one in by if one not in BY]
    if unknown or isinstance(by, str):
        raise InputInvalid(
            f"by: {unknown[0] if unknown else by!r} is nothing to group by",
            field="by",
            fix=f"list some of {', '.join(BY)}",
        )
    return cast("list[By]", list(by))
