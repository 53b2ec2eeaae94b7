"""The journal of sessions: their states read from the log, facts appended on a condition."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, suppress
from copy import copy
from datetime import UTC, datetime
from functools import lru_cache
from random import Random
from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple, Self, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from anabranch_events import (
    Event,
    Log,
    Receipt,
    canonical_uuid,
    checked_own_namespace,
    input_invalid,
    new_event,
    new_id,
)
from anabranch_events.errors import (
    AnabranchError,
    EventInvalid,
    InputInvalid,
    LogMovedOn,
    PositionConflict,
)
from anabranch_events.event.construction import construct_event
from anabranch_events.event.identifiers import Name, is_canonical_uuid, whole_milliseconds
from anabranch_events.event.types import ResourceClaimed
from anabranch_thinking.errors import SessionEnded, SessionNotFound, TokenStale
from anabranch_thinking.sessions.lease import Lease, lease_in, line_of
from anabranch_thinking.sessions.state import SessionState, StateFold
from anabranch_thinking.sessions.state_cache import StateCache
from anabranch_thinking.sessions.states_together import StatesTogether

if TYPE_CHECKING:
    from anabranch_events import Recorded
    from anabranch_events.event.types import EventData

SETTLE_S: Final = 60.0
READS_AT_ONCE: Final = 32
_PAUSE_MAX_S: Final = 0.004
_NAMES_MAX: Final = 1024
_NAME: Final = TypeAdapter[str](Name)

InsightLookup = Callable[[Sequence[str]], Awaitable[Mapping[str, str]]]
"""Maps each insight id that exists to the session that produced it; others are left out."""

EventListener = Callable[[Event, int], None]
"""Called with each event that was appended, and its position."""

Announcement = Callable[[Sequence[str]], None]
"""Called with the ids of sessions before they begin: a record of them can never come too late."""

Model = TypeVar("Model", bound=BaseModel)
Outcome = TypeVar("Outcome")


class Fact(NamedTuple):
    """An event to be appended to a session."""

    session_id: str
    data: EventData
    agent: str | None = None
    event_id: str | None = None


class Journal:
    """One namespace of the log, as sessions: states are read, facts are appended."""

    def __init__(
        self,
        log: Log,
        *,
        namespace: str,
        agent: str | None = None,
        clock: Callable[[], datetime] | None = None,
        ids: Callable[[], str] = new_id,
        lookup: InsightLookup | None = None,
        listener: EventListener | None = None,
    ) -> None:
        try:
            self.namespace = checked_own_namespace(namespace)
        except ValueError as error:
            raise InputInvalid(
                str(error), field="namespace", fix="choose another namespace"
            ) from error
        self.agent = agent
        self._log = log
        self._clock = clock or (lambda: datetime.now(UTC))
        self._ids = ids
        self._lookup = lookup
        self._listener = listener
        self._states = StateCache()
        self._repeats = log.repeats()
        self._lease: Lease | None = None
        self._may_repeat = False

    def with_listener(self, listener: EventListener | None, *, agent: str | None = None) -> Self:
        """Return a copy of the journal that hands its appends to `listener`, in `agent`'s name."""
        return type(self)(
            self._log,
            namespace=self.namespace,
            agent=agent or self.agent,
            clock=self._clock,
            ids=self._ids,
            lookup=self._lookup,
            listener=listener or self._listener,
        )

    def for_command(
        self, *, agent: str | None = None, ids: Callable[[], str] | None = None
    ) -> Self:
        """Return this journal for one command: in `agent`'s name, with ids from `ids`.

        Both share the sessions that either has read.
        """
        copied = copy(self)
        copied.agent = agent or self.agent
        if ids is not None:
            vars(copied).update(_ids=ids, _may_repeat=True)
        return copied

    async def state(self, session_id: str) -> SessionState:
        """Return the session as of its last event.

        Raises SessionNotFound and NamespaceEnded. An event that this version cannot read, or does
        not know, moves the position and nothing else. In the graph it is a dead letter likewise.
        Costs the session's events once, then the new ones.
        """
        key = checked_id(session_id, field="session_id")
        state = self._states.get(key, namespace=self.namespace) or SessionState(key, self.namespace)
        fold = StateFold(state)
        async for recorded in self._log.read(key, namespace=self.namespace, after=state.position):
            await self._take(fold, recorded)
        state = fold.state()
        if not state.exists:
            await self._log.refuse_ended(self.namespace)
            raise SessionNotFound(key, namespace=self.namespace)
        self._states.keep(state)
        return state

    async def confirm(self, session_ids: Iterable[str]) -> None:
        """Forget those sessions that go on by what is known here, and that the log holds no more.

        `state` reads what is new alone: whoever waits would never hear that an operator took a
        session out of the stream.
        """
        gate = asyncio.Semaphore(READS_AT_ONCE)

        async def confirm(known: SessionState) -> None:
            async with gate:
                last = await self._log.last_of(known.session_id, namespace=self.namespace)
            if last is None or last.position < known.position:
                self._states.drop(known.session_id, namespace=self.namespace)

        found = [self._states.get(one, namespace=self.namespace) for one in session_ids]
        going = [one for one in found if one is not None and not one.ended]
        await asyncio.gather(*map(confirm, going))

    async def gone(self) -> int | None:
        """Return how many events were taken out of the log so far; None for a tenant.

        While it stays the same `confirm` has nothing to find.
        """
        if self._log.rights != "all":
            return None
        extent = await self._log.extent()
        return extent.last - extent.messages

    async def beginnings(self, session_ids: Sequence[str]) -> dict[str, SessionState]:
        """Return those of the sessions that have begun and no more, read together.

        One that is left out may be anything. By the time of an answer it may have gone on, too.
        """
        found: dict[str, SessionState] = {}
        for recorded in await self._log.only_of_each(session_ids, namespace=self.namespace):
            fold = StateFold(SessionState(recorded.session_id, self.namespace))
            await self._take(fold, recorded)
            state = fold.state()
            if state.exists:
                self._states.keep(state)
                found[state.session_id] = state
        return found

    async def ended_state(self, session_id: str) -> SessionState:
        """Return the session's state; it is not read where this process knows of its end."""
        key = checked_id(session_id, field="session_id")
        known = self._states.get(key, namespace=self.namespace)
        return known if known is not None and known.ended else await self.state(session_id)

    async def begun_after(
        self, position: int, *, records_max: int, known: Mapping[str, SessionState] | None = None
    ) -> dict[str, SessionState] | None:
        """Return the sessions that began after a position, and all that are `known`, as they are.

        `known` are sessions as they were at that position. Sessions that began before may be among
        those found, where this process knows them and they went on since. The end of the log is
        read as a whole. None where more than `records_max` records stand there, or one of them
        takes a closer look: each session is to be read by itself then.
        """
        last = (await self._log.bounds()).last
        if last - position > records_max:
            return None
        if last <= position and known is not None:
            return {**known}
        reading = StatesTogether(self.namespace, self._states, known or {})
        async with aclosing(self._log.batches(after=min(position, last), to=last)) as batches:
            async for records in batches:
                if not all(map(reading.take, records)):
                    return None
        return reading.states()

    async def state_as_of(self, session_id: str, position: int) -> SessionState:
        """Return the session as of `position`: its own events up to there, read again.

        Raises SessionNotFound for a session that had not begun by then.
        """
        key = checked_id(session_id, field="session_id")
        fold = StateFold(SessionState(key, self.namespace))
        async with aclosing(self._log.read(key, namespace=self.namespace)) as events:
            async for recorded in events:
                if recorded.position > position:
                    break
                await self._take(fold, recorded)
        state = fold.state()
        if not state.exists:
            raise SessionNotFound(key, namespace=self.namespace, position=position)
        return state

    async def events(self, session_id: str) -> list[tuple[int, Event]]:
        """Return the session's events that this version can read, with their positions."""
        key = checked_id(session_id, field="session_id")
        found: list[tuple[int, Event]] = []
        async with aclosing(self._log.read(key, namespace=self.namespace)) as records:
            async for recorded in records:
                with suppress(EventInvalid):
                    found.append((recorded.position, recorded.decode()))
        return found

    async def _take(self, fold: StateFold, recorded: Recorded) -> None:
        """Take in a record, also one that cannot be read or repeats another."""
        try:
            event = recorded.decode()
        except EventInvalid:
            fold.pass_by(recorded.position)
            return
        if event.id <= fold.newest_event and await self._repeats.looked_up(recorded, event.id):
            fold.pass_by(recorded.position)
        else:
            fold.take(event, position=recorded.position)

    async def going(self, session_id: str) -> SessionState:
        """Return the session's state. Raises SessionNotFound, or SessionEnded if it has ended."""
        state = await self.state(session_id)
        if state.ended:
            raise SessionEnded(state.session_id, status=str(state.status))
        return state

    async def append(
        self,
        facts: Sequence[Fact],
        *,
        root_id: str,
        expected: Mapping[str, int] | None = None,
    ) -> list[Receipt]:
        """Append `facts` of the thought `root_id`: all of them or none, in one go.

        `expected` has the positions at which some sessions must still be, 0 for a new one.
        """
        if self._lease is None:
            return await self._append(facts, root_id=root_id, expected=expected)
        return await self._append_under(self._lease, facts, root_id=root_id, expected=expected)

    async def _append(
        self, facts: Sequence[Fact], *, root_id: str, expected: Mapping[str, int] | None
    ) -> list[Receipt]:
        events = self._events_of(facts, root_id=root_id)
        try:
            receipts = await self._log.append_all(events, expected=expected)
        except PositionConflict as conflict:
            if conflict.actual < conflict.expected:  # It was taken out of the log since.
                self._states.drop(conflict.session_id, namespace=self.namespace)
            raise
        self._stored(events, receipts, expected=expected or {})
        return receipts

    async def _append_under(
        self,
        lease: Lease,
        facts: Sequence[Fact],
        *,
        root_id: str,
        expected: Mapping[str, int] | None,
    ) -> list[Receipt]:
        """Append `facts` in one batch with a renewal of a claim, which holds or refuses them.

        Raises TokenStale.
        """
        line = line_of(lease.resource)

        async def attempt() -> list[Receipt]:
            held = await self.held(lease.resource, lease.holder, lease.token)
            renewed = checked(
                ResourceClaimed,
                resource=lease.resource,
                holder=lease.holder,
                ttl_s=lease.ttl_s,
                token=lease.token,
            )
            receipts = await self._append(
                [Fact(line, renewed), *facts],
                root_id=root_id,
                expected={**(expected or {}), line: held.position},
            )
            return receipts[1:]

        return await self.settle(attempt, about=line)

    async def clock(self) -> datetime:
        """Return the time by now of the log's server, by which claims end."""
        return await self._log.clock()

    async def lease_on(self, resource: str) -> tuple[Lease | None, int]:
        """Return the claim on a resource, if any, and where its line is by now."""
        return lease_in(await self._log.last_of(line_of(resource), namespace=self.namespace))

    async def held(self, resource: str, holder: str, token: int) -> Lease:
        """Return a claim as it is by now. Raises TokenStale where it is another one's, or none."""
        found, _ = await self.lease_on(resource)
        if found is None or (found.token, found.holder) != (token, holder):
            raise TokenStale(resource, token=token)
        return found

    def under(self, lease: Lease) -> Self:
        """Return this journal with appends that count only while a claim on a resource holds.

        Raises TokenStale, from any append, once it does not. Each append renews the claim.
        """
        copied = copy(self)
        vars(copied)["_lease"] = lease
        return copied

    async def append_next(
        self, facts: Sequence[Fact], *, root_id: str, last: int, expected: Mapping[str, int]
    ) -> list[Receipt] | None:
        """Append two or more `facts` right after position `last`; None where others came first.

        Not for a journal under a claim.
        """
        events = self._events_of(facts, root_id=root_id)
        try:
            receipts = await self._log.append_all(events, expected=expected, last=last)
        except LogMovedOn:
            return None
        self._stored(events, receipts, expected=expected)
        return receipts

    async def last_position(self) -> int | None:
        """Return the last position of the whole log; None for a tenant, who does not see it."""
        return (await self._log.bounds()).last if self._log.rights == "all" else None

    def _events_of(self, facts: Sequence[Fact], *, root_id: str) -> list[Event]:
        time = self._clock()
        return [self._event_of(fact, root_id=root_id, time=time) for fact in facts]

    def _event_of(self, fact: Fact, *, root_id: str, time: datetime) -> Event:
        """Return the event of a fact; what we made ourselves is not looked at again."""
        event_id, agent = fact.event_id or self.new_id(), fact.agent or self.agent
        ids = (event_id, fact.session_id, root_id)
        ours = time.tzinfo is UTC and _is_name(agent) and all(map(is_canonical_uuid, ids))
        return (construct_event if ours else new_event)(
            fact.data,
            session_id=fact.session_id,
            namespace=self.namespace,
            agent=agent,
            correlation_id=root_id,
            event_id=event_id,
            time=whole_milliseconds(time) if ours else time,
        )

    def _stored(
        self, events: Sequence[Event], receipts: Sequence[Receipt], *, expected: Mapping[str, int]
    ) -> None:
        """Take in our own append: what we know of its sessions moves on with it.

        An append that may repeat an earlier one is not: the event in the log has another time.
        """
        if not self._may_repeat:
            self._states.take(events, receipts, expected=expected, namespace=self.namespace)
        if self._listener is not None:
            for event, receipt in zip(events, receipts, strict=True):
                self._listener(event, receipt.position)

    async def decide(
        self,
        session_id: str,
        decision: Callable[[SessionState], EventData],
        *,
        from_memory: bool = False,
    ) -> tuple[SessionState, Receipt]:
        """Append the event that `decision` makes of the state, if the session is still in it.

        After an append of another writer the state is read and decided again. With `from_memory`
        the state that this process knows is tried first: it is not read where it still holds.
        Returns the state decided on. Raises the errors of `decision`, and SessionNotFound.
        """
        event_id = self.new_id()

        async def decided_on(state: SessionState, data: EventData) -> tuple[SessionState, Receipt]:
            fact = Fact(state.session_id, data, event_id=event_id)
            expected = {state.session_id: state.position}
            receipts = await self.append([fact], root_id=state.root_id, expected=expected)
            return state, receipts[0]

        async def attempt() -> tuple[SessionState, Receipt]:
            state = await self.state(session_id)
            return await decided_on(state, decision(state))

        key = checked_id(session_id, field="session_id")
        known = self._states.get(key, namespace=self.namespace)
        if from_memory and known is not None:
            data = _decided(decision, known)
            if data is not None:
                with suppress(PositionConflict):
                    return await decided_on(known, data)
        return await self.settle(attempt)

    def new_id(self) -> str:
        """Return a new id from this journal's source."""
        return self._ids()

    async def settle(
        self, attempt: Callable[[], Awaitable[Outcome]], *, about: str | None = None
    ) -> Outcome:
        """Await `attempt` until it is not overtaken by another writer.

        With `about` only one on that session counts; the others go on to the caller.
        Between attempts it pauses for a random moment: two that wait for the same position do not
        meet again and again. Raises PositionConflict when it is overtaken for `SETTLE_S`.
        """
        deadline = monotonic() + SETTLE_S
        pauses = Random()  # noqa: S311 - no secret.
        while True:
            try:
                return await attempt()
            except PositionConflict as conflict:
                other = about is not None and conflict.session_id != about
                if other or monotonic() >= deadline:
                    raise
            await asyncio.sleep(pauses.uniform(0, _PAUSE_MAX_S))


@lru_cache(_NAMES_MAX)
def _is_name(agent: str | None) -> bool:
    """Tell whether an event may be in this name: the same few come again and again."""
    try:
        return agent is None or bool(_NAME.validate_python(agent))
    except ValidationError:
        return False


def _decided(
    decision: Callable[[SessionState], EventData], known: SessionState
) -> EventData | None:
    """Return the decision on a state that may be outdated; None where that refuses it."""
    try:
        return decision(known)
    except AnabranchError:
        return None


def checked(model: type[Model], /, *within: str | int, **values: object) -> Model:
    """Make a model of `values`. Raises InputInvalid naming the field that breaks a rule.

    It is named by its place, where the model itself has one, `within` something else.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise input_invalid(error, within=within) from error


def as_ids(values: Sequence[str], *, field: str) -> tuple[str, ...]:
    """Return `values` as a tuple. Raises InputInvalid for a single text, which is no list."""
    if isinstance(values, str):
        raise InputInvalid(
            f"{field}: is a text, not a list of ids", field=field, fix="put it into a list"
        )
    return tuple(values)


def checked_id(value: str, *, field: str) -> str:
    """Return `value` as a canonical id. Raises InputInvalid naming `field`."""
    try:
        return canonical_uuid(value)
    except ValueError as error:
        raise InputInvalid(
            f"{field}: {error}", field=field, fix=f"give {field} as the UUID it was made with"
        ) from error
