"""The erasure of forgotten content from the log of a sealed namespace: its keys are dropped.

Each step may be run again after a kill at any moment, by any process:

1. The writer leaves word beside the keys first, then appends the event that forgets.
2. `run` reads the namespace, finds what was forgotten and all boxes that say something of it, and
   drops their keys. An insight that is derived from a forgotten one is forgotten too.
3. It notes up to which forgetting the keys are gone (`erased`), and takes the word back.

With an insight go the reasons of its ends and associations, the subjects and decisions of its
conflicts, and consolidations derived from it. So do the results of the sessions that produced it,
and of those that joined them. With a session go all that it said itself, consolidations of it, and
the results of the sessions that joined it.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from contextlib import aclosing
from typing import TYPE_CHECKING, Final, NamedTuple

from anabranch_events.errors import EventInvalid
from anabranch_events.event.identifiers import canonical_uuid
from anabranch_events.event.sealing import block_of, boxes_of
from anabranch_events.event.types import (
    AssociationFormed,
    AssociationSevered,
    BranchCompleted,
    BranchCreated,
    ConflictOpened,
    ConflictResolved,
    ConsolidationRecorded,
    Insight,
    InsightExpired,
    InsightForgotten,
    InsightRecorded,
    InsightRetracted,
    InsightSuperseded,
    SessionForgotten,
)
from anabranch_events.jetstream.stream import read_bounds
from anabranch_events.read import reader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anabranch_events.event.envelope import Event
    from anabranch_events.event.recorded import Recorded
    from anabranch_events.jetstream.documents import Documents
    from anabranch_events.transport.connection import Connection

_INSIGHT, _SESSION = "insight-", "session-"
_OWN: Final = frozenset({"d", "a", "o"})
_log: Final = logging.getLogger("anabranch")


class Erased(NamedTuple):
    """The result of an erasure: keys are gone for all that was forgotten up to `position`.

    `keys` were dropped by this run.
    """

    position: int
    keys: int


class Erasure:
    """The erasure in one sealed namespace. Every step raises LogUnavailable and LogRefused."""

    def __init__(self, connection: Connection, documents: Documents, *, namespace: str) -> None:
        self._connection = connection
        self._documents = documents
        self._namespace = namespace

    async def due(self) -> set[str]:
        """Return the erasures that somebody left word of and that are not done."""
        return {*await self._documents.keys.intended(self._namespace)}

    async def erased(self) -> int:
        """Return up to which forgetting the keys are gone, 0 before any."""
        return await self._documents.keys.erased(self._namespace)

    async def has_keys(self) -> bool:
        """Tell whether the stream of keys is there: without it the other steps raise."""
        return await self._documents.keys.there(self._namespace)

    async def run(self) -> Erased:
        """Drop the keys of all that was forgotten."""
        keys = self._documents.keys
        await keys.sweep(self._namespace)
        intended = await keys.intended(self._namespace)
        before = await self.erased()
        if not intended:
            return Erased(before, 0)
        last = (await read_bounds(self._connection)).last
        wanted = _Wanted(intended)
        while await self._read(wanted, last):
            pass  # Something was found to be forgotten that earlier records tell of.
        dropped = await keys.erase(self._namespace, wanted.slots())
        position = max(before, wanted.position)
        if position > before:
            await keys.note_erased(self._namespace, position)
        for name in wanted.done():
            await keys.done(self._namespace, name)
        return Erased(position, dropped)

    async def _read(self, wanted: _Wanted, last: int) -> bool:
        """Read the namespace once; tell whether more is forgotten than was known before."""
        known = len(wanted.insights) + len(wanted.sessions)
        batches = reader.batches(self._connection, None, after=0, to=last)
        async with aclosing(batches) as found:
            async for records in found:
                for record in records:
                    if record.namespace == self._namespace:
                        wanted.add(await self._documents.opened(record))
        return len(wanted.insights) + len(wanted.sessions) > known


class _Wanted:
    """The content that is forgotten in a namespace, and the boxes that say something of it."""

    def __init__(self, intended: Iterable[str]) -> None:
        self._intended = list(intended)
        self.insights: set[str] = set()
        self.sessions: set[str] = set()
        self.position = 0
        self._slots: dict[str, set[int]] = defaultdict(set)
        self._parents: dict[str, str] = {}
        self._results: dict[str, list[tuple[str, int]]] = defaultdict(list)
        self._silenced: set[str] = set()

    def add(self, record: Recorded) -> None:
        """Take in the next record."""
        try:
            event = record.decode()
        except EventInvalid:
            return
        data = event.data
        # Of all forgettings, for something may have been said of an older one since.
        if isinstance(data, InsightForgotten):
            self.insights.add(data.insight_id)
            self.position = max(self.position, record.position)
        elif isinstance(data, SessionForgotten):
            self.sessions.add(event.subject)
            self.position = max(self.position, record.position)
        if record.keys is not None:
            self._take_boxes(record, event)

    def slots(self) -> dict[str, set[int]]:
        """Return the slots to drop, by their block."""
        for session_id in self._silenced:
            for block, slot in self._results[session_id]:
                self._slots[block].add(slot)
        return dict(self._slots)

    def done(self) -> list[str]:
        """Return the words that are fulfilled: those whose event is in the log."""
        return [
            name
            for name in self._intended
            if name.removeprefix(_INSIGHT) in self.insights
            or name.removeprefix(_SESSION) in self.sessions
        ]

    def _take_boxes(self, record: Recorded, event: Event) -> None:
        """Take in what an event says; one that anybody spoiled stops no erasure of others."""
        try:
            self._take(record, event)
        except EventInvalid as error:
            _log.warning(
                "the boxes of the event at position %d of %s are passed by: %s",
                record.position,
                record.namespace,
                error,
            )

    def _take(self, record: Recorded, event: Event) -> None:
        data = event.data
        if isinstance(data, BranchCreated):
            self._parents[event.subject] = data.parent_id
        if isinstance(data, InsightRecorded):
            if self._forgotten(data):
                self._drop(record, _OWN)
                self._silenced.add(event.subject)
            return
        if isinstance(data, BranchCompleted):
            self._completed(record, event, data)
        if event.subject in self.sessions or self._mentions(data):
            self._drop(record, _OWN)
        if isinstance(data, ConsolidationRecorded) and self._is_of(data):
            self._drop(record, _OWN)
            parents = (self._parents.get(one) for one in data.sessions)
            self._silenced.update(one for one in parents if one is not None)

    def _completed(self, record: Recorded, event: Event, data: BranchCompleted) -> None:
        block = block_of(record.raw) or ""
        own = [(block, box.slot) for box in boxes_of(record.raw) if box.label in _OWN]
        self._results[event.subject] += own
        for at, insight in enumerate(data.insights):
            if self._forgotten(insight):
                self._drop(record, {str(at)})
                self._silenced.add(event.subject)

    def _forgotten(self, insight: Insight) -> bool:
        """Tell whether an insight is forgotten, or derived from one that is."""
        if insight.insight_id not in self.insights and self._derived(insight):
            self.insights.add(insight.insight_id)
        return insight.insight_id in self.insights

    def _derived(self, insight: Insight) -> bool:
        return any(_as_id(source) in self.insights for source in insight.sources)

    def _mentions(self, data: object) -> bool:
        match data:
            case InsightSuperseded():
                return bool({data.insight_id, data.by} & self.insights)
            case InsightRetracted() | InsightExpired():
                return data.insight_id in self.insights
            case AssociationFormed() | AssociationSevered():
                return bool({data.from_id, data.to_id} & self.insights)
            case ConflictOpened() | ConflictResolved():
                return bool({*data.insights} & self.insights)
            case _:
                return False

    def _is_of(self, data: ConsolidationRecorded) -> bool:
        if {*data.sources} & self.insights or {*data.sessions} & self.sessions:
            return True
        return any(self._parents.get(one) in self.sessions for one in data.sessions)

    def _drop(self, record: Recorded, labels: Iterable[str]) -> None:
        block = block_of(record.raw) or ""
        self._slots[block].update(box.slot for box in boxes_of(record.raw) if box.label in labels)


def _as_id(source: str) -> str | None:
    try:
        return canonical_uuid(source)
    except ValueError:
        return None
