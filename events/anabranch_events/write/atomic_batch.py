"""The atomic batch: several events appended at once, all of them or none."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Any, Final, Protocol

from anabranch_events.errors import (
    EventIdKnown,
    InputInvalid,
    LogMovedOn,
    LogUnavailable,
    PositionConflict,
)
from anabranch_events.event.envelope import Receipt
from anabranch_events.event.identifiers import new_id
from anabranch_events.jetstream.api import (
    BATCH_INCOMPLETE,
    BATCHES_BUSY,
    CONFLICTS,
    DUPLICATE_IN_BATCH,
    Refused,
    parsed,
    translated,
)
from anabranch_events.jetstream.direct_get import EVENT_ID, ask_leader, position_of, read_subject
from anabranch_events.jetstream.limits import BATCH_EVENTS_MAX
from anabranch_events.jetstream.stream import DUPLICATE_WINDOW_S
from anabranch_events.transport.inbox import STATUS, Unanswered
from anabranch_events.write.append import (
    Outgoing,
    header_lines,
    id_taken,
    last_position,
    not_stored,
    refuse_another,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

    from nats.aio.msg import Msg

    from anabranch_events.event.envelope import Event
    from anabranch_events.transport.client import Outbound
    from anabranch_events.transport.connection import Connection

BUSY_LIMITS: Final = 3
"""The time limits of a request for which a batch waits while too many others are begun.

The server drops a begun batch that nobody goes on with after ten seconds.
"""
WRITE_BYTES: Final = 256 * 1024
"""Documents of a batch that are handed to the connection together: more would be copied in vain."""
_BUSY_PAUSE_S: Final = 0.05
_BUSY_PAUSE_MAX_S: Final = 1.0


class Message(Protocol):
    """A message of a batch: its subject, its payload, and the headers that are stored with it."""

    @property
    def subject(self) -> str: ...  # noqa: D102 - as above.

    @property
    def document(self) -> bytes: ...  # noqa: D102 - As above.

    def headers(self) -> dict[str, str]: ...  # noqa: D102 - As above.


class BatchesBusy(Exception):
    """The server takes no other batch now: too many are begun."""


def check_events(events: Sequence[Event]) -> None:
    """Raise InputInvalid for a batch that can never be stored."""
    if len(events) > BATCH_EVENTS_MAX:
        raise InputInvalid(
            f"{len(events)} events do not fit in one batch",
            field="events",
            fix=f"append at most {BATCH_EVENTS_MAX} events at once",
        )
    if len({event.id for event in events}) < len(events):
        raise InputInvalid(
            "two events of the batch have the same id",
            field="events",
            fix="give every event an id of its own; `new_event` makes one",
        )


def check_sessions(events: Sequence[Event], expected: Iterable[str]) -> None:
    """Raise InputInvalid for a position that is expected of a session without an event."""
    unknown = set(expected) - {event.session_id for event in events}
    if unknown:
        raise InputInvalid(
            f"expected: the batch holds no event of session {min(unknown)}",
            field="expected",
            fix="expect positions of sessions the batch appends to",
        )


async def append_batch(
    connection: Connection, outs: Sequence[Outgoing], *, patient: bool = True
) -> list[Receipt]:
    """Store two or more events as one atomic batch; they get consecutive positions.

    An expectation stands on the first event of each session only. While too many other batches are
    begun it waits, unless it is not `patient`. Raises the errors of `append`.
    """

    async def once(timeout_s: float) -> dict[str, Any]:
        return await _send(connection, outs, timeout_s)

    try:
        acknowledged = await _once_there_is_room(connection, once, patient=patient)
    except LogUnavailable as error:
        raise await not_stored(connection, error) from error
    except BatchesBusy as busy:
        raise _too_busy(busy) from busy
    except Refused as refused:
        if refused.code in CONFLICTS or refused.code == DUPLICATE_IN_BATCH:
            return await _read_back(connection, outs, refused)
        raise translated(refused) from refused
    return _receipts(outs, acknowledged["seq"] - len(outs) + 1)


async def send_together(connection: Connection, messages: Sequence[Message]) -> dict[str, Any]:
    """Store two or more messages of any stream as one atomic batch; return its acknowledgement.

    Raises Refused, also where they had been stored before and the answer was lost; LogUnavailable.
    """

    async def once(timeout_s: float) -> dict[str, Any]:
        return await _send(connection, messages, timeout_s)

    try:
        return await _once_there_is_room(connection, once, patient=True)
    except BatchesBusy as busy:
        raise _too_busy(busy) from busy


def _too_busy(busy: BatchesBusy) -> LogUnavailable:
    return LogUnavailable(
        f"too many batches of others are begun on this log and not ended: {busy}",
        fix="try again later, and look for a program that begins atomic batches without an end",
    )


async def _once_there_is_room(
    connection: Connection, once: Callable[[float], Awaitable[dict[str, Any]]], *, patient: bool
) -> dict[str, Any]:
    """Attempt to send a batch, again while too many others are begun. Raises BatchesBusy."""
    deadline = time.monotonic() + BUSY_LIMITS * connection.timeout_s
    pause_s = _BUSY_PAUSE_S
    while True:
        try:
            return await connection.attempt(once)
        except BatchesBusy:
            if not patient or time.monotonic() + pause_s >= deadline:
                raise
        await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - no secret.
        pause_s = min(2 * pause_s, _BUSY_PAUSE_MAX_S)


def _receipts(outs: Sequence[Outgoing], first: int) -> list[Receipt]:
    return [
        Receipt(event_id=out.event.id, position=position)
        for position, out in enumerate(outs, start=first)
    ]


async def _send(
    connection: Connection, outs: Sequence[Message], timeout_s: float
) -> dict[str, Any]:
    """Send the batch under an id of its own and return the acknowledgement.

    A batch that was only sent in part, because we or the server were killed, is dropped by the
    server. It can be sent again whole.
    """
    batch_id = new_id()

    async def send(reply: str) -> None:
        for messages in _messages(outs, batch_id, reply):
            await connection.publish_all(messages, ask=True)

    answers = await connection.converse(send, is_last=_is_verdict, timeout_s=timeout_s)
    # The first refusal says why. One of the end may stand behind it: that the batch is incomplete.
    said = next((one for one in answers if one.data), answers[-1])
    try:
        return parsed(said.data)
    except Refused as refused:
        if refused.code == BATCHES_BUSY:
            raise BatchesBusy(str(refused)) from refused
        if refused.code == BATCH_INCOMPLETE:
            raise Unanswered(str(refused)) from refused
        raise


def _messages(outs: Sequence[Message], batch_id: str, reply: str) -> Iterator[list[Outbound]]:
    """Yield a batch's messages, as many together as fit in `WRITE_BYTES`."""
    messages: list[Outbound] = []
    size, last = 0, len(outs)
    for number, out in enumerate(outs, start=1):
        lines = [header_lines(out.headers())]
        lines.append(f"Nats-Batch-Id: {batch_id}\r\nNats-Batch-Sequence: {number}\r\n")
        if number == last:
            lines.append("Nats-Batch-Commit: 1\r\n")
        # The first is answered so that a refusal of the whole batch is heard with its reason.
        answered = number in {1, last}
        messages.append((out.subject, reply if answered else "", "".join(lines), out.document))
        size += len(out.document)
        if size >= WRITE_BYTES:
            yield messages
            messages, size = [], 0
    if messages:
        yield messages


def _is_verdict(message: Msg) -> bool:
    """Tell the verdict on the whole batch from the empty answer that only says "go on"."""
    return bool(message.data) or STATUS in (message.headers or {})


async def _read_back(
    connection: Connection, outs: Sequence[Outgoing], refused: Refused
) -> list[Receipt]:
    """Return the receipts if the batch had been stored before; else raise its conflict."""
    positions = [await position_in(connection, out) for out in (outs[0], outs[-1])]
    first, last = positions
    if first and last == first + len(outs) - 1 and await _stand(connection, outs, first):
        return _receipts(outs, first)
    if refused.code in CONFLICTS:
        raise await _conflict(connection, outs) from refused
    for out in outs:
        position = await position_in(connection, out)
        if position:
            raise id_taken(out.event.id, position) from refused
    raise _id_known(refused) from refused


def _id_known(refused: Refused) -> EventIdKnown:
    """Return the error for a batch with an id that the server knows from elsewhere.

    It knows those of deleted events for as long as those of others, and never says whose it is.
    """
    return EventIdKnown(
        f"an event of the batch has an id that this log took in the last {DUPLICATE_WINDOW_S} "
        f"seconds, and it does not stand where the batch would: {refused}",
        fix="give every event an id of its own; events that were deleted are stored again after "
        "that time, or as soon as the NATS server has started again",
    )


async def _stand(connection: Connection, outs: Sequence[Outgoing], first: int) -> bool:
    """Tell whether exactly these events stand from `first` on."""
    for position, out in enumerate(outs, start=first):
        stored = await ask_leader(connection, {"seq": position})
        if stored is None or (stored.event_id, stored.subject) != (out.event.id, out.subject):
            return False
        await refuse_another(out, stored)
    return True


async def position_in(connection: Connection, out: Outgoing) -> int:
    """Return where the event is stored, 0 when it is not."""
    if out.expected is not None:
        following = {"seq": out.expected + 1, "next_by_subj": out.subject}
        stored = await ask_leader(connection, following)
        return stored.position if stored and stored.event_id == out.event.id else 0
    async for found in read_subject(connection, out.subject, after=0):
        for message in found:
            if (message.headers or {}).get(EVENT_ID) == out.event.id:
                return position_of(message)
    return 0


async def _conflict(
    connection: Connection, outs: Sequence[Outgoing]
) -> PositionConflict | LogUnavailable | LogMovedOn:
    """Return the error that names the first session at another position than expected."""
    for out in outs:
        if out.expected is not None:
            actual = await last_position(connection, out.subject)
            if actual != out.expected:
                return out.conflict(actual)
    if outs[0].last is not None:
        return LogMovedOn(outs[0].last)
    return LogUnavailable(
        "another batch for one of these sessions was being stored", fix="append again"
    )
