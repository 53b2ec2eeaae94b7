"""The append of one event at an expected position, stored once whatever happens."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from anabranch_events.errors import (
    EventIdKnown,
    EventInvalid,
    LogFull,
    LogUnavailable,
    PositionConflict,
)
from anabranch_events.event.codec import CONTENT_TYPE, decode
from anabranch_events.event.envelope import Event, Receipt
from anabranch_events.event.fingerprint import fingerprint
from anabranch_events.event.trace_context import TRACEPARENT, traceparent_here
from anabranch_events.jetstream.api import (
    CONFLICTS,
    DUPLICATE_IN_BATCH,
    STREAM,
    Refused,
    parsed,
    translated,
)
from anabranch_events.jetstream.claim_check import is_reference
from anabranch_events.jetstream.direct_get import EVENT_ID, EXPECTED, EXPECTED_LAST, ask_leader
from anabranch_events.jetstream.stream import DUPLICATE_WINDOW_S, SUBJECT_PREFIX
from anabranch_events.jetstream.tenant_view import INFO
from anabranch_events.transport.inbox import Unanswered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anabranch_events.jetstream.direct_get import Stored
    from anabranch_events.jetstream.documents import Documents
    from anabranch_events.transport.connection import Connection

_STANDS_S: Final = 0.2


class Outgoing(NamedTuple):
    """An event on its way into the log."""

    event: Event
    subject: str
    document: bytes
    expected: int | None
    traceparent: str | None = None
    copy: int = 0
    """The number of a further copy, 0 for the event itself: the server takes each once."""
    last: int | None = None
    """The last position of the whole log, which this one must follow; on the first of a batch."""
    documents: Documents | None = None
    """The reader of an event that stands under its id already."""

    @property
    def message_id(self) -> str:
        """The id by which the server knows the message."""
        return f"{self.event.id}/{self.copy}" if self.copy else self.event.id

    def headers(self) -> dict[str, str]:
        """Return the headers that are stored with it: few, for readers pay for each."""
        headers = {EVENT_ID: self.message_id, "Content-Type": CONTENT_TYPE}
        if self.traceparent is not None:
            headers[TRACEPARENT] = self.traceparent
        if self.expected is not None:
            headers[EXPECTED] = str(self.expected)
        if self.last is not None:
            headers[EXPECTED_LAST] = str(self.last)
        return headers

    def conflict(self, actual: int) -> PositionConflict:
        """Return the error for a session that is at `actual` instead."""
        return PositionConflict(self.event.subject, expected=self.expected or 0, actual=actual)


async def outgoing(documents: Documents, event: Event, *, expected: int | None) -> Outgoing:
    """Encode `event`; large data goes to the object store first."""
    document = await documents.written(event)
    return Outgoing(
        event, subject_of(event), document, expected, traceparent_here(), documents=documents
    )


def header_lines(headers: Mapping[str, str]) -> str:
    """Return headers of our own in the form in which a message is sent."""
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()])


def subject_of(event: Event) -> str:
    """Return the subject on which an event is stored."""
    return f"{SUBJECT_PREFIX}{event.namespace}.{event.subject}"


async def append(connection: Connection, out: Outgoing) -> Receipt:
    """Store one event and return where.

    The server checks the expectation before the duplicate id. A repeated append that had been
    stored therefore looks like a conflict: reading back tells them apart.

    Raises PositionConflict, EventInvalid when the id belongs to another event, EventIdKnown when
    it belonged to one that was deleted, LogFull and LogRefused. After LogUnavailable it is stored
    or not: appending the same event again is safe.
    """
    lines = header_lines(out.headers())

    async def once(timeout_s: float) -> bytes:
        async def send(reply: str) -> None:
            await connection.publish_all([(out.subject, reply, lines, out.document)], ask=True)

        return (await connection.converse(send, is_last=None, timeout_s=timeout_s))[-1].data

    try:
        acknowledged = parsed(await connection.attempt(once))
    except LogUnavailable as error:
        raise await not_stored(connection, error) from error
    except Refused as refused:
        if refused.code in CONFLICTS or refused.code == DUPLICATE_IN_BATCH:
            return await _read_back(connection, out, refused)
        raise translated(refused) from refused
    if acknowledged.get("duplicate"):
        await check_same(connection, out, acknowledged["seq"])
    return Receipt(event_id=out.event.id, position=acknowledged["seq"])


async def not_stored(connection: Connection, error: LogUnavailable) -> LogUnavailable | LogFull:
    """Return the error for an append that nobody answered.

    A server whose disk is full, or stands still, answers every question but acknowledges nothing,
    from anybody. One that stores the events of others meanwhile is only slow.
    """
    try:
        async with asyncio.timeout(1):
            asked = f"$JS.API.STREAM.INFO.{STREAM}" if connection.view is None else INFO
            before = await connection.request(asked, timeout_s=1)
            await asyncio.sleep(_STANDS_S)
            after = await connection.request(asked, timeout_s=1)
    except (Unanswered, TimeoutError):
        return error
    if _last_sequence(before.data) != _last_sequence(after.data):
        return error
    return LogFull(
        f"the NATS server at {connection.url} answers, but stores nothing: "
        "its disk is full, or stands still",
        fix="make room on its disk, and see its log; appending the same event again is safe",
    )


def _last_sequence(answer: bytes) -> object:
    return orjson.loads(answer).get("state", {}).get("last_seq")


async def _read_back(connection: Connection, out: Outgoing, refused: Refused) -> Receipt:
    """Return the receipt if `out` follows the position it expected.

    Only the event that met the expectation can stand there, however many appended after it.
    """
    if out.expected is None:
        raise translated(refused) from refused
    following = {"seq": out.expected + 1, "next_by_subj": out.subject}
    found = await ask_leader(connection, following)
    if found is not None and found.event_id == out.event.id:
        await refuse_another(out, found)
        return Receipt(event_id=out.event.id, position=found.position)
    raise out.conflict(await last_position(connection, out.subject)) from refused


async def last_position(connection: Connection, subject: str) -> int:
    """Return the last position on a subject as the leader knows it, 0 when there is none."""
    last = await ask_leader(connection, {"last_by_subj": subject})
    return 0 if last is None else last.position


async def check_same(connection: Connection, out: Outgoing, position: int) -> None:
    """Refuse an id under which another event is stored: an id is unique in the log."""
    found = await ask_leader(connection, {"seq": position})
    # A tenant does not see the events of others.
    hidden = found is None and connection.view is not None
    if hidden or (found is not None and found.subject != out.subject):
        raise id_taken(out.event.id, position)
    if found is None:
        raise _remembered(out.event.id, position)
    await refuse_another(out, found)


def _remembered(event_id: str, position: int) -> EventIdKnown:
    """Return the error for an event whose id the server knows from a message that is gone.

    An id outlives its message, whether that was purged, deleted or ran out. The answer then says
    `duplicate`, with a position at which nothing stands. Seen with nats-server 2.15.1.
    """
    return EventIdKnown(
        f"event {event_id} is not stored: the server still knows its id from position {position}, "
        "where it was deleted",
        fix=f"append it again {DUPLICATE_WINDOW_S} seconds after it was first stored, or as soon "
        "as the NATS server has started again",
    )


async def refuse_another(out: Outgoing, found: Stored) -> None:
    """Raise EventInvalid where the message under the event's id tells another fact.

    The same fact, sent again, may differ in its time. Data in the object store are not compared,
    nor those that were erased.
    """
    if found.document == out.document or is_reference(found.document) or is_reference(out.document):
        return
    document: bytes | None = found.document
    if out.documents is not None:
        document = await out.documents.compared(out.event, found.document)
    if document is None:
        return
    try:
        stored = decode(document)
    except EventInvalid:
        stored = None
    if stored is None or fingerprint(stored) != fingerprint(out.event):
        raise id_taken(out.event.id, found.position)


def id_taken(event_id: str, position: int) -> EventInvalid:
    """Return the error for an id that another event has."""
    return EventInvalid(
        f"another event of {STREAM} has the id {event_id}, at position {position}",
        field="id",
        fix="give every event an id of its own; `new_event` makes one",
    )
