"""Requests that are sent again: the same key and the same content is the same request.

The ids of the events that a keyed request stores follow from its namespace, its command, its key
and its content. So it stands in the log once, however often it is sent, and its answer is the same.
"""

from __future__ import annotations

import hashlib
import itertools
import uuid
from typing import TYPE_CHECKING, Final

import orjson

from anabranch_events.errors import EventInvalid, InputInvalid, SessionEnded
from anabranch_events.event.identifiers import NAME_LENGTH_MAX
from anabranch_events.event.types import (
    BranchCompleted,
    BranchCreated,
    InsightRecorded,
    SessionHandedOff,
)
from anabranch_thinking import (
    BranchReceipt,
    CompletionReceipt,
    HandOffReceipt,
    InsightReceipt,
    InsightsReceipt,
    SessionReceipt,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from anabranch.api.requests import Writing
    from anabranch_events import Event, Log

CONVERGENT: Final = frozenset(
    {
        *("forget_all", "seal_namespace", "consolidate", "settle", "synthesise"),
        *("resolve_conflict", "apply_retention", "cancel_thought"),
    }
)
"""The writes that do what is left to do, with a key or without one: their answer says that."""
_BEFORE_INSIGHT: Final = 2
"""The ids that a request makes before that of its insight, at most."""
_SPACE: Final = uuid.UUID("6d1f6a0e-52c5-5a27-9a35-1d6a0a3d3c0b")


class Ids:
    """The ids that one keyed request makes, in their order: the same ones each time."""

    def __init__(self, namespace: str, command: str, key: str, request: Writing) -> None:
        key = checked_key(key, field="Nats-Msg-Id")
        self._name = f"{namespace}\n{command}\n{_digest(request)}\n{key}"
        self._numbers = itertools.count()

    def __call__(self) -> str:
        """Return the next id."""
        return self.at(next(self._numbers))

    def at(self, number: int) -> str:
        """Return an id by its place, from 0 on."""
        return str(uuid.uuid5(_SPACE, f"{self._name}\n{number}"))


def checked_key(key: str, *, field: str) -> str:
    """Return the key of a request, from a header called `field`. Raises InputInvalid."""
    if not 1 <= len(key) <= NAME_LENGTH_MAX or not key.isprintable():
        raise InputInvalid(
            f"{field}: is not 1 to {NAME_LENGTH_MAX} printable characters",
            field=field,
            fix="use such a text, a UUID for one: the same when the request is sent again",
        )
    return key


def _digest(request: Writing) -> str:
    """Return the digest of a request's content: of one that an earlier version stored, the same."""
    fields = type(request).model_fields
    defaults = {name: fields[name].get_default(call_default_factory=True) for name in request.later}
    new = {name for name, default in defaults.items() if getattr(request, name) == default}
    content = request.model_dump(mode="json", exclude=new)
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


class Repetition:
    """Finds what an earlier request with the same ids has stored."""

    def __init__(self, log: Log, *, namespace: str, ids: Ids) -> None:
        self._log = log
        self._namespace = namespace
        self._ids = ids
        self.first_id = ids.at(0)
        """The first id that the request makes: that of the session which it opens."""

    def has_made(self, insight_ids: Sequence[str]) -> bool:
        """Tell whether one of the insights is that of this request, which may open a session."""
        return any(self._ids.at(number) in insight_ids for number in range(_BEFORE_INSIGHT + 1))

    async def branched(self) -> BranchReceipt | None:
        """Return the receipt of the branch, whatever became of its parent since."""
        session_id = self._ids.at(0)
        async for position, event in self._events(session_id):
            if isinstance(event.data, BranchCreated):
                return BranchReceipt(
                    event_id=event.id,
                    position=position,
                    session_id=session_id,
                    parent_id=event.data.parent_id,
                    root_id=event.data.root_id,
                    forked_at=event.data.forked_at,
                )
        return None

    async def completed(self, session_id: str, ended: SessionEnded) -> CompletionReceipt:
        """Return the receipt if this request ended the session; raise `ended` if not."""
        async for position, event in self._events(session_id):
            if isinstance(event.data, BranchCompleted):
                insight_ids = tuple(one.insight_id for one in event.data.insights)
                if event.id == self._ids.at(len(insight_ids)):
                    return CompletionReceipt(
                        event_id=event.id,
                        position=position,
                        session_id=session_id,
                        insight_ids=insight_ids,
                    )
        raise ended

    async def remembered(self, session_id: str, ended: SessionEnded) -> InsightReceipt:
        """Return the receipt if this request stored its insight before the session ended."""
        events: list[tuple[str, int]] = []
        async for position, event in self._events(session_id):
            if event.id == self._ids.at(len(events) + 1):  # The first of the ids is the insight's.
                events.append((event.id, position))
        if not events:
            raise ended
        event_id, position = events[-1]
        return InsightReceipt(
            event_id=event_id,
            position=position,
            session_id=session_id,
            insight_id=self._ids.at(0),
        )

    async def remembered_all(self, session_id: str, ended: SessionEnded) -> InsightsReceipt:
        """Return the receipt if this request stored its insights before the session ended."""
        ids: list[str] = []
        last: tuple[str, int] | None = None
        async for position, event in self._events(session_id):
            if isinstance(event.data, InsightRecorded) and event.data.insight_id == self._ids.at(
                len(ids)
            ):
                ids.append(event.data.insight_id)
                last = (event.id, position)
        if last is None:
            raise ended
        event_id, position = last
        return InsightsReceipt(
            event_id=event_id, position=position, session_id=session_id, insight_ids=tuple(ids)
        )

    async def stored(self, session_id: str, ended: SessionEnded) -> SessionReceipt:
        """Return the receipt if the session has this request's one event; raise `ended` if not."""
        async for position, event in self._events(session_id):
            if event.id == self._ids.at(0):
                return SessionReceipt(event_id=event.id, position=position, session_id=session_id)
        raise ended

    async def handed_off(self, session_id: str, ended: SessionEnded) -> HandOffReceipt:
        """Return the receipt if it was this request that handed the session off."""
        heir = self._ids.at(0)
        async for position, event in self._events(session_id):
            if isinstance(event.data, SessionHandedOff) and event.data.to == heir:
                forked = await self.branched()
                return HandOffReceipt(
                    event_id=event.id,
                    position=position,
                    session_id=session_id,
                    to=heir,
                    forked_at=forked.forked_at if forked else position,
                    working_memory=tuple(event.data.working_memory),
                )
        raise ended

    async def _events(self, session_id: str) -> AsyncIterator[tuple[int, Event]]:
        async for recorded in self._log.read(session_id, namespace=self._namespace):
            try:
                yield recorded.position, recorded.decode()
            except EventInvalid:
                continue
