"""A key-value bucket beside the log, for what can be computed again."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import nats.errors
import nats.js.errors
from nats.js.client import JetStreamContext

from anabranch_events.answers import Refused, translated
from anabranch_events.errors import InputInvalid
from anabranch_events.inbox import Unanswered
from anabranch_events.stream import checked_token

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nats.js.kv import KeyValue

    from anabranch_events.connection import Connection

_T = TypeVar("_T")


class Bucket:
    """Values by key: the last one put stays, until it is put again."""

    def __init__(self, connection: Connection, store: KeyValue) -> None:
        self._connection = connection
        self._store = store

    async def get(self, key: str) -> bytes | None:
        """Return the value, or None.

        Raises InputInvalid for a key that is not of letters, digits and - _ / = . and
        LogUnavailable.
        """

        async def once(_: float) -> bytes | None:
            try:
                return (await self._store.get(key)).value
            except nats.js.errors.KeyNotFoundError:
                return None

        return await self._call(key, once)

    async def put(self, key: str, value: bytes) -> None:
        """Store the value. Raises what `get` raises, and LogFull."""

        async def once(_: float) -> None:
            await self._store.put(key, value)

        await self._call(key, once)

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

    async def once(timeout_s: float) -> KeyValue:
        stream = JetStreamContext(connection.client, timeout=timeout_s)
        try:
            return await stream.key_value(name)
        except nats.js.errors.NotFoundError:
            return await stream.create_key_value(bucket=name)

    return Bucket(connection, await _translating(connection, once))


async def _translating(connection: Connection, once: Callable[[float], Awaitable[_T]]) -> _T:
    """Call `once`, again while nobody answers, with the driver's errors in our tree."""

    async def translating(timeout_s: float) -> _T:
        try:
            return await once(timeout_s)
        except nats.js.errors.InvalidKeyError:
            raise
        except nats.js.errors.APIError as error:
            if not error.err_code:
                raise Unanswered(str(error)) from error
            refused = Refused(error.err_code, error.code or 0, error.description or "")
            raise translated(refused) from error
        except (nats.errors.Error, OSError) as error:
            raise Unanswered(repr(error)) from error

    return await connection.attempt(translating)
