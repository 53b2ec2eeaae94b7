"""Repeats: an event that was stored before under its id, in the same session.

The server knows the ids of ten minutes. A producer that repeats itself later, or that sends no id,
stores its event again. Ids are made in the order of time. So an id above all others of its session
is new, and only the rest is looked up in the session's own events.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from anabranch_events.errors import EventInvalid
from anabranch_events.event.fingerprint import fingerprint
from anabranch_events.event.identifiers import is_canonical_uuid

if TYPE_CHECKING:
    from anabranch_events.event.recorded import Recorded

SESSIONS_MAX: Final = 100_000
IDS_MAX: Final = 200_000
_START: Final = b'{"specversion":"1.0","id":"'
_ID: Final = slice(len(_START), len(_START) + 36)

SessionReader = Callable[[str, str, int], "AsyncGenerator[Recorded, None]"]
"""Yields the records of a session, by namespace and id, after a position."""


class Occurrence(NamedTuple):
    """One storing of an event: where, and the fact it tells."""

    position: int
    fingerprint: bytes


@dataclass(slots=True)
class _Session:
    """The occurrences of each event of a session, up to a position."""

    read_to: int = 0
    newest: str = ""
    events: dict[str, list[Occurrence]] = field(default_factory=dict[str, list[Occurrence]])


class Repeats:
    """The ids met so far, by session. Records are to be asked about in position order.

    `after` is the position behind which the asking begins. `position` is that of the last one.
    """

    def __init__(self, read: SessionReader, *, after: int) -> None:
        self.position = after
        self._read = read
        self._whole = after == 0
        self._newest: dict[tuple[str, str], str] = {}
        self._sessions: OrderedDict[tuple[str, str], _Session] = OrderedDict()

    async def earlier(self, recorded: Recorded) -> list[Occurrence]:
        """Return the earlier occurrences of a record's event, none for a new one.

        A record that cannot be read is none, and none is an earlier one. Raises LogUnavailable.
        """
        self.position = recorded.position
        event_id = _id_of(recorded)
        if event_id is None or self._is_new(recorded, event_id):
            return []
        found = await self.looked_up(recorded, event_id)
        newest = self._sessions[recorded.namespace, recorded.session_id].newest
        self._keep(recorded, max(newest, event_id))
        return found

    async def looked_up(self, recorded: Recorded, event_id: str) -> list[Occurrence]:
        """Return the earlier occurrences of an id, from the session's own events, in any order."""
        session = await self._session(recorded)
        return [one for one in session.events.get(event_id, ()) if one.position < recorded.position]

    async def last_id(self, recorded: Recorded, *, up_to: int) -> str | None:
        """Return the id of the last event of a record's session up to a position, or None."""
        events = (await self._session(recorded)).events
        stored = ((each.position, one) for one, found in events.items() for each in found)
        return max((each for each in stored if each[0] <= up_to), default=(0, None))[1]

    def _is_new(self, recorded: Recorded, event_id: str) -> bool:
        """Tell whether the id is above all of its session, and make it the newest then."""
        newest = self._newest.get((recorded.namespace, recorded.session_id))
        if newest is None:
            if not self._whole:
                return False
        elif event_id <= newest:
            return False
        self._keep(recorded, event_id)
        return True

    def _keep(self, recorded: Recorded, newest: str) -> None:
        self._newest[recorded.namespace, recorded.session_id] = newest
        if len(self._newest) > SESSIONS_MAX:
            del self._newest[next(iter(self._newest))]
            self._whole = False

    async def _session(self, recorded: Recorded) -> _Session:
        """Return a session's occurrences, read at least as far as the record."""
        key = (recorded.namespace, recorded.session_id)
        session = self._sessions.setdefault(key, _Session())
        self._sessions.move_to_end(key)
        if session.read_to < recorded.position:
            async with aclosing(self._read(*key, session.read_to)) as records:
                async for each in records:
                    _take_in(session, each)
        total = sum(len(one.events) for one in self._sessions.values())
        while total > IDS_MAX and len(self._sessions) > 1:
            _, dropped = self._sessions.popitem(last=False)
            total -= len(dropped.events)
        return session


def _take_in(session: _Session, recorded: Recorded) -> None:
    session.read_to = recorded.position
    try:
        event = recorded.decode()
    except EventInvalid:
        return
    found = Occurrence(recorded.position, fingerprint(event))
    session.events.setdefault(event.id, []).append(found)
    session.newest = max(session.newest, event.id)


def _id_of(recorded: Recorded) -> str | None:
    """Return the id of a record's event, None where it cannot be read."""
    raw = recorded.raw
    if raw.startswith(_START) and raw[_ID.stop : _ID.stop + 2] == b'",':
        found = raw[_ID].decode("ascii", "replace").lower()
        if is_canonical_uuid(found):
            return found
    try:
        return recorded.decode().id
    except EventInvalid:
        return None
