"""Transcripts kept line by line, each record once, whoever appends it and however often."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from anabranch_events.errors import LogRefused, LogUnavailable
from anabranch_events.event.identifiers import new_id
from anabranch_events.jetstream.api import (
    CONFLICTS,
    DUPLICATE_IN_BATCH,
    MESSAGE_NOT_FOUND,
    STREAM_NOT_FOUND,
    Refused,
    ask,
    parsed,
    stored_subjects,
    translated,
)
from anabranch_events.jetstream.direct_get import EVENT_ID, get, position_of, read_subject
from anabranch_events.transcripts.piece import (
    PIECE_BYTES,
    Line,
    WholeLines,
    batches,
    line_of,
    pieces,
)
from anabranch_events.transcripts.piece import parsed as parsed_line
from anabranch_events.transcripts.stream import (
    TRANSCRIPTS,
    TranscriptKey,
    ensure_transcripts,
    key_of,
    subjects_of,
)
from anabranch_events.write.atomic_batch import send_together

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence

    from nats.aio.msg import Msg

    from anabranch_events.transcripts.piece import Piece
    from anabranch_events.transport.connection import Connection

STANDINGS_MAX: Final = 64
TRIES: Final = 64
_AT_ONCE: Final = 32
_BEHIND_S: Final = 0.02


class Head(NamedTuple):
    """A transcript, the position of its last message, and when that was stored."""

    key: TranscriptKey
    position: int
    stored_at: datetime


class _Unsure(NamedTuple):
    """Lines that were sent and not acknowledged, by a digest, and the id of their batch."""

    digest: bytes
    batch_id: str


class _Standing:
    """A transcript, read up to its last position here, and the marks of its records."""

    def __init__(self) -> None:
        self.last = 0
        self.marks: set[bytes] = set()
        self.unsure: _Unsure | None = None
        self._tail: list[bytes] = []
        self._lines = WholeLines()
        self.is_read = False
        self.appending = asyncio.Lock()

    def take(self, message: Msg) -> None:
        """Note the records that a stored message holds."""
        self.last = position_of(message)
        lines = self._lines.take(message.data)
        self.have(parsed_line(line + b"\n") for line in lines.splitlines())
        told = (message.headers or {}).get(EVENT_ID, "")
        if self.unsure is not None and told.startswith(f"{self.unsure.batch_id}/"):
            self.unsure = None

    def have(self, lines: Iterable[Line]) -> None:
        """Note lines that are stored."""
        for line in lines:
            mark = line.mark
            self.marks.add(mark)
            if line.uuid is not None:
                self._tail.clear()
            self._tail.append(mark)

    def clear(self) -> None:
        """Note that nothing is stored any more."""
        self.last = 0
        self._tail.clear()
        self._lines.clear()
        self.marks.clear()

    def new(self, lines: Sequence[Line]) -> list[Line]:
        """Return the lines that are not stored yet.

        A record with a uuid is stored once. One without is stored as often as it comes, unless it
        came again among others. Then its like is stored, and a stored record follows it, or all
        that have a uuid are stored. Or it follows the last of those as it does in the transcript.
        """
        marks = [line.mark for line in lines]
        known = [line.uuid and mark in self.marks for line, mark in zip(lines, marks, strict=True)]
        again = len(known) - known[::-1].index(True) if True in known else 0
        if again and all(known[place] for place, line in enumerate(lines) if line.uuid):
            again = len(lines)
        elif again and self._tail and marks[again - 1] == self._tail[0]:
            for mark in self._tail[1:]:
                if again == len(lines) or lines[again].uuid or marks[again] != mark:
                    break
                again += 1
        found: dict[bytes | int, Line] = {}
        for place, (line, mark) in enumerate(zip(lines, marks, strict=True)):
            if line.uuid and mark not in self.marks:
                found.setdefault(mark, line)
            elif not line.uuid and (place >= again or mark not in self.marks):
                found[place] = line
        return [*found.values()]


class Transcripts:
    """The transcripts of all namespaces, on the connection of the log.

    Made by `Log.transcripts`. Raises LogUnavailable when the server does not answer in time, and
    LogRefused when it refuses us. A tenant has no right to it.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._standing: OrderedDict[TranscriptKey, _Standing] = OrderedDict()

    async def ensure(self) -> None:
        """Make the stream where it is not there. Raises StreamDrifted."""
        if self._connection.view is not None:
            raise LogRefused(
                "a tenant has no right to the transcripts",
                fix="connect with a user of all rights, or read the tool's files with "
                "`anabranch sessions import`",
            )
        await ensure_transcripts(self._connection)

    async def append(self, key: TranscriptKey, records: Sequence[Mapping[str, Any]]) -> int:
        """Append records in their order; return the position of the last one stored.

        They are stored when it returns, each record with a `uuid` once. After an error some may be
        stored: to append the same records again is safe. Raises InputInvalid, LogFull.
        """
        lines = [line_of(record, number=number) for number, record in enumerate(records)]
        subject = key.subject
        standing = self._standing_of(key)
        async with standing.appending:
            if not standing.is_read:
                await self._catch_up(subject, standing)
                standing.is_read = True
            for group in batches(lines):
                await self._append(subject, standing, group)
            return standing.last

    async def read(
        self, key: TranscriptKey, *, after: int = 0
    ) -> AsyncGenerator[tuple[bytes, int], None]:
        """Yield the lines stored after a position, in order: some whole ones, and their position.

        A position is that of the last message of an append, or 0.
        """
        whole = WholeLines()
        async with aclosing(self._messages(key.subject, after=after)) as messages:
            async for message in messages:
                if lines := whole.take(message.data):
                    yield lines, position_of(message)

    async def heads(
        self, namespace: str, *, project: str | None = None, session: str | None = None
    ) -> list[Head]:
        """Return the transcripts of a namespace, a project, or a session."""
        subjects = await self._subjects(subjects_of(namespace, project=project, session=session))
        found: list[Head] = []
        for start in range(0, len(subjects), _AT_ONCE):
            some = subjects[start : start + _AT_ONCE]
            found += filter(None, await asyncio.gather(*map(self._head, some)))
        return found

    async def holds(self, head: Head) -> bool:
        """Tell whether a transcript that was found was not dropped since, by the stream's leader.

        One that lost its end with a server was not dropped, and one that began anew was.
        """
        first = await self._leader({"seq": 1, "next_by_subj": head.key.subject})
        return first is not None and int(first["seq"]) <= head.position

    async def keys(
        self, namespace: str, *, project: str | None = None, session: str | None = None
    ) -> list[TranscriptKey]:
        """Return the names of the transcripts of a namespace, a project, or a session."""
        wanted = subjects_of(namespace, project=project, session=session)
        return [key_of(subject) for subject in await self._subjects(wanted)]

    async def drop(self, key: TranscriptKey) -> None:
        """Drop a transcript for good."""
        await self._drop(key.subject)
        self._standing.pop(key, None)

    async def drop_session(self, namespace: str, *, project: str, session: str) -> None:
        """Drop all transcripts of a session for good."""
        await self._drop(subjects_of(namespace, project=project, session=session))
        for key in [one for one in self._standing if one[:3] == (namespace, project, session)]:
            del self._standing[key]

    async def drop_namespace(self, namespace: str) -> None:
        """Drop all transcripts of a namespace for good."""
        await self._drop(subjects_of(namespace))
        for key in [one for one in self._standing if one.namespace == namespace]:
            del self._standing[key]

    async def _drop(self, wanted: str) -> None:
        try:
            await ask(self._connection, f"STREAM.PURGE.{TRANSCRIPTS}", {"filter": wanted})
        except Refused as refused:
            if refused.code != STREAM_NOT_FOUND:
                raise translated(refused) from refused

    async def _subjects(self, wanted: str) -> list[str]:
        try:
            return [*await stored_subjects(self._connection, TRANSCRIPTS, wanted)]
        except Refused as refused:
            if refused.code == STREAM_NOT_FOUND:
                return []
            raise translated(refused) from refused

    async def _head(self, subject: str) -> Head | None:
        found = await get(self._connection, {"last_by_subj": subject}, stream=TRANSCRIPTS)
        if found is None:
            return None
        stored_at = datetime.fromisoformat((found.headers or {})["Nats-Time-Stamp"])
        return Head(key_of(subject), position_of(found), stored_at)

    def _standing_of(self, key: TranscriptKey) -> _Standing:
        standing = self._standing.setdefault(key, _Standing())
        self._standing.move_to_end(key)
        if len(self._standing) > STANDINGS_MAX:
            self._standing.popitem(last=False)
        return standing

    async def _append(self, subject: str, standing: _Standing, lines: Sequence[Line]) -> None:
        """Store a group of lines after what is stored: all that are new, or none."""
        digest = hashlib.blake2b(b"".join(line.data for line in lines)).digest()
        if standing.unsure is not None and standing.unsure.digest != digest:
            standing.unsure = None
        looks = standing.unsure is not None
        for _ in range(TRIES):
            sent = standing.unsure
            if looks:
                await self._catch_up(subject, standing)
                if sent is not None and standing.unsure is None:
                    return  # It had been stored, though its acknowledgement was lost.
            looks = True
            fresh = standing.new(lines)
            if not fresh:
                if await self._last(subject) == standing.last:
                    return
                continue
            standing.unsure = standing.unsure or _Unsure(digest, new_id())
            if await self._stored(subject, standing, fresh):
                return
        raise LogUnavailable(
            f"{TRIES} appends in a row met another writer of this transcript", fix="append again"
        )

    async def _stored(self, subject: str, standing: _Standing, lines: Sequence[Line]) -> bool:
        """Store lines if the transcript ends where it was read to; tell whether it did."""
        batch_id = standing.unsure.batch_id if standing.unsure else new_id()
        size = min(PIECE_BYTES, self._connection.client.max_payload // 2)
        sent = pieces(lines, subject=subject, batch_id=batch_id, expected=standing.last, size=size)
        try:
            acknowledged = await self._send(sent)
        except Refused as refused:
            if refused.code in CONFLICTS or refused.code == DUPLICATE_IN_BATCH:
                return False
            standing.unsure = None
            raise translated(refused) from refused
        if acknowledged.get("duplicate"):
            return False
        standing.last = int(acknowledged["seq"])
        standing.have(lines)
        standing.unsure = None
        return True

    async def _send(self, sent: Sequence[Piece]) -> dict[str, Any]:
        """Store messages together; return the acknowledgement. Raises Refused."""
        if len(sent) > 1:
            return await send_together(self._connection, sent)
        (piece,) = sent

        async def once(timeout_s: float) -> bytes:
            answer = await self._connection.request(
                piece.subject, piece.document, headers=piece.headers(), timeout_s=timeout_s
            )
            return answer.data

        return parsed(await self._connection.attempt(once))

    async def _catch_up(self, subject: str, standing: _Standing) -> None:
        """Note what was appended since; all of it where the transcript was dropped meanwhile."""
        if standing.last and await self._at(standing.last) is None:
            standing.clear()
        async for message in self._messages(subject, after=standing.last):
            standing.take(message)

    async def _messages(self, subject: str, *, after: int) -> AsyncGenerator[Msg, None]:
        """Yield the messages on a subject after a position, up to the last that the leader has."""
        last = await self._last(subject)
        while after < last:
            async for found in read_subject(
                self._connection, subject, after=after, stream=TRANSCRIPTS
            ):
                for message in found:
                    after = position_of(message)
                    yield message
            if after < last:
                await asyncio.sleep(_BEHIND_S)  # A replica answered that is behind.
                last = await self._last(subject)

    async def _last(self, subject: str) -> int:
        found = await self._leader({"last_by_subj": subject})
        return 0 if found is None else int(found["seq"])

    async def _at(self, position: int) -> dict[str, Any] | None:
        return await self._leader({"seq": position})

    async def _leader(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """Return a message from the stream's leader, or None."""
        try:
            answer = await ask(self._connection, f"STREAM.MSG.GET.{TRANSCRIPTS}", request)
        except Refused as refused:
            if refused.code in {MESSAGE_NOT_FOUND, STREAM_NOT_FOUND}:
                return None
            raise translated(refused) from refused
        message: dict[str, Any] = answer["message"]
        return message
