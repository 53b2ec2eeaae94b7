"""The facts that settling recorded in a log, and texts that give such facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anabranch_events.event.types import (
    AssociationFormed,
    ConflictOpened,
    ConsolidationRecorded,
    InsightSuperseded,
)

if TYPE_CHECKING:
    from anabranch_events import Log

SAID_AGAIN = (
    "Backups of the orders database number {0} run every night at two.",
    "Backups of the orders database number {0} run every night at two, by a cron job.",
)
CHANGED = (
    "Deployments of shop number {0} are on hold for the audit.",
    "Deployments of shop number {0} are no longer on hold for the audit.",
)
OPPOSED = (
    "The limit of gateway number {0} is 500 requests.",
    "The limit of gateway number {0} is 800 requests.",
)


async def settled_facts(log: Log) -> list[tuple[str, ...]]:
    """Return what settling recorded, a tuple a fact, in the order of the log."""
    found: list[tuple[str, ...]] = []
    async for recorded in log.read_all():
        match recorded.decode().data:
            case ConsolidationRecorded() as data:
                found.append(("restated", *sorted(data.sources)))
            case InsightSuperseded() as data:
                found.append(("superseded", data.insight_id, data.by))
            case ConflictOpened() as data:
                found.append(("opposed", *sorted(data.insights)))
            case AssociationFormed() as data:
                found.append(("linked", *sorted((data.from_id, data.to_id))))
            case _:
                pass
    return found
