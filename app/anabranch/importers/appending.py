"""Drafts into the log, each event once: what a session has already is read back first.

The server knows ids again for ten minutes only, and imports are repeated after months. So each
batch is conditional on where its sessions were when they were read. Of two imports at a time one
must look again, and after a kill the next import goes on where the last batch ended.

While a batch is on its way the next one is gathered. It is sent once the one before is stored,
for it is conditional on the positions of that. A batch may hold the end of a source, and the
beginning of the next. To wait for each source would take longer than to read a short one.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from nats.js.client import JetStreamContext

from anabranch.importers.mapping.drafts import Opening, Start
from anabranch_events import new_event
from anabranch_events.errors import EventIdKnown, EventInvalid, PositionConflict
from anabranch_events.event.construction import construct_event
from anabranch_events.event.identifiers import whole_milliseconds
from anabranch_events.event.types import (
    BranchCompleted,
    BranchCreated,
    BranchStarted,
    ConsolidationRecorded,
    EventData,
    InsightRecorded,
    SessionForgotten,
    SessionOpened,
)
from anabranch_store.together import together

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import TracebackType

    from anabranch.importers.mapping.drafts import AnyDraft, Whole
    from anabranch_events import Event, Log

BATCH_EVENTS: Final = 500
BATCH_CHARACTERS: Final = 2 * 1024 * 1024
TRIES: Final = 8
READS_AT_ONCE: Final = 8
KNOWN_MAX: Final = 20_000
"""Events that are remembered of sources that ended, and as many that are read ahead of others."""
BUCKET: Final = "ANABRANCH_OBJECTS"


@dataclass(slots=True)
class Standing:
    """A session as the log has it, and the place in it that the transcript has come to."""

    last: int = 0
    opened: int = 0
    root_id: str = ""
    depth: int = 0
    reached: int = 0
    forgotten: bool = False
    ids: list[str] = field(default_factory=list[str])
    """The ids of its events, and of the insights within them."""

    @property
    def exists(self) -> bool:
        """True once the session has begun."""
        return self.opened > 0


class Appender:
    """Appends the drafts of sources in their order; those that the log has are left out.

    With the end of its block it waits for no answer any more: what is to be stored is flushed.
    """

    def __init__(
        self,
        log: Log,
        *,
        namespace: str,
        saw: Callable[[Event, int], None] | None = None,
    ) -> None:
        self._log = log
        self._namespace = namespace
        self._saw = saw
        self._standing: dict[str, Standing] = {}
        self._ahead: set[str] = set()
        self._known: dict[str, int] = {}
        self._waiting: dict[str, Event] = {}
        self._sent: dict[str, Event] = {}
        self._sending: asyncio.Task[None] | None = None
        self._characters = 0
        self._checked = False
        self._counted: set[str] = set()
        self.appended = 0
        self.left_out = 0
        self.taken = 0
        """Events that were put and were not in the log, and of these those that are settled."""
        self.settled = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        sending = self._sending
        if sending is not None and not sending.done():
            sending.cancel()
            await asyncio.wait([sending])
        if sending is not None and not sending.cancelled():
            sending.exception()  # It was raised where it was waited for, or another error ends us.

    async def begin(self, session_ids: Iterable[str], *, then: Iterable[str] = ()) -> None:
        """Begin a source: read what the log has of its sessions, for they may share events.

        Where that needs an answer, the sessions of the sources `then` are read with them, as long
        as little is known of these. Too much that is known of earlier sources is forgotten.
        """
        own = list(dict.fromkeys(session_ids))
        self._ahead.difference_update(own)
        if len(self._known) > KNOWN_MAX:
            await self._forget_others(own)
        if all(one in self._standing for one in own):
            return
        await self._load(own)
        await self._load(then, ahead=True)

    async def _load(self, session_ids: Iterable[str], *, ahead: bool = False) -> None:
        """Read what the log has of sessions, each once, several at a time."""
        waiting = iter(dict.fromkeys(session_ids))
        known = 0

        async def read_some() -> None:
            nonlocal known
            for session_id in waiting:
                if session_id in self._standing:
                    continue
                standing = await self._of(session_id)
                known += len(standing.ids)
                if ahead:
                    self._ahead.add(session_id)
                    if known > KNOWN_MAX:
                        return

        await together(read_some() for _ in range(READS_AT_ONCE))

    async def _forget_others(self, own: Iterable[str]) -> None:
        """Forget sessions but these, and those that were read ahead; once it is worth the while."""
        kept = {one: self._standing[one] for one in (*own, *self._ahead) if one in self._standing}
        if len(self._known) - sum(len(one.ids) for one in kept.values()) <= KNOWN_MAX:
            return
        await self.flush()
        self._standing = kept
        ids = (event_id for standing in kept.values() for event_id in standing.ids)
        self._known = {event_id: self._known[event_id] for event_id in ids}
        self._counted &= self._known.keys()

    @property
    def failed(self) -> bool:
        """True once a batch was not stored: nothing more is appended."""
        sending = self._sending
        if sending is None or not sending.done():
            return False
        return sending.cancelled() or sending.exception() is not None

    async def put(self, draft: AnyDraft) -> None:
        """Append a draft, now or with others. Raises what `append_all` raises.

        A session that was forgotten takes nothing more, nor do branches of it that come later.
        """
        standing = self._standing.get(draft.session_id) or await self._of(draft.session_id)
        if isinstance(draft, Opening) and draft.parent_id and not standing.exists:
            standing.forgotten |= (await self._of(draft.parent_id)).forgotten
        if standing.forgotten:
            self.left_out += 1
            return
        position = self._known.get(draft.event_id)
        if position is not None:
            self._leave_out(draft.event_id)
            standing.reached = max(standing.reached, position)
            return
        if draft.event_id in self._waiting or draft.event_id in self._sent:
            return
        data = await self._data(draft, standing)
        if data is None:
            return
        for whole in () if isinstance(draft, (Opening, Start)) else draft.wholes:
            await self._keep(whole)
        self._waiting[draft.event_id] = self._event(draft, data)
        self.taken += 1
        if isinstance(data, (InsightRecorded, ConsolidationRecorded)):
            self._characters += len(data.text)
        elif isinstance(data, BranchCompleted):
            self._characters += len(data.result)
        if len(self._waiting) >= BATCH_EVENTS or self._characters >= BATCH_CHARACTERS:
            await self._send()

    def _event(self, draft: AnyDraft, data: EventData) -> Event:
        """Return a draft as an event. The first is checked: what is given by others is in each."""
        make = construct_event if self._checked else new_event
        self._checked = True
        return make(
            data,
            event_id=draft.event_id,
            session_id=draft.session_id,
            namespace=self._namespace,
            agent=draft.agent,
            time=whole_milliseconds(draft.time),
        )

    async def flush(self) -> None:
        """Return once all that was put is stored. Raises what `append_all` raises."""
        await self._send()
        await self._arrived()

    async def _send(self) -> None:
        """Send what waits, once what was sent before is stored. Raises what that met."""
        await self._arrived()
        self._sent, self._waiting, self._characters = self._waiting, {}, 0
        self._sending = asyncio.create_task(self._append(self._sent))

    async def _arrived(self) -> None:
        """Return once all that was sent is stored."""
        if self._sending is not None:
            await self._sending
            self._sending = None
            self.settled += len(self._sent)
            self._sent = {}

    async def _append(self, batch: Mapping[str, Event]) -> None:
        """Append a batch, all of it or none."""
        for attempt in range(TRIES):
            events = [event for event in batch.values() if self._is_wanted(event)]
            if not events:
                return
            expected = {event.session_id: self._standing[event.session_id].last for event in events}
            try:
                receipts = await self._log.append_all(events, expected=expected)
            except PositionConflict:
                if attempt == TRIES - 1:
                    raise
                await self._look_again(expected)
                continue
            except (EventInvalid, EventIdKnown):
                await self._one_by_one(events)
                return
            for event, receipt in zip(events, receipts, strict=True):
                self._stored(event, receipt.position)
            return

    def _is_wanted(self, event: Event) -> bool:
        """Tell whether an event is to be stored: a session may have been forgotten meanwhile."""
        return event.id not in self._known and not self._standing[event.session_id].forgotten

    async def _one_by_one(self, events: Sequence[Event]) -> None:
        """Append what the log refused together: a record may be in a session of another source.

        Such a record was copied without a trace of its origin. It stays where it was stored first.
        """
        for event in events:
            standing = self._standing[event.session_id]
            try:
                receipt = await self._log.append(event, expected=standing.last)
            except EventInvalid as error:
                if error.field != "id":
                    raise
                self._known[event.id] = 0
                standing.ids.append(event.id)
                self._leave_out(event.id)
                continue
            self._stored(event, receipt.position)

    def _leave_out(self, event_id: str) -> None:
        """Count an event that was there before; a source may name one again and again."""
        if event_id not in self._counted:
            self._counted.add(event_id)
            self.left_out += 1

    async def _look_again(self, session_ids: Iterable[str]) -> None:
        """Read sessions to which somebody else appended."""
        for session_id in session_ids:
            await self._read(session_id, self._standing[session_id])

    async def _data(self, draft: AnyDraft, standing: Standing) -> EventData | None:
        """Return a draft's data, with the positions that its place in the log gives."""
        if isinstance(draft, Opening):
            return await self._opening(draft, standing)
        if isinstance(draft, Start):
            return BranchStarted(worker=draft.worker) if standing.depth else None
        return draft.data

    async def _opening(self, draft: Opening, standing: Standing) -> EventData:
        parent = await self._of(draft.parent_id) if draft.parent_id else Standing()
        if draft.parent_id and not parent.exists:
            await self.flush()
        if not draft.parent_id or not parent.exists:
            standing.root_id, standing.depth = draft.session_id, 0
            return SessionOpened(
                task=draft.task, role=draft.role, attributes=dict(draft.attributes)
            )
        pending = (*self._sent.values(), *self._waiting.values())
        if any(event.session_id == draft.parent_id for event in pending):
            await self.flush()  # The place where it left the parent is known only then.
        standing.root_id, standing.depth = parent.root_id, parent.depth + 1
        return BranchCreated(
            parent_id=draft.parent_id,
            root_id=parent.root_id,
            forked_at=parent.reached or parent.last,
            depth=parent.depth + 1,
            task=draft.task,
            role=draft.role,
        )

    async def _of(self, session_id: str) -> Standing:
        if session_id not in self._standing:
            standing = Standing()
            await self._read(session_id, standing)
            self._standing[session_id] = standing
        return self._standing[session_id]

    async def _read(self, session_id: str, standing: Standing) -> None:
        read = self._log.read(session_id, namespace=self._namespace, after=standing.last)
        async for recorded in read:
            standing.last = recorded.position
            try:
                event = recorded.decode()
            except EventInvalid:
                continue
            self._learn(event, recorded.position, standing)

    def _stored(self, event: Event, position: int) -> None:
        self.appended += 1
        self._counted.add(event.id)
        standing = self._standing[event.session_id]
        standing.last = standing.reached = position
        self._learn(event, position, standing)
        if self._saw is not None:
            self._saw(event, position)

    def _learn(self, event: Event, position: int, standing: Standing) -> None:
        """Note that the log has an event, and the insights within it."""
        self._known[event.id] = position
        standing.ids.append(event.id)
        data = event.data
        if isinstance(data, SessionOpened) and not standing.exists:
            standing.opened, standing.root_id, standing.depth = position, event.session_id, 0
        elif isinstance(data, BranchCreated) and not standing.exists:
            standing.opened, standing.root_id = position, data.root_id
            standing.depth = data.depth
        elif isinstance(data, SessionForgotten):
            standing.forgotten = True
        elif isinstance(data, BranchCompleted):
            for insight in data.insights:
                self._known.setdefault(insight.insight_id, position)
                standing.ids.append(insight.insight_id)

    async def _keep(self, whole: Whole) -> None:
        """Store a whole text under the name of its content, so that none is stored twice.

        A sealed namespace has none: its bytes would stay in the store's files.
        """
        if self._namespace not in await self._log.sealed_namespaces():
            await put_object(self._log, whole)


async def put_object(log: Log, whole: Whole) -> None:
    """Store an object in the bucket of the log, unless it is there."""
    import nats.js.errors

    stream = JetStreamContext(log.connection)
    try:
        store = await stream.object_store(BUCKET)
        try:
            await store.get_info(whole.name)
        except nats.js.errors.NotFoundError:
            await store.put(whole.name, whole.data)
    except nats.js.errors.NotFoundError:
        store = await stream.create_object_store(BUCKET)
        await store.put(whole.name, whole.data)
