"""The receipts of commands on sessions: the fact's position in the log, and the new ids."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from anabranch_events import Receipt


class SessionReceipt(Receipt):
    """An event was stored in `session_id`."""

    session_id: str


class BranchReceipt(SessionReceipt):
    """The session was forked from `parent_id` at its position `forked_at`."""

    parent_id: str
    root_id: str
    forked_at: int


class CompletionReceipt(SessionReceipt):
    """The session completed with these insights, in the order they were given."""

    insight_ids: tuple[str, ...]


class InsightReceipt(SessionReceipt):
    """The insight was recorded in `session_id`.

    `event_id` and `position` are those of the last event: where it retired another, of that.
    """

    insight_id: str


class InsightsReceipt(SessionReceipt):
    """The insights were recorded in `session_id`, in the order they were given.

    `event_id` and `position` are those of the last one.
    """

    insight_ids: tuple[str, ...]


class AssociationEnds(BaseModel):
    """An association of a kind, by the insights it leads from and to."""

    model_config = ConfigDict(frozen=True)
    from_id: str
    to_id: str
    kind: str


class ErasureReceipt(BaseModel):
    """The erasure in a sealed namespace of all that was forgotten up to `position`.

    `keys` were dropped now: what the log, the object store, exports, snapshots and backups hold of
    it can no longer be read. `graph` and `index` tell of the files of this home: they were
    rewritten without it, or that is under way. A Neo4j elsewhere forgets the nodes and keeps their
    bytes until it uses the place again (`kept_by_store`).
    """

    model_config = ConfigDict(frozen=True)
    position: int
    keys: int
    graph: Literal["rewritten", "under_way", "kept_by_store"]
    index: Literal["rewritten", "under_way"]


class ForgetReceipt(SessionReceipt):
    """The insight is forgotten, with what was derived from it and what others said about it.

    `insights` are those derived from it, through any number of steps: they are forgotten too.
    `consolidations` lose its words or their whole text, `sessions` their result, `associations`
    their reason, `conflicts` their subject and decision. `sums` counts everything, the lists hold
    the first 1,000 of each. `erasure` tells of a sealed namespace; in an open one (None) the log
    still holds what was said.
    """

    insights: tuple[str, ...]
    consolidations: tuple[str, ...]
    sessions: tuple[str, ...]
    associations: tuple[AssociationEnds, ...]
    conflicts: tuple[tuple[str, str], ...]
    sums: dict[str, int]
    erasure: ErasureReceipt | None = None


class HandOffReceipt(SessionReceipt):
    """`session_id` passed its task to `to`, forked from it at `forked_at`."""

    to: str
    forked_at: int
    working_memory: tuple[str, ...]
