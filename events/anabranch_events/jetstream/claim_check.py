"""The claim check: the data of a large event stands in the object store, a reference in the log."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any, Final

import msgspec
import nats.errors
import nats.js.errors
import orjson
from nats.js.client import JetStreamContext

from anabranch_events.errors import InputInvalid, LogRefused
from anabranch_events.jetstream.api import Refused, translated
from anabranch_events.jetstream.direct_get import get, read_subject
from anabranch_events.transport.inbox import Unanswered

if TYPE_CHECKING:
    from nats.js.api import ObjectInfo
    from nats.js.object_store import ObjectStore

    from anabranch_events.event.recorded import Recorded
    from anabranch_events.transport.connection import Connection

BUCKET: Final = "ANABRANCH_OBJECTS"
MESSAGE_BYTES_MAX: Final = 512 * 1024
EVENT_BYTES_MAX: Final = 64 * 1024 * 1024
_REFERENCE_BYTES_MAX: Final = 16 * 1024
_MARK: Final = b'"dataref":"'


class ClaimCheck:
    """The bucket beside the log. Its objects are named by their content: none is stored twice."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._opened: ObjectStore | None = None

    async def ensure(self) -> None:
        """Make the bucket if it is not there. Raises LogUnavailable, LogRefused."""

        async def once(timeout_s: float) -> None:
            await self._store(timeout_s)

        await self._connection.attempt(once)

    @property
    def message_bytes_max(self) -> int:
        """The length up to which a document goes into the log whole."""
        return min(MESSAGE_BYTES_MAX, self._connection.client.max_payload // 2)

    async def check_in(self, document: bytes, *, event_id: str) -> bytes:
        """Return the stored form of `document`: whole, or with a reference for its data.

        Data in the object store are spelt anew. Raises InputInvalid past 64 MiB, and without JSON
        data; LogFull, LogUnavailable.
        """
        if len(document) <= self.message_bytes_max:
            return document
        if len(document) > EVENT_BYTES_MAX:
            raise InputInvalid(
                f"event {event_id} is {len(document)} bytes long, at most {EVENT_BYTES_MAX} fit",
                field="data",
                fix="split it over several events",
            )
        envelope: dict[str, Any] = orjson.loads(document)
        if "data" not in envelope:
            raise InputInvalid(
                f"event {event_id} is {len(document)} bytes long and has no JSON data to keep apart",
                field="data",
                fix="send its data as JSON, or split it over several events",
            )
        if self._connection.view is not None:
            raise LogRefused(
                f"event {event_id} is {len(document)} bytes long, and a tenant may not write to "
                "the object store, where data past 512 KiB stand",
                fix="send it as the command `append`, or split it over several events",
            )
        data = orjson.dumps(envelope["data"])
        name = _name(data)
        await self._put(name, data)
        return orjson.dumps(_renamed(envelope, "data", "dataref", name))

    async def check_out(self, record: Recorded) -> Recorded:
        """Return `record` with its data put back.

        A record whose object is gone, or not for this tenant, stays unchanged and does not decode.
        Raises LogUnavailable.
        """
        view = self._connection.view
        if not is_reference(record.raw) or (view is not None and view.namespaces):
            return record
        try:
            envelope: dict[str, Any] = orjson.loads(record.raw)
        except orjson.JSONDecodeError:
            return record
        name = envelope.get("dataref")
        if not isinstance(name, str) or "data" in envelope:
            return record
        data = await self._get(name)
        if data is None:
            return record
        return msgspec.structs.replace(
            record,
            raw=orjson.dumps(_renamed(envelope, "dataref", "data", orjson.Fragment(data))),
        )

    async def drop(self, name: str) -> None:
        """Remove an object and its parts; one that is not there is no error."""

        async def once(timeout_s: float) -> None:
            store = await self._store(timeout_s)
            try:
                if await _info(store, name) is not None:
                    await store.delete(name)
            except (nats.errors.Error, OSError) as error:
                raise _failure(error) from error

        await self._connection.attempt(once)

    async def _put(self, name: str, data: bytes) -> None:
        async def once(timeout_s: float) -> None:
            store = await self._store(timeout_s)
            try:
                if await _info(store, name) is None:
                    await store.put(name, data)
            except (nats.errors.Error, OSError) as error:
                raise _failure(error) from error

        await self._connection.attempt(once)

    async def _get(self, name: str) -> bytes | None:
        """Return the object, or None when it is gone or its content does not match its name."""
        nuid = await self._nuid(name)
        if nuid is None:
            return None
        chunks = f"$O.{BUCKET}.C.{nuid}"
        parts = [
            message.data
            async for found in read_subject(
                self._connection, chunks, after=0, stream=f"OBJ_{BUCKET}"
            )
            for message in found
        ]
        data = b"".join(parts)
        return data if name == _name(data) else None

    async def _nuid(self, name: str) -> str | None:
        """Return the id that the object's parts are stored under, or None when it is not there."""
        if self._connection.view is None:

            async def once(timeout_s: float) -> ObjectInfo | None:
                return await _info(await self._store(timeout_s), name)

            info = await self._connection.attempt(once)
            return None if info is None else info.nuid
        # The driver asks JetStream about the bucket first, which a tenant does not have.
        subject = f"$O.{BUCKET}.M.{base64.urlsafe_b64encode(name.encode()).decode()}"
        found = await get(self._connection, {"last_by_subj": subject}, stream=f"OBJ_{BUCKET}")
        if found is None:
            return None
        described: dict[str, Any] = orjson.loads(found.data)
        return None if described.get("deleted") else str(described["nuid"])

    async def _store(self, timeout_s: float) -> ObjectStore:
        if self._opened is None:
            stream = JetStreamContext(self._connection.client, timeout=timeout_s)
            try:
                try:
                    self._opened = await stream.object_store(BUCKET)
                except nats.js.errors.NotFoundError:
                    self._opened = await stream.create_object_store(BUCKET)
            except (nats.errors.Error, OSError) as error:
                raise _failure(error) from error
        return self._opened


def _renamed(members: dict[str, Any], name: str, other: str, value: object) -> dict[str, Any]:
    """Return members with one under another name, in its place: a seal is of their order."""
    return {
        (other if key == name else key): (value if key == name else kept)
        for key, kept in members.items()
    }


def is_reference(raw: bytes) -> bool:
    """Tell whether a message may be a claim check; cheap, for every message that is read."""
    return len(raw) <= _REFERENCE_BYTES_MAX and _MARK in raw


async def _info(store: ObjectStore, name: str) -> ObjectInfo | None:
    try:
        return await store.get_info(name)
    except nats.js.errors.NotFoundError:
        return None
    except (nats.errors.Error, OSError) as error:
        raise _failure(error) from error


def _failure(error: Exception) -> Exception:
    """Return a refusal, which stands, or Unanswered, after which a caller asks again."""
    if isinstance(error, nats.js.errors.APIError) and error.err_code:
        return translated(Refused(error.err_code, error.code or 0, error.description or ""))
    return Unanswered(f"the object store does not answer: {error!r}")


def _name(data: bytes) -> str:
    """Return the name that `data` is stored under."""
    return f"sha256-{hashlib.sha256(data).hexdigest()}"
