"""Damage of the log that is known without reading it, and what a rebuild needs then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from anabranch_events import Condition

LOSS: Final = (
    "restore the log from a copy (`anabranch snapshot restore`), or go on without what is lost: "
    "`anabranch rebuild --accept-loss`"
)


def damage(log: Condition, *, position: int, replaced: bool = False) -> str | None:
    """Return what is lost, as far as it is known without reading; the graph is at `position`.

    `replaced` says that the graph is of another log.
    """
    read_to = max(log.read_to or 0, position)
    faults: list[str] = []
    if log.missing:
        positions = "1 position" if log.missing == 1 else f"{log.missing:,} positions"
        have = "has" if log.missing == 1 else "have"
        faults.append(f"{positions} up to {log.last} {have} no event")
    if read_to > log.last:
        faults.append(f"it ends at {log.last}, and was read up to {read_to}")
    if replaced and log.last == 0:
        faults.append("it is empty, and the graph was filled from another one")
    return "; ".join(faults) or None


def rebuild_advice(harmed: str | None) -> str:
    """Return what to do where a rebuild is due: none begins on a log that is damaged."""
    return LOSS if harmed else "run `anabranch rebuild`"
