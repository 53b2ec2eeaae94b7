"""The answer of a diff: the things learned between two moments."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class _Change(BaseModel):
    model_config = ConfigDict(frozen=True)


class ChangedInsight(_Change):
    """An insight that was recorded, or that ended: `reason` says how, `by` which took its place."""

    insight_id: str
    session_id: str
    text: str | None
    kind: str
    position: int
    reason: str | None = None
    by: str | None = None


class ChangedAssociation(_Change):
    """An association that was formed, ended, or moved by citations of both its insights."""

    from_id: str
    to_id: str
    kind: str
    position: int
    useful: int = 0
    rejected: int = 0


class ChangedSession(_Change):
    """A session that began, or that ended with `status`."""

    session_id: str
    parent_id: str | None
    task: str
    role: str | None
    position: int
    status: str | None = None


class ChangedConsolidation(_Change):
    """A consolidation that was recorded."""

    consolidation_id: str
    root_id: str
    text: str
    method: str
    position: int


class ChangedConflict(_Change):
    """A conflict that was opened, or resolved by a `decision`."""

    insights: tuple[str, str]
    subject: str
    position: int
    decision: str | None = None


class Diff(_Change):
    """The things learned after position `after` and up to `to`.

    `sums` counts everything; the lists hold the first of each, in position order. A thing that
    began and ended in between stands in both lists. An association is strengthened or weakened only
    if it was there at the first moment.
    """

    namespace: str
    after: int
    to: int
    events: int
    sums: dict[str, int]
    insights_recorded: list[ChangedInsight]
    insights_retired: list[ChangedInsight]
    insights_forgotten: list[ChangedInsight]
    associations_formed: list[ChangedAssociation]
    associations_ended: list[ChangedAssociation]
    associations_strengthened: list[ChangedAssociation]
    associations_weakened: list[ChangedAssociation]
    sessions_opened: list[ChangedSession]
    sessions_ended: list[ChangedSession]
    consolidations_recorded: list[ChangedConsolidation]
    conflicts_opened: list[ChangedConflict]
    conflicts_resolved: list[ChangedConflict]
