"""The history of a branch's attempts, read from its events: the workers, and each end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict

from anabranch_events.event.types import (
    BranchCancelled,
    BranchCompleted,
    BranchDeadLettered,
    BranchFailed,
    BranchStarted,
)
from anabranch_thinking.executors.policy import given_up

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from anabranch_events import Event
    from anabranch_thinking.sessions.sessions import Sessions


HANDED_BACK: Final = "its worker ended before it was done"
"""The error of an attempt that a worker gave back when it ended: it was no fault of the branch."""


class AttemptMade(BaseModel):
    """One attempt at a branch; `outcome` is None while it goes on."""

    model_config = ConfigDict(frozen=True)
    attempt: int
    worker: str
    started_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    outcome: str | None = None
    error: str | None = None


def attempts_in(events: Iterable[Event]) -> list[AttemptMade]:
    """Return the attempts that a branch's events tell of, in their order."""
    found: list[AttemptMade] = []
    for event in events:
        match event.data:
            case BranchStarted() as data:
                made = AttemptMade(attempt=data.attempt, worker=data.worker, started_at=event.time)
                found.append(made)
            case BranchCompleted():
                _end(found, event, "completed", None)
            case BranchFailed() as data:
                _end(found, event, "failed", data.error)
            case BranchCancelled() as data:
                _end(found, event, "cancelled", data.reason)
            case BranchDeadLettered() as data:
                _end(found, event, "dead_lettered", _own_error(found, data.reason))
            case _:
                continue
    return found


def _end(found: list[AttemptMade], event: Event, outcome: str, error: str | None) -> None:
    if found and found[-1].outcome is None:
        ended = {"ended_at": event.time, "outcome": outcome, "error": error}
        found[-1] = found[-1].model_copy(update=ended)


def _own_error(found: list[AttemptMade], reason: str) -> str:
    """Return the last attempt's error out of a reason, which holds those of all before it."""
    whose = f"\n{_whose(found[-1])}" if found else ""
    return reason.rpartition(whose)[2] if whose else reason


def _whose(one: AttemptMade) -> str:
    return f"attempt {one.attempt} by {one.worker}: "


async def attempts_at(sessions: Sessions, session_id: str) -> list[AttemptMade]:
    """Return the attempts at a branch, in their order."""
    return attempts_in(event for _, event in await sessions.events(session_id))


def own_of(made: Sequence[AttemptMade]) -> list[AttemptMade]:
    """Return the attempts without those that were handed back."""
    return [one for one in made if one.error != HANDED_BACK]


def errors_of(made: Sequence[AttemptMade], *, last: str) -> str:
    """Return the errors of a branch's own attempts as one text; `last` is that of one still open.

    Those that were handed back are counted beside them.
    """
    own = own_of(made)
    if made and made[-1].outcome is None:
        own[-1] = own[-1].model_copy(update={"error": last})
    lines = [f"{_whose(one)}{one.error}" for one in own if one.error]
    return given_up(lines, handed_back=len(made) - len(own))
