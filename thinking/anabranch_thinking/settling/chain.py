"""The sessions of a namespace in which the consolidator writes: one after another, never two.

Their ids follow from the namespace. Each batch is conditional on the position of the last one, so
of two that write one is let in. A session that has grown long is closed for a next one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid5

from anabranch_events.errors import PositionConflict, SessionNotFound
from anabranch_events.event.types import SessionClosed, SessionOpened, WorkingMemorySet
from anabranch_thinking.sessions.journal import Fact, checked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anabranch_events.event.types import EventData
    from anabranch_thinking.sessions.sessions import Sessions

AGENT: Final = "consolidator"
LONG: Final = 5000
"""The number of facts after which a session is closed for a next one."""
_IDS: Final = UUID("6f1c3c1e-5d0b-4d0e-9a53-3c1f6f0a9d51")


class Overtaken(Exception):
    """Another one wrote first: what was to be recorded was not."""


@dataclass(frozen=True, slots=True)
class Head:
    """The session that takes the next batch, and where it stands, 0 before its first event.

    `noted` is the highest position that any of the sessions noted, `recorded` the number of facts
    in this one. `last` is the last position of all of them.
    """

    session_id: str
    position: int
    noted: int
    recorded: int
    last: int


def own_session(namespace: str, name: str) -> str:
    """Return the id of a session that a namespace has one of, by its name."""
    return str(uuid5(_IDS, f"{namespace}:{name}"))


class Chain:
    """The sessions of one task; `key` is the note with their position, `name` makes their ids."""

    def __init__(self, sessions: Sessions, *, task: str, key: str, name: str = "") -> None:
        self._sessions = sessions
        self._task = task
        self._key = key
        self._name = f"{name}:" if name else ""
        self._number = 0
        self._noted = 0
        self._last = 0

    async def head(self) -> Head:
        """Return the session that takes the next batch."""
        while True:
            name = f"{self._name}{self._number}"
            session_id = own_session(self._sessions.namespace, name)
            try:
                state = await self._sessions.state(session_id)
            except SessionNotFound:
                return Head(session_id, 0, self._noted, 0, self._last)
            note = state.working_memory.get(self._key)
            found = note if isinstance(note, dict) else {}
            noted = max(self._noted, _whole(found.get("position")))
            last = max(self._last, state.position)
            if not state.ended:
                facts = _whole(found.get("facts"))
                return Head(session_id, state.position, noted, facts, last)
            self._noted, self._last = noted, last
            self._number += 1

    async def append(self, head: Head, facts: Sequence[EventData], *, noted: int) -> None:
        """Append facts as one batch with the note of a position. Raises Overtaken."""
        recorded = head.recorded + len(facts)
        note = {"position": noted, "facts": recorded}
        batch: list[EventData] = []
        if not head.position:
            batch.append(checked(SessionOpened, task=self._task))
        batch += facts
        batch.append(checked(WorkingMemorySet, key=self._key, value=note))
        if recorded >= LONG:
            batch.append(checked(SessionClosed, reason="long enough: the next one goes on"))
        try:
            await self._sessions.append(
                [Fact(head.session_id, data, agent=AGENT) for data in batch],
                root_id=head.session_id,
                expected={head.session_id: head.position},
            )
        except PositionConflict as overtaken:
            raise Overtaken from overtaken


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
