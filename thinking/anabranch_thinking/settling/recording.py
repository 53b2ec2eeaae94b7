"""The recording of settlements: each as one atomic batch, on a condition that lets it in once.

A namespace has a session for this, which notes up to which position it is settled. The batch of a
settlement holds that note, and is conditional on the session's position. One that was overtaken
reads the note, and goes on from there. A session that has grown long is closed for a next one.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid5

from anabranch_events.errors import PositionConflict, SessionNotFound
from anabranch_events.event.types import (
    AssociationFormed,
    ConflictOpened,
    ConsolidationRecorded,
    InsightSuperseded,
    SessionClosed,
    SessionOpened,
    WorkingMemorySet,
)
from anabranch_thinking.sessions.journal import Fact, checked
from anabranch_thinking.settling.book import METHOD, Book
from anabranch_thinking.settling.settlement import settle

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from anabranch_events import Event
    from anabranch_events.event.types import EventData
    from anabranch_thinking.sessions.sessions import Sessions
    from anabranch_thinking.settling.neighbours import Vector
    from anabranch_thinking.settling.settlement import Settlement

    VectorsOf = Callable[[str, Sequence[str]], Awaitable[Mapping[str, Vector]]]
    """Returns the unit vectors of a namespace's insights, of those that have one."""

TASK: Final = "Settle memory"
THROUGH: Final = "settled_through"
AT_ONCE: Final = 128
"""The number of new insights in one settlement: all it says fits into one batch."""
FACTS_MAX: Final = 990
LONG: Final = 5000
"""The number of facts after which a session is closed for a next one."""
AGENT: Final = "consolidator"
_IDS: Final = UUID("6f1c3c1e-5d0b-4d0e-9a53-3c1f6f0a9d51")


@dataclass(frozen=True, slots=True)
class _Head:
    """The session that takes the next settlement: where it stands, and how far it went."""

    session_id: str
    position: int
    through: int
    recorded: int


class Overtaken(Exception):
    """Another one settled this first: what the book says now was not recorded."""


class Settler:
    """One namespace that is settled: its book, and the insights that wait.

    After any error of `settle_next` the book is ahead of the log: fold a new one.
    """

    def __init__(self, sessions: Sessions, vectors_of: VectorsOf | None = None) -> None:
        self._sessions = sessions
        self._vectors_of = vectors_of
        self._book = Book()
        self._waiting: dict[str, int] = {}
        self._number = 0
        self._ended = False
        self._warm = False

    @property
    def waiting(self) -> int:
        """The number of insights that were not looked at yet."""
        return len(self._waiting)

    def take(self, event: Event, position: int) -> bool:
        """Take in an event of the namespace; tell whether something is to be looked at for it."""
        new = self._book.take(event, position)
        self._waiting.update(dict.fromkeys(new, position))
        return bool(new)

    async def settle_next(
        self, *, since: int | None = None, record: bool = True
    ) -> Settlement | None:
        """Settle the next insights that wait, and record it; None where none is left.

        With `since` those are looked at that came after that position, also if they were before.
        Others that nobody ever looked at still wait for the next time. Without `record`
        nothing is recorded. Raises Overtaken.
        """
        head = await self._head()
        batch, through = self._next(head.through if since is None else since)
        if not batch:
            return None
        found = await asyncio.to_thread(
            settle, self._book, batch, vectors=await self._vectors(batch)
        )
        if found.facts and record:
            try:
                skipped = since is not None and since > head.through
                await self._record(head, found, head.through if skipped else through)
            except PositionConflict as overtaken:
                raise Overtaken from overtaken
        for each in batch:
            self._waiting.pop(each, None)
        found.through = through
        return found

    def _next(self, after: int) -> tuple[list[str], int]:
        """Return the next insights after a position, at most so many, and where they end."""
        for each in [each for each, position in self._waiting.items() if position <= after]:
            del self._waiting[each]
        ordered = sorted(self._waiting.items(), key=lambda one: one[1])
        if len(ordered) <= AT_ONCE:
            batch = ordered
        else:  # Insights of one event stay together: the note says a position.
            through = ordered[AT_ONCE - 1][1]
            batch = [one for one in ordered if one[1] <= through]
        return [each for each, _ in batch], batch[-1][1] if batch else after

    async def _vectors(self, batch: Sequence[str]) -> Mapping[str, Vector]:
        """Return the vectors of insights and of those near in words; first of the latest, too."""
        if self._vectors_of is None:
            return {}
        book, namespace = self._book, self._sessions.namespace
        if not self._warm:
            self._warm = True
            first = min(self._waiting[each] for each in batch)
            latest = book.latest_without_vector(first - 1)
            for each, vector in (await self._vectors_of(namespace, latest)).items():
                book.neighbours.add_vector(each, vector)
        wanted = dict.fromkeys(each for each in batch if each in book.insights)
        for each in tuple(wanted):
            wanted |= dict.fromkeys(book.neighbours.by_words(book.insights[each]))
        missing = [each for each in wanted if not book.neighbours.has_vector(each)]
        return await self._vectors_of(namespace, missing)

    async def _head(self) -> _Head:
        """Return the session that takes the next settlement."""
        through = 0
        while True:
            session_id = str(uuid5(_IDS, f"{self._sessions.namespace}:{self._number}"))
            try:
                state = await self._sessions.state(session_id)
            except SessionNotFound:
                return _Head(session_id, 0, through, 0)
            noted = state.working_memory.get(THROUGH)
            found = noted if isinstance(noted, dict) else {}
            through = max(through, _whole(found.get("position")))
            if not state.ended:
                return _Head(session_id, state.position, through, _whole(found.get("facts")))
            self._number += 1

    async def _record(self, head: _Head, found: Settlement, through: int) -> None:
        """Append a settlement as one batch. Raises PositionConflict where another came first."""
        facts = list(self._facts(head.session_id, found))[:FACTS_MAX]
        recorded = head.recorded + len(facts)
        note = {"position": through, "facts": recorded}
        batch: list[EventData] = []
        if not head.position:
            batch.append(checked(SessionOpened, task=TASK))
        batch += facts
        batch.append(checked(WorkingMemorySet, key=THROUGH, value=note))
        if recorded >= LONG:
            batch.append(checked(SessionClosed, reason="long enough: the next one goes on"))
        await self._sessions.append(
            [Fact(head.session_id, data, agent=AGENT) for data in batch],
            root_id=head.session_id,
            expected={head.session_id: head.position},
        )

    def _facts(self, session_id: str, found: Settlement) -> Iterator[EventData]:
        for restated in found.restated:
            yield checked(
                ConsolidationRecorded,
                consolidation_id=self._sessions.new_id(),
                root_id=session_id,
                sessions=restated.sessions,
                sources=restated.sources,
                text=restated.text,
                method=METHOD,
            )
        for superseded in found.superseded:
            yield checked(
                InsightSuperseded,
                insight_id=superseded.older,
                by=superseded.newer,
                reason=superseded.reason,
                valid_until=superseded.valid_until,
            )
        for opposed in found.opposed:
            pair = (opposed.older, opposed.newer)
            yield checked(ConflictOpened, insights=pair, subject=opposed.subject)
        for one in sorted(found.links, key=lambda each: -each.weight):
            yield checked(
                AssociationFormed,
                from_id=one.link.from_id,
                to_id=one.link.to_id,
                kind=one.link.kind,
                weight=one.weight,
                reason=one.reason,
            )


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
