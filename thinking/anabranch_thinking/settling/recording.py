"""The recording of settlements: each as one atomic batch, on a condition that lets it in once.

A namespace has a chain of sessions for this, whose note says up to which position it is settled.
The batch of a settlement holds that note, and is conditional on the session's position. One that
was overtaken reads the note, and goes on from there.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from anabranch_events.event.types import (
    AssociationFormed,
    ConflictOpened,
    ConsolidationRecorded,
    InsightSuperseded,
)
from anabranch_recall.candidates import RESTATED
from anabranch_thinking.sessions.journal import checked
from anabranch_thinking.settling.book import Book
from anabranch_thinking.settling.chain import Chain
from anabranch_thinking.settling.settlement import settle

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from anabranch_events import Event
    from anabranch_events.event.types import EventData
    from anabranch_thinking.consolidation.exact_cosines import Vector
    from anabranch_thinking.sessions.sessions import Sessions
    from anabranch_thinking.settling.settlement import Settlement

    VectorsOf = Callable[[str, Sequence[str]], Awaitable[Mapping[str, Vector]]]
    """Returns the unit vectors of a namespace's insights, of those that have one."""

TASK: Final = "Settle memory"
THROUGH: Final = "settled_through"
AT_ONCE: Final = 128
"""The number of new insights in one settlement: all it says fits into one batch."""
FACTS_MAX: Final = 990


class Settler:
    """One namespace that is settled: its book, and the insights that wait.

    After any error of `settle_next` the book is ahead of the log: fold a new one.
    """

    def __init__(self, sessions: Sessions, vectors_of: VectorsOf | None = None) -> None:
        self._sessions = sessions
        self._vectors_of = vectors_of
        self._book = Book()
        self._waiting: dict[str, int] = {}
        self._chain = Chain(sessions, task=TASK, key=THROUGH)
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
        head = await self._chain.head()
        batch, through = self._next(head.noted if since is None else since)
        if not batch:
            return None
        found = await asyncio.to_thread(
            settle, self._book, batch, vectors=await self._vectors(batch)
        )
        if found.facts and record:
            skipped = since is not None and since > head.noted
            facts = list(self._facts(head.session_id, found))[:FACTS_MAX]
            await self._chain.append(head, facts, noted=head.noted if skipped else through)
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
            first = min(self._waiting[each] for each in batch)
            latest = book.latest_without_vector(first - 1)
            for each, vector in (await self._vectors_of(namespace, latest)).items():
                book.neighbours.add_vector(each, vector)
            self._warm = True
        wanted = dict.fromkeys(each for each in batch if each in book.insights)
        for each in tuple(wanted):
            wanted |= dict.fromkeys(book.neighbours.by_words(book.insights[each]))
        missing = [each for each in wanted if not book.neighbours.has_vector(each)]
        return await self._vectors_of(namespace, missing)

    def _facts(self, session_id: str, found: Settlement) -> Iterator[EventData]:
        for restated in found.restated:
            yield checked(
                ConsolidationRecorded,
                consolidation_id=self._sessions.new_id(),
                root_id=session_id,
                sessions=(),  # To name one is to join it: its parent would see what it learned.
                sources=restated.sources,
                text=restated.text,
                method=RESTATED,
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
