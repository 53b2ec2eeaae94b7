"""Direct gets: the stored messages of one session, the last one, the next one."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from anabranch_events.event.binary_mode import structured
from anabranch_events.event.recorded import Recorded
from anabranch_events.jetstream.api import MESSAGE_NOT_FOUND, STREAM, Refused, ask, translated
from anabranch_events.jetstream.stream import SUBJECT_PREFIX, read_bounds
from anabranch_events.jetstream.tenant_view import GET
from anabranch_events.transport.inbox import STATUS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from nats.aio.msg import Msg

    from anabranch_events.transport.connection import Connection

BATCH_RECORDS: Final = 256
BATCH_BYTES: Final = 4 * 1024 * 1024
SUBJECTS_MAX: Final = 256
EVENT_ID: Final = "Nats-Msg-Id"
EXPECTED: Final = "Nats-Expected-Last-Subject-Sequence"
EXPECTED_LAST: Final = "Nats-Expected-Last-Sequence"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SERVER_TIME_MAX: Final = timedelta(days=290 * 365)
_END_OF_BATCH: Final = "204"
_NOT_FOUND: Final = "404"


class Stored(NamedTuple):
    """A message as the stream's leader holds it."""

    position: int
    subject: str
    event_id: str | None
    document: bytes
    """The event as a structured document, or with a reference for its data."""


async def read_subject(
    connection: Connection, subject: str, *, after: int, stream: str = STREAM
) -> AsyncGenerator[list[Msg], None]:
    """Yield the messages on one literal subject after a position, in order, up to the last.

    Each carries `Nats-Sequence`, `Nats-Subject` and `Nats-Time-Stamp`. The cost is that of the
    messages found, not of the stream. Raises LogUnavailable, LogRefused.
    """
    if connection.view is not None and stream == STREAM:
        await connection.view.reach_last_of(subject.removeprefix(SUBJECT_PREFIX))
    while True:
        found, pending = await batch(connection, subject, after=after, stream=stream)
        if found:
            after = position_of(found[-1])
            yield found
        if not pending or not found:
            return


async def batch(
    connection: Connection,
    subject: str,
    *,
    after: int,
    stream: str = STREAM,
    records_max: int = BATCH_RECORDS,
) -> tuple[list[Msg], int]:
    """Return messages after a position, and how many more there are."""
    request = orjson.dumps(
        {
            "seq": after + 1,
            "next_by_subj": subject,
            "batch": records_max,
            "max_bytes": BATCH_BYTES,
        }
    )
    *found, end = await _asked_for(connection, request, stream=stream)
    return found, _checked_status(end, {_END_OF_BATCH, _NOT_FOUND})


async def _asked_for(connection: Connection, request: bytes, *, stream: str) -> list[Msg]:
    """Return the messages that a request asks for, and the status that ends them."""

    async def once(timeout_s: float) -> list[Msg]:
        async def send(reply: str) -> None:
            await connection.publish(_asked(connection, stream), request, reply=reply)

        return await connection.converse(send, is_last=_is_status, timeout_s=timeout_s)

    return await connection.attempt(once)


async def last_on(connection: Connection, subject: str) -> Msg | None:
    """Return the last message on a subject, or None. Raises LogUnavailable, LogRefused."""
    if connection.view is not None:
        await connection.view.reach_last_of(subject.removeprefix(SUBJECT_PREFIX))
    return await get(connection, {"last_by_subj": subject})


async def only_on_each(connection: Connection, subjects: Sequence[str]) -> list[Msg]:
    """Return the message of each subject that has one alone, which its writer put there as first.

    The server keeps the position that a writer expected: 0 says that nothing stood before. For
    connections with all rights. Raises LogUnavailable, LogRefused.
    """
    found: list[Msg] = []
    for start in range(0, len(subjects), SUBJECTS_MAX):
        some = subjects[start : start + SUBJECTS_MAX]
        request = orjson.dumps({"multi_last": some, "batch": len(some)})
        *last, end = await _asked_for(connection, request, stream=STREAM)
        _checked_status(end, {_END_OF_BATCH, _NOT_FOUND})
        found += [one for one in last if (one.headers or {}).get(EXPECTED) == "0"]
    return found


async def get(
    connection: Connection, request: dict[str, Any], *, stream: str = STREAM
) -> Msg | None:
    """Return the one stored message that `request` asks for, or None."""
    payload = orjson.dumps(request)

    async def once(timeout_s: float) -> Msg:
        return await connection.request(_asked(connection, stream), payload, timeout_s=timeout_s)

    answer = await connection.attempt(once)
    if _is_status(answer):
        _checked_status(answer, {_NOT_FOUND})
        return None
    return answer


async def first_after(connection: Connection, time: datetime) -> int | None:
    """Return the position of the first message stored after `time`, or None.

    The server counts nanoseconds in 64 bits: it misreads times before 1678 and after 2261. Nothing
    was stored then.
    """
    since = time - _EPOCH  # As a difference also where the time in UTC has no name.
    if since >= _SERVER_TIME_MAX:
        return None
    start = _EPOCH + max(since, timedelta(0)) + timedelta(microseconds=1)
    asked = {"start_time": start.isoformat(), "next_by_subj": f"{SUBJECT_PREFIX}>"}
    message = await get(connection, asked)
    return None if message is None else position_of(message)


async def next_after(connection: Connection, position: int) -> Msg | None:
    """Return the first message after a position, or None."""
    return await get(connection, {"seq": position + 1, "next_by_subj": f"{SUBJECT_PREFIX}>"})


async def ask_leader(connection: Connection, request: dict[str, Any]) -> Stored | None:
    """Return the message that `request` asks for, from the stream's leader, or None.

    A direct get may be answered by a replica that is behind; reading back one's own append may not.
    A tenant learns from the log only where a session ends, and reads the rest from its view.
    """
    if connection.view is not None:
        return await _ask_view(connection, request)
    try:
        answer = await ask(connection, f"STREAM.MSG.GET.{STREAM}", request)
    except Refused as refused:
        if refused.code == MESSAGE_NOT_FOUND:
            return None
        raise translated(refused) from refused
    message = answer["message"]
    headers = _headers(message.get("hdrs", ""))
    document = structured(headers, base64.b64decode(message.get("data", "")))
    return Stored(message["seq"], message["subject"], _event_id(headers), document)


async def _ask_view(connection: Connection, request: dict[str, Any]) -> Stored | None:
    await read_bounds(connection)  # From here on the view holds all that the log held.
    message = await get(connection, request)
    if message is None:
        return None
    headers = message.headers or {}
    document = structured(headers, message.data)
    return Stored(position_of(message), headers["Nats-Subject"], headers.get(EVENT_ID), document)


def _asked(connection: Connection, stream: str) -> str:
    """Return the subject for direct gets of `stream`."""
    is_view = connection.view is not None and stream == STREAM
    return GET if is_view else f"$JS.API.DIRECT.GET.{stream}"


def _headers(lines: str) -> dict[str, str]:
    """Return the headers of a message as the API gives them."""
    found: dict[str, str] = {}
    for line in base64.b64decode(lines).split(b"\r\n")[1:]:
        name, colon, value = line.partition(b":")
        if colon:
            found.setdefault(name.decode(errors="replace"), value.strip().decode(errors="replace"))
    return found


def _event_id(headers: dict[str, str]) -> str | None:
    """Return the id of a message, however its header is spelt."""
    found = (value for name, value in headers.items() if name.lower() == EVENT_ID.lower())
    return next(found, None)


def recorded(message: Msg) -> Recorded:
    """Return a directly read message as a record."""
    headers = message.headers or {}
    namespace, _, session_id = headers["Nats-Subject"][len(SUBJECT_PREFIX) :].partition(".")
    stored_at = datetime.fromisoformat(headers["Nats-Time-Stamp"])
    stored_us = (stored_at - _EPOCH) // timedelta(microseconds=1)
    raw = structured(headers, message.data)
    return Recorded(position_of(message), namespace, session_id, raw, stored_us)


def position_of(message: Msg) -> int:
    """Return the position of a directly read message."""
    return int((message.headers or {})["Nats-Sequence"])


def _is_status(message: Msg) -> bool:
    """Tell a status of the server from a message: a message names its stream."""
    headers = message.headers or {}
    return STATUS in headers and "Nats-Stream" not in headers


def _checked_status(message: Msg, expected: set[str]) -> int:
    """Return how many messages are left. Raises the error of a status that is not `expected`."""
    headers = message.headers or {}
    status = headers[STATUS]
    if status not in expected:
        raise translated(Refused(0, int(status), headers.get("Description", "")))
    return int(headers.get("Nats-Num-Pending", 0))
