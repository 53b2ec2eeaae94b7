"""The log: every event, in order, stored once; appended to, read, and listened to."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Literal, Self

from anabranch_events.deletion import Deletion, checked_deletable
from anabranch_events.erasure import Erasure
from anabranch_events.errors import Explain, InputInvalid, LogRefused
from anabranch_events.jetstream import announcements, direct_get
from anabranch_events.jetstream.documents import Documents, StoredDocuments
from anabranch_events.jetstream.kv import Bucket, drop_values, open_bucket
from anabranch_events.jetstream.ledger import Ledger, joined, tip_of
from anabranch_events.jetstream.limits import Hindrance, read_hindrances
from anabranch_events.jetstream.sealed import checked_sealable
from anabranch_events.jetstream.stream import (
    SUBJECT_PREFIX,
    Bounds,
    Extent,
    checked_position,
    checked_token,
    ensure_stream,
    read_bounds,
    read_clock,
    read_doubles,
    read_extent,
    read_identity,
    read_tolerated,
    subject,
)
from anabranch_events.read import reader
from anabranch_events.read.continuity import Continuity
from anabranch_events.read.namespaces import Namespace, namespaces
from anabranch_events.read.pinned_consumer import PinnedConsumer
from anabranch_events.read.repeats import Repeats
from anabranch_events.read.verification import Condition, LogReport, condition, verify
from anabranch_events.tasks.queue import TaskQueue
from anabranch_events.transcripts.transcripts import Transcripts
from anabranch_events.transport.connection import Absence, Connection, Locate
from anabranch_events.write.append import append, last_position, outgoing
from anabranch_events.write.atomic_batch import append_batch, check_events, check_sessions
from anabranch_events.write.group_commit import GroupCommit
from anabranch_events.write.pipeline import ImportProgress, Pipeline, ingest

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterable,
        AsyncIterator,
        Callable,
        Iterable,
        Mapping,
        Sequence,
    )
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime
    from types import TracebackType

    from nats.aio.client import Client

    from anabranch_events.event.envelope import Event, Receipt
    from anabranch_events.event.recorded import Recorded
    from anabranch_events.write.append import Outgoing


class Log:
    """An open log. Make one with `Log.connect` and `async with`.

    Every method raises LogUnavailable when the server does not answer in time, and LogRefused when
    it refuses us. It reconnects by itself.
    """

    def __init__(self, connection: Connection, *, groups: GroupCommit | None = None) -> None:
        self._connection = connection
        self._documents = Documents(connection)
        self._ledger = Ledger(connection)
        self._ended = self._documents.ended
        self._groups = groups
        self._tasks = TaskQueue(connection)

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        token: str | None = None,
        timeout_s: float = 5.0,
        durability: Literal["default", "strict"] = "default",
        explain: Explain | None = None,
        locate: Locate | None = None,
        absence: Absence | None = None,
    ) -> Log:
        """Return a log that connects on entering: `async with Log.connect(url) as log`.

        `timeout_s` bounds every call, its repetitions included. Entering creates the stream once.
        It raises StreamDrifted when the stream has other settings, ServerOutdated before
        nats-server 2.14.

        `durability` names the server's set-up. A "strict" server syncs every write; appends that
        come at the same time are then stored as one batch. `explain` gets each error of a server
        that does not answer or refuses us, and returns the one to raise. `locate` is asked before
        each reconnection for the server's address and token by now. While `absence` says that the
        server is paused, calls wait for it.
        """
        connection = Connection(
            url,
            token=token,
            timeout_s=timeout_s,
            explain=explain,
            locate=locate,
            absence=absence,
        )
        return cls(connection, groups=GroupCommit(connection) if durability == "strict" else None)

    async def __aenter__(self) -> Self:
        await self._connection.__aenter__()
        try:
            await ensure_stream(self._connection)
        except BaseException:
            await self._connection.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._groups is not None:
                await self._groups.close()
        finally:
            await self._connection.__aexit__(kind, error, trace)

    @property
    def rights(self) -> Literal["all", "projector", "namespaces"]:
        """The rights on this server: all, or those of a projector or a tenant of namespaces.

        A tenant's `read_all`, `batches`, `subscribe` and `bounds` are of its namespaces only. It
        has no buckets and no `pinned`, and its events end at 512 KiB.
        """
        view = self._connection.view
        if view is None:
            return "all"
        return "namespaces" if view.namespaces else "projector"

    @property
    def connection(self) -> Client:
        """The nats-py client, for services that share the connection."""
        return self._connection.client

    @property
    def tasks(self) -> TaskQueue:
        """The queue of tasks beside the log, on the same connection."""
        return self._tasks

    @property
    def transcripts(self) -> Transcripts:
        """The transcripts of agent tools beside the log, on the same connection."""
        return Transcripts(self._connection)

    @property
    def url(self) -> str:
        """The server's address, without a password."""
        return self._connection.url

    @property
    def connected(self) -> bool:
        """True while the server is there; one that is gone or frozen is noticed within 2 s."""
        return self._connection.connected

    async def append(self, event: Event, *, expected: int | None = None) -> Receipt:
        """Store one event. `expected` is the session's last position, 0 for a new session.

        Raises PositionConflict when the session is elsewhere, LogFull, and EventIdKnown where an
        event with its id was deleted lately. After LogUnavailable the event may be stored or not.
        Appending it again within ten minutes, or with `expected` at any time, never stores it
        twice.
        """
        if expected is not None:
            checked_position(expected, field="expected")
        await self._ended.refuse(event.namespace)
        out = await outgoing(self._documents, event, expected=expected)
        receipt = await self._append(out)
        await self._documents.confirm_open((event.namespace,))
        return receipt

    async def append_all(
        self,
        events: Sequence[Event],
        *,
        expected: Mapping[str, int] | None = None,
        last: int | None = None,
    ) -> list[Receipt]:
        """Store all events at once or none, at most 1,000, at consecutive positions.

        `expected` gives last positions by session id. With `last` two or more follow that position
        of the log: LogMovedOn says that others came first. Raises what `append` raises.
        """
        outs = await self._outgoing(events, dict(expected or {}))
        if last is not None:
            outs[0] = outs[0]._replace(last=last)
        if len(outs) > 1:
            receipts = await append_batch(self._connection, outs)
        else:
            receipts = [await self._append(out) for out in outs]
        await self._documents.confirm_open({event.namespace for event in events})
        return receipts

    async def _append(self, out: Outgoing) -> Receipt:
        if self._groups is not None:
            return await self._groups.append(out)
        return await append(self._connection, out)

    async def ingest(
        self,
        events: AsyncIterable[Event] | Iterable[Event],
        *,
        progress: Callable[[ImportProgress], None] | None = None,
    ) -> ImportProgress:
        """Store many events in their order, each once; for imports of any size.

        They are taken from `events` as there is room, so that memory stays the same. A conflict of
        positions is not looked for. `progress` is called with the events stored so far.

        Raises the errors of `append`. After LogUnavailable the same events may be ingested again,
        from the last reported one on: within ten minutes none is stored twice.
        """
        pipeline = Pipeline(self._connection, self._documents, progress=progress)
        return await ingest(pipeline, self._documents, events, ended=self._ended)

    async def _outgoing(self, events: Sequence[Event], expected: dict[str, int]) -> list[Outgoing]:
        check_sessions(events, expected)
        for position in expected.values():
            checked_position(position, field="expected")
        check_events(events)
        for namespace in {event.namespace for event in events}:
            await self._ended.refuse(namespace)
        # The server checks an expectation on a session's first event of a batch only.
        awaited: dict[str, int | None] = dict(expected)
        return [
            await outgoing(self._documents, event, expected=awaited.pop(event.session_id, None))
            for event in events
        ]

    async def read(
        self, session_id: str, *, namespace: str, after: int = 0
    ) -> AsyncGenerator[Recorded, None]:
        """Yield one session's records after a position, in order; nothing for an unknown session.

        The cost is that of the session's events, not of the log.
        """
        checked_position(after, field="after")
        found = direct_get.read_subject(
            self._connection, subject(namespace, session_id), after=after
        )
        async with aclosing(found):
            async for messages in found:
                for message in messages:
                    yield await self._documents.opened(direct_get.recorded(message))

    def read_all(
        self, *, after: int = 0, to: int | None = None, stored: bool = False
    ) -> AsyncGenerator[Recorded, None]:
        """Yield all records after `after` up to `to`, or up to the end as of the call.

        With `stored` what is sealed is not opened, so that its keys may be missing. Raises
        InputInvalid for positions beyond the end.
        """
        documents = StoredDocuments(self._documents.claim_check) if stored else self._documents
        return reader.read_all(self._connection, documents, after=after, to=to)

    def batches(
        self,
        *,
        after: int = 0,
        to: int | None = None,
        records_max: int = reader.RECORDS_MAX,
        bytes_max: int = reader.BYTES_MAX,
    ) -> AsyncGenerator[list[Recorded], None]:
        """Yield all records after `after` in batches, never empty, as they arrive.

        Without `to` it waits for more for ever, over restarts of the server, without a gap and
        without a repetition. Raises InputInvalid when `after` is beyond the end. Raises LogRewound
        when the log comes to end before a position that was read.
        """
        return reader.batches(
            self._connection,
            self._documents,
            after=after,
            to=to,
            records_max=records_max,
            bytes_max=bytes_max,
        )

    async def subscribe(self, *, after: int = 0) -> AsyncGenerator[Recorded, None]:
        """Yield every record after `after`, for ever: `batches`, one by one."""
        async with aclosing(self.batches(after=after)) as found:
            async for records in found:
                for record in records:
                    yield record

    def repeats(self, *, after: int = 0) -> Repeats:
        """Return a finder of events that are stored again, for records after a position."""

        def read(namespace: str, session_id: str, start: int) -> AsyncGenerator[Recorded, None]:
            return self.read(session_id, namespace=namespace, after=start)

        return Repeats(read, after=after)

    @property
    def ledger(self) -> Ledger | None:
        """The ledger beside the log; None for a tenant."""
        return self._ledger if self._connection.view is None else None

    async def note_end(self) -> None:
        """Note the last event in the ledger: whoever opens the log later misses it if it is gone.

        A projector notes what it has read; this is for what none has read yet.
        """
        ledger = self.ledger
        if ledger is None:
            return
        tip, last = await ledger.tip(), (await self.bounds()).last
        if last > (tip.position if tip is not None else 0):
            recorded = await self.at(last)
            if recorded is not None:
                await ledger.note_tip(tip_of(recorded))

    async def tolerated(self) -> list[str]:
        """Return the stream's settings that are not ours, yet harm nothing by themselves."""
        return await read_tolerated(self._connection)

    async def hindrances(self) -> list[Hindrance]:
        """Return the settings of the stream that hinder us, which an operator may have set."""
        return await read_hindrances(self._connection)

    async def doubles(self) -> list[str]:
        """Return the streams that answer reads of the log beside it: mirrors in its own account.

        They answer with what was forgotten or deleted from the log too, and late with what is new.
        """
        return await read_doubles(self._connection)

    async def namespaces(self) -> list[Namespace]:
        """Return the namespaces that have events, by name. Raises LogRefused for a tenant."""
        if self._connection.view is not None:
            raise LogRefused(
                "a tenant may not list the namespaces of others",
                fix="connect with a user of all rights; your own stand in your credentials",
            )
        return await namespaces(self._connection)

    async def ended_namespaces(self) -> Mapping[str, int]:
        """Return the namespaces that were deleted, each with the position of its end."""
        return await self._ended.known()

    async def refuse_ended(self, namespace: str) -> None:
        """Raise NamespaceEnded for a namespace that was deleted."""
        await self._ended.refuse(namespace)

    def deletion(self, namespace: str) -> Deletion:
        """Return the steps that delete a namespace. Raises LogRefused for a tenant."""
        if self._connection.view is not None:
            raise LogRefused(
                "a tenant may not delete a namespace",
                fix="ask the operator of the log's server",
            )
        return Deletion(
            self._connection,
            self._documents,
            self._ledger,
            self._ended,
            namespace=checked_deletable(namespace),
        )

    async def sealed_namespaces(self) -> Mapping[str, int]:
        """Return the sealed namespaces, each with the position of its seal; none for a tenant.

        One that was deleted is left out: its keys are gone with it.
        """
        sealed, ended = await self._documents.sealed.known(), await self._ended.known()
        return {name: position for name, position in sealed.items() if name not in ended}

    async def tell_erased(self, told: Callable[[str, int], None]) -> Callable[[], object]:
        """Call `told` whenever forgotten content has left the log; a tenant hears nothing.

        It is given the namespace, and the position of the last forgetting. Call the function that
        is returned to end that.
        """
        if self._connection.view is not None:
            return lambda: None
        return await self._documents.keys.tell_erased(told)

    async def is_sealed(self, namespace: str) -> bool:
        """Tell whether a namespace is sealed, or was before it was deleted."""
        return namespace in await self._documents.sealed.known()

    async def seal(self, namespace: str, *, accept_loss: bool = False) -> int:
        """Seal a namespace that has no event yet, for ever; return the position of its seal.

        One that is sealed already stays so. With `accept_loss` its stream of keys is made anew
        where it is missing: all that was sealed is forgotten then. Raises InputInvalid where the
        namespace has events or transcripts, NamespaceEnded where it was deleted, and LogRefused for
        a tenant.
        """
        await self._ended.refuse(namespace)
        if namespace not in await self._documents.sealed.known():
            await self._refuse_transcripts(namespace)
        position = await self._documents.sealed.seal(namespace, self._documents.keys)
        if accept_loss:
            await self._accept_loss(namespace)
        return position

    async def _refuse_transcripts(self, namespace: str) -> None:
        if self.rights == "all" and await self.transcripts.keys(checked_sealable(namespace)):
            raise InputInvalid(
                f"namespace: {namespace} has transcripts of an agent tool, which are plain text",
                field="namespace",
                fix="seal a namespace before it is used: choose another name",
            )

    async def _accept_loss(self, namespace: str) -> None:
        """Make a missing stream of keys anew, and note that all up to here is erased.

        Writers take other keys at that word, and owners of homes rewrite their files.
        """
        keys = self._documents.keys
        lost = not await keys.there(namespace)
        await keys.make(namespace)
        if lost or not await keys.names(namespace, ">"):  # It is empty where that was killed.
            await keys.note_erased(namespace, (await self.bounds()).last)

    def erasure(self, namespace: str) -> Erasure:
        """Return the erasure of forgotten content in a sealed namespace."""
        return Erasure(self._connection, self._documents, namespace=namespace)

    async def drop_objects(self, names: Iterable[str]) -> None:
        """Remove objects from the store beside the log; one that is not there is no error."""
        for name in names:
            await self._documents.claim_check.drop(name)

    def continuity(self, *, accept_loss: bool = False) -> Continuity:
        """Return a watch over what is read: nothing is missing, and nothing was changed."""
        return Continuity(self.ledger, self.at, self.holds, accept_loss=accept_loss)

    async def verify(self, *, progress: Callable[[int], None] | None = None) -> LogReport:
        """Read the whole log and return what is missing, changed, or no event.

        `progress` gets each position reached. Raises LogUnavailable.
        """
        return await verify(self, progress=progress)

    async def condition(self) -> Condition:
        """Return what the server and the ledger say of the log, without reading it."""
        return await condition(self)

    def pinned(self, name: str) -> PinnedConsumer:
        """Return a place at the consumer `name`, which several processes share, one at a time."""
        return PinnedConsumer(
            self._connection, self._documents, name=checked_token(name, field="consumer")
        )

    async def bounds(self) -> Bounds:
        """Return the first and the last position; the last is 0 while the log is empty."""
        return await read_bounds(self._connection)

    async def clock(self) -> datetime:
        """Return the server's time by now: the clock of `stored_at`."""
        return await read_clock(self._connection)

    async def extent(self) -> Extent:
        """Return the bounds and the number of messages, of one moment; 0 for a tenant."""
        return await read_extent(self._connection)

    async def identity(self) -> str:
        """Return the identity of this log among all others; empty for a tenant, who may not ask."""
        return await read_identity(self._connection)

    async def last_of(self, session_id: str, *, namespace: str) -> Recorded | None:
        """Return a session's last record, or None when it has none."""
        message = await direct_get.last_on(self._connection, subject(namespace, session_id))
        if message is None:
            return None
        return await self._documents.opened(direct_get.recorded(message))

    async def only_of_each(self, session_ids: Sequence[str], *, namespace: str) -> list[Recorded]:
        """Return the record of each session that has its first one alone, where that is sure.

        All are read with one request. A tenant, who may not ask so, gets none.
        """
        if self._connection.view is not None:
            return []
        subjects = [subject(namespace, session_id) for session_id in session_ids]
        found = await direct_get.only_on_each(self._connection, subjects)
        return [await self._documents.opened(direct_get.recorded(one)) for one in found]

    async def at(self, position: int) -> Recorded | None:
        """Return the record at a position, None where there is none."""
        if position < 1:
            return None
        message = await direct_get.get(self._connection, {"seq": position})
        if message is None:
            return None
        return await self._documents.opened(direct_get.recorded(message))

    async def holds(self, position: int) -> bool:
        """Tell whether the stream's leader has a message at a position: a replica may be late."""
        return await direct_get.ask_leader(self._connection, {"seq": position}) is not None

    async def last_held(self) -> int:
        """Return the position of the last message that the stream's leader has; 0 for none.

        The bounds also count events that were purged at the end of the log.
        """
        return await last_position(self._connection, f"{SUBJECT_PREFIX}>")

    async def holds_after(self, position: int) -> bool:
        """Tell whether the stream's leader has a message after a position."""
        asked = {"seq": position + 1, "next_by_subj": f"{SUBJECT_PREFIX}>"}
        return await direct_get.ask_leader(self._connection, asked) is not None

    async def lost_end(self, last: int) -> tuple[int, int] | None:
        """Return the stretch that ends at `last` and whose loss was accepted, or None."""
        try:
            losses = [] if self.ledger is None else await self.ledger.losses()
        except LogRefused:  # A user who may not have buckets.
            return None
        return next((one for one in joined(losses) if one[1] == last), None)

    async def append_again(self, event: Event, *, number: int) -> Receipt:
        """Store one more copy of an event, the `number`-th after the first, once.

        For a copy of a log in which an event stands more than once, so that positions stay. Raises
        what `append` raises.
        """
        await self._ended.refuse(event.namespace)
        out = await outgoing(self._documents, event, expected=None)
        return await append(self._connection, out._replace(copy=number))

    async def position_at(self, time: datetime) -> int:
        """Return the position of the last event stored at or before `time`, 0 when there is none.

        `time` is compared with the server's clock at the append. Raises InputInvalid without a
        time zone.
        """
        if time.tzinfo is None:
            raise InputInvalid(
                "time: has no time zone", field="time", fix="add one, like +00:00 or Z"
            )
        later = await direct_get.first_after(self._connection, time)
        return (await self.bounds()).last if later is None else later - 1

    async def stored_after(self, position: int) -> datetime | None:
        """Return when the first record after `position` was stored, None where there is none."""
        message = await direct_get.next_after(self._connection, position)
        return None if message is None else direct_get.recorded(message).stored_at

    async def announce(self, projection: str, position: int) -> None:
        """Announce to present listeners that a projection has reached a position."""
        await announcements.announce(self._connection, projection, position)

    def announced(self, projection: str) -> AbstractAsyncContextManager[AsyncIterator[int]]:
        """Listen to the positions a projection announces from now on; the newest each time."""
        return announcements.announced(self._connection, projection)

    async def bucket(self, name: str) -> Bucket:
        """Return the key-value bucket of that name, made if it is not there."""
        return await open_bucket(self._connection, name)

    async def drop_values(self, bucket: str, wanted: Callable[[str], bool]) -> int:
        """Take the values whose keys are wanted out of a bucket, for good; return how many."""
        return await drop_values(self._connection, bucket, wanted)
