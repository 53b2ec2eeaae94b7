"""A key-value bucket beside the log, for values that can be computed again."""

from __future__ import annotations

import base64
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeVar

import nats.errors
import nats.js.errors
import orjson
from nats.js.client import JetStreamContext

from anabranch_events.errors import InputInvalid, LogRefused
from anabranch_events.jetstream.api import (
    MESSAGE_NOT_FOUND,
    STREAM_NOT_FOUND,
    Refused,
    ask,
    parsed,
    stored_subjects,
    translated,
)
from anabranch_events.jetstream.direct_get import EXPECTED
from anabranch_events.jetstream.stream import checked_token
from anabranch_events.jetstream.tenant_view import VALUE
from anabranch_events.transport.inbox import Unanswered

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nats.js.kv import KeyValue

    from anabranch_events.transport.connection import Connection

_CHANGED: Final = frozenset({10071, 10164})
_KEY: Final = re.compile(r"[A-Za-z0-9_=/-]+(?:\.[A-Za-z0-9_=/-]+)*")
_T = TypeVar("_T")


class Entry(NamedTuple):
    """A value with its revision, by which it may be replaced."""

    value: bytes
    revision: int


class Store(Protocol):
    """The store of a bucket's values."""

    async def get(self, key: str) -> Entry | None:
        """Return the value, or None."""
        ...

    async def put(self, key: str, value: bytes, *, revision: int | None) -> int:
        """Store the value, in place of that revision where one is given; return the new one."""
        ...


class _DriverStore:
    """A bucket by the driver, for connections with all rights."""

    def __init__(self, values: KeyValue) -> None:
        self._values = values

    async def get(self, key: str) -> Entry | None:
        found = await self._values.get(key)
        return Entry(found.value or b"", found.revision or 0)

    async def put(self, key: str, value: bytes, *, revision: int | None) -> int:
        if revision is None:
            return await self._values.put(key, value)
        return await self._values.update(key, value, last=revision)


class _ProjectorStore:
    """A bucket by the two subjects that a projector may use."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._name = name

    async def get(self, key: str) -> Entry | None:
        asked = orjson.dumps({"last_by_subj": self._subject(key)})
        try:
            found = await self._ask(f"{VALUE}{self._name}", asked)
        except Refused as refused:
            if refused.code != MESSAGE_NOT_FOUND:
                raise
            return None
        message = found["message"]
        return Entry(base64.b64decode(message.get("data", "")), message["seq"])

    async def put(self, key: str, value: bytes, *, revision: int | None) -> int:
        headers = None if revision is None else {EXPECTED: str(revision)}
        return int((await self._ask(self._subject(key), value, headers))["seq"])

    async def _ask(
        self, subject: str, payload: bytes, headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        answer = await self._connection.request(
            subject, payload, headers=headers, timeout_s=self._connection.timeout_s
        )
        return parsed(answer.data)

    def _subject(self, key: str) -> str:
        if not _KEY.fullmatch(key):
            raise nats.js.errors.InvalidKeyError
        return f"$KV.{self._name}.{key}"


class Bucket:
    """Values by key: the last one put stays, until it is put again."""

    def __init__(self, connection: Connection, store: Store) -> None:
        self._connection = connection
        self._store = store

    async def get(self, key: str) -> bytes | None:
        """Return the value, or None; an empty one is what may be left of a value that was dropped.

        A key consists of letters, digits and - _ / = . only. Raises InputInvalid for any other, and
        LogUnavailable.
        """
        found = await self.entry(key)
        return (found.value or None) if found is not None else None

    async def entry(self, key: str) -> Entry | None:
        """Return the value with its revision, or None. Raises what `get` raises."""

        async def once(_: float) -> Entry | None:
            try:
                return await self._store.get(key)
            except nats.js.errors.KeyNotFoundError:
                return None

        return await self._call(key, once)

    async def put(self, key: str, value: bytes) -> None:
        """Store the value. Raises what `get` raises, and LogFull."""

        async def once(_: float) -> None:
            await self._store.put(key, value, revision=None)

        await self._call(key, once)

    async def replace(self, key: str, value: bytes, *, revision: int) -> int | None:
        """Store the value in place of a revision, 0 for none; return the new revision.

        None: somebody else was faster. It may also have been an answer of ours that got lost: the
        value says whose it is. Raises what `put` raises.
        """

        async def once(_: float) -> int | None:
            try:
                return await self._store.put(key, value, revision=revision)
            except nats.js.errors.KeyWrongLastSequenceError:
                return None
            except Refused as refused:
                if refused.code in _CHANGED:
                    return None
                raise

        return await self._call(key, once)

    async def _call(self, key: str, once: Callable[[float], Awaitable[_T]]) -> _T:
        try:
            return await _translating(self._connection, once)
        except nats.js.errors.InvalidKeyError as error:
            raise InputInvalid(
                f"key: {key!r} is not a key", field="key", fix="use letters, digits and - _ / = ."
            ) from error


async def open_bucket(connection: Connection, name: str) -> Bucket:
    """Return the bucket of that name, made if it is not there."""
    checked_token(name, field="bucket")
    if connection.view is not None:
        if connection.view.namespaces:
            raise LogRefused(
                f"a tenant of namespaces has no right to the bucket {name}",
                fix="give the user the role projector in the tenants file, or go without",
            )
        return Bucket(connection, _ProjectorStore(connection, name))

    async def once(timeout_s: float) -> KeyValue:
        stream = JetStreamContext(connection.client, timeout=timeout_s)
        try:
            return await stream.key_value(name)
        except nats.js.errors.NotFoundError:
            return await stream.create_key_value(bucket=name)

    return Bucket(connection, _DriverStore(await _translating(connection, once)))


async def _translating(connection: Connection, once: Callable[[float], Awaitable[_T]]) -> _T:
    """Call `once`, again while nobody answers, with the driver's errors in our tree."""

    async def translating(timeout_s: float) -> _T:
        try:
            return await once(timeout_s)
        except nats.js.errors.InvalidKeyError:
            raise
        except Refused as refused:
            raise translated(refused) from refused
        except nats.js.errors.APIError as error:
            if not error.err_code:
                raise Unanswered(str(error)) from error
            found = Refused(error.err_code, error.code or 0, error.description or "")
            raise translated(found) from error
        except (nats.errors.Error, OSError) as error:
            raise Unanswered(repr(error)) from error

    return await connection.attempt(translating)


async def drop_values(connection: Connection, name: str, wanted: Callable[[str], bool]) -> int:
    """Take the values whose keys are wanted out of a bucket; return how many.

    A server that is killed soon after finds a key's value before the last again
    (`findings/nats_a_purged_value_is_an_older_one_after_a_kill.sh`). So the last two are made
    empty first, and an empty one is what it finds.
    A bucket that is not there holds none. Raises LogUnavailable, LogRefused.
    """
    found = 0
    prefix = f"$KV.{name}."
    try:
        for subject in await stored_subjects(connection, f"KV_{name}", f"{prefix}>"):
            if wanted(subject.removeprefix(prefix)):
                await _make_empty(connection, subject)
                await ask(connection, f"STREAM.PURGE.KV_{name}", {"filter": subject})
                found += 1
    except Refused as refused:
        if refused.code == STREAM_NOT_FOUND:
            return 0
        raise translated(refused) from refused
    return found


async def _make_empty(connection: Connection, subject: str) -> None:
    """Make the last two values of a key empty; on a full server they are purged as they are."""

    async def once(timeout_s: float) -> None:
        answer = await connection.request(subject, b"", timeout_s=timeout_s)
        parsed(answer.data)

    with suppress(Refused):
        for _ in range(2):
            await connection.attempt(once)
