"""The receipts of commands on sessions: the fact's position in the log, and the new ids."""

from __future__ import annotations

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
    """The insight was recorded in `session_id`."""

    insight_id: str


class InsightsReceipt(SessionReceipt):
    """The insights were recorded in `session_id`, in the order they were given.

    `event_id` and `position` are those of the last one.
    """

    insight_ids: tuple[str, ...]


class HandOffReceipt(SessionReceipt):
    """`session_id` passed its task to `to`, forked from it at `forked_at`."""

    to: str
    forked_at: int
    working_memory: tuple[str, ...]
