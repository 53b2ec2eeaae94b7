"""The rules that an event must keep to be applied, beside being readable.

A session's line begins once, below a parent that the log knew before, and ends once. Events of
other sessions about insights may come in any order and are never against a rule.

A verdict is a function of the log alone. It asks only for a session's opening, root, depth and end,
which never change once they are there, and only as of before the event. So a replay from any
checkpoint, in any batches, judges alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from anabranch_events.event import types
from anabranch_projections.errors import (
    BranchMisplaced,
    ParentUnknown,
    RuleBroken,
    SessionEndedBefore,
    SessionOpenedBefore,
)
from anabranch_projections.fold.rows import Row, steps

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from anabranch_projections.fold.positioned import PositionedEvent
    from anabranch_store import Ask

OPENINGS: Final = (types.SessionOpened, types.BranchCreated)
ENDINGS: Final = (
    types.BranchCompleted,
    types.BranchFailed,
    types.BranchCancelled,
    types.BranchDeadLettered,
    types.SessionHandedOff,
    types.SessionClosed,
)
"""The events that begin a session, and those that end it, or may."""
JUDGED: Final = frozenset({*OPENINGS, *ENDINGS, types.BranchStarted})
"""The events that a rule is about; all others need no look at the graph."""


Key: TypeAlias = tuple[str, str]
"""The key of a session: its namespace and its id."""


@dataclass(slots=True)
class SessionStanding:
    """A session as the rules see it: its begin and end, and its place below the root."""

    opened: int | None = None
    root_id: str | None = None
    depth: int = 0
    ended: int | None = None


async def judge(events: Sequence[PositionedEvent], ask: Ask) -> dict[int, RuleBroken]:
    """Return the verdict on each event that breaks a rule, by its position.

    `events` are those of a batch that a rule is about, in position order. `ask` reads the graph in
    the transaction that will write them.
    """
    return await _judged(events, ask, {}, keys=_own(events) | _parents(events))


async def judge_by(
    rows: Iterable[Row], events: Sequence[PositionedEvent], ask: Ask
) -> dict[int, RuleBroken]:
    """Judge like `judge`, with `rows` for the events' own sessions as they stood before."""
    return await _judged(events, ask, _known(rows), keys=_parents(events) - _own(events))


def verdicts(
    events: Iterable[PositionedEvent], known: dict[Key, SessionStanding]
) -> dict[int, RuleBroken]:
    """Judge `events` in order; `known` has the sessions' standing and is updated by each event."""
    broken: dict[int, RuleBroken] = {}
    for at in events:
        try:
            _check(at, known)
        except RuleBroken as error:
            broken[at.position] = error
    return broken


def _check(at: PositionedEvent, known: dict[Key, SessionStanding]) -> None:
    own = known.get((at.namespace, at.session_id))
    if own is None:
        own = known[at.namespace, at.session_id] = SessionStanding()
    data = at.event.data
    if type(data) is types.SessionOpened:
        _open(at, own, root_id=at.session_id, depth=0)
    elif type(data) is types.BranchCreated:
        parent = known.get((at.namespace, data.parent_id))
        if parent is None or not _before(parent.opened, at.position):
            raise ParentUnknown(data.parent_id)
        if (data.root_id, data.depth) != (parent.root_id, parent.depth + 1):
            raise BranchMisplaced(
                data.parent_id, root_id=str(parent.root_id), depth=parent.depth + 1
            )
        _open(at, own, root_id=data.root_id, depth=data.depth)
    elif _before(own.ended, at.position):
        raise SessionEndedBefore(at.session_id, position=own.ended or 0)
    elif _ends(data) and own.ended is None:
        own.ended = at.position


def _open(at: PositionedEvent, own: SessionStanding, *, root_id: str, depth: int) -> None:
    if _before(own.opened, at.position):
        raise SessionOpenedBefore(at.session_id, position=own.opened or 0)
    if own.opened is None:
        own.opened, own.root_id, own.depth = at.position, root_id, depth


def _before(first: int | None, position: int) -> bool:
    return first is not None and first < position


def _ends(data: types.EventData) -> bool:
    if type(data) is types.BranchFailed:
        return not data.will_retry
    return type(data) in ENDINGS


async def _judged(
    events: Sequence[PositionedEvent],
    ask: Ask,
    known: dict[Key, SessionStanding],
    *,
    keys: set[Key],
) -> dict[int, RuleBroken]:
    """Judge by `known`, and by the standing in the graph of the sessions of `keys`."""
    for step in steps("projection/read_standing", _rows(keys)):
        known |= _known(await ask(step))
    return verdicts(events, known)


def _rows(keys: set[Key]) -> list[Row]:
    return [{"namespace": namespace, "id": session_id} for namespace, session_id in sorted(keys)]


def _own(events: Iterable[PositionedEvent]) -> set[Key]:
    return {(at.namespace, at.session_id) for at in events}


def _parents(events: Iterable[PositionedEvent]) -> set[Key]:
    return {
        (at.namespace, data.parent_id)
        for at in events
        if type(data := at.event.data) is types.BranchCreated
    }


def _known(rows: Iterable[Row]) -> dict[Key, SessionStanding]:
    return {
        (row["namespace"], row["id"]): SessionStanding(
            row["opened"], row["root_id"], row["depth"] or 0, row["ended"]
        )
        for row in rows
    }
