"""The keys of sealed namespaces: blocks of random keys, in a stream of their own a namespace.

A writer stores a block before it uses the first key of it, and each key once. So a key is there
before the event that needs it, and costs an append almost nothing. It looks every few seconds, and
after a lost connection takes another block: a stream that is restored, or made anew, lacks it.

To drop keys, their block is stored again with zeros in their place, and the older message is
erased: the server overwrites its bytes. The stream has no compression and no limit by subject, for
a message that a limit removes stays in the file.

A key is gone when the stream's leader has its block without it, or no such block. A stream that is
not there is an outage.
"""

from __future__ import annotations

import base64
import os
import secrets
import time
from collections import OrderedDict
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from anabranch_events.errors import LogUnavailable
from anabranch_events.event.sealing import KEY_BYTES, Key, Keys
from anabranch_events.jetstream.api import (
    CONFLICTS,
    MESSAGE_NOT_FOUND,
    STREAM,
    STREAM_NOT_FOUND,
    Refused,
    ask,
    parsed,
    translated,
)
from anabranch_events.jetstream.direct_get import EVENT_ID, EXPECTED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from anabranch_events.errors import AnabranchError
    from anabranch_events.transport.connection import Connection

_STREAM: Final = "ANABRANCH_KEYS_"
_PREFIX: Final = "anabranch.keys."
ERASE: Final = "erase"
ERASED: Final = "erased"
_SEQUENCE_NOT_FOUND: Final = 10043
_FIRST_KEYS: Final = 16
_KEYS_MAX: Final = 1024
SEEN_S: Final = 2.0
"""The time for which a block that is drawn from is taken to be there without a look."""
_CACHED_MAX: Final = 1024
_GONE: Final = bytes(KEY_BYTES)
_SETTINGS: Final[dict[str, Any]] = {
    "retention": "limits",
    "storage": "file",
    "compression": "none",
    "discard": "new",
    "max_age": 0,
    "max_msgs_per_subject": -1,
    "allow_direct": False,
    "deny_delete": False,
    "deny_purge": False,
}


class Value(NamedTuple):
    """A message of the stream, with its sequence."""

    sequence: int
    data: bytes


class KeyBlocks:
    """The blocks of keys of all sealed namespaces, as one process draws, reads and drops them.

    Methods raise LogUnavailable also where the stream of a namespace is not there.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._drawing: dict[str, Drawing] = {}
        self._cached: OrderedDict[tuple[str, bytes], Keys] = OrderedDict()
        self._changes = self._losses = 0
        self._listening = False
        self._told: dict[object, Callable[[str, int], None]] = {}

    async def tell_erased(self, told: Callable[[str, int], None]) -> Callable[[], object]:
        """Call `told` whenever keys are gone: with the namespace, and up to which forgetting.

        Call the function that is returned to end that.
        """
        await self._listen()
        key = object()
        self._told[key] = told
        return partial(self._told.pop, key, None)

    async def make(self, namespace: str) -> None:
        """Make the stream of a namespace's keys where it is not there."""
        try:
            config = (await ask(self._connection, f"STREAM.INFO.{STREAM}"))["config"]
            request = {
                "name": f"{_STREAM}{namespace}",
                "subjects": [f"{_PREFIX}{namespace}.>"],
                "num_replicas": config.get("num_replicas", 1),
                **_SETTINGS,
            }
            await ask(self._connection, f"STREAM.CREATE.{_STREAM}{namespace}", request)
        except Refused as refused:
            raise translated(refused) from refused

    async def there(self, namespace: str) -> bool:
        """Tell whether the stream of a namespace's keys is on the server."""
        try:
            await ask(self._connection, f"STREAM.INFO.{_STREAM}{namespace}")
        except Refused as refused:
            if refused.code != STREAM_NOT_FOUND:
                raise translated(refused) from refused
            return False
        return True

    async def drop(self, namespace: str) -> None:
        """Remove the stream, and with it all keys of a namespace."""
        try:
            await ask(self._connection, f"STREAM.DELETE.{_STREAM}{namespace}")
        except Refused as refused:
            if refused.code != STREAM_NOT_FOUND:
                raise translated(refused) from refused

    async def drawing(self, namespace: str, keys: int) -> Drawing:
        """Return the open block of a namespace with at least so many keys left."""
        drawing = self._drawing.get(namespace)
        if drawing is not None and drawing.left >= keys and drawing.is_seen:
            return drawing
        await self._listen()
        drawing = await self._still_there(namespace)
        while drawing is None or drawing.left < keys:
            size = _FIRST_KEYS if drawing is None else min(4 * drawing.size, _KEYS_MAX)
            before = self._losses
            drawing = await self._drawn(namespace, max(size, keys))
            if before == self._losses:
                self._drawing[namespace] = drawing
            else:  # It may be lost: a server that lost power forgets what it has just stored.
                drawing = None
        return drawing

    def cached(self, namespace: str, block: bytes) -> Keys | None:
        """Return a block that was read before, if it is known that nobody changed it.

        It is given as a document names it.
        """
        return self._cached.get((namespace, block))

    async def read(self, namespace: str, block: str) -> Keys:
        """Return the keys of a block; none for one that is not there."""
        await self._listen()
        while True:
            before = self._changes
            found = await self._last(namespace, f"block.{block}")
            keys = Keys(b"" if found is None else found.data)
            if before == self._changes:
                break
        self._cached[namespace, block.encode()] = keys
        if len(self._cached) > _CACHED_MAX:
            self._cached.popitem(last=False)
        return keys

    async def erase(self, namespace: str, slots: Mapping[str, Collection[int]]) -> int:
        """Drop keys by their block; return how many were there."""
        dropped = 0
        for block, gone in slots.items():
            dropped += await self._rewritten(namespace, block, gone)
        return dropped

    async def intend(self, namespace: str, name: str) -> None:
        """Leave word of an erasure that is about to be asked for, under a name of its own."""
        await self._put(namespace, f"{ERASE}.{name}", b"")

    async def intended(self, namespace: str) -> list[str]:
        """Return the names of the erasures that somebody left word of."""
        found = await self.names(namespace, f"{ERASE}.*")
        return [name.removeprefix(f"{ERASE}.") for name in found]

    async def note_erased(self, namespace: str, position: int) -> None:
        """Note up to which forgetting the keys are gone; a later one that stands there stays."""
        while True:
            found = await self._last(namespace, ERASED)
            if found is not None and int(found.data) >= position:
                break
            expected = 0 if found is None else found.sequence
            if await self._put(namespace, ERASED, b"%d" % position, expected=expected):
                break
        await self._erase_older(namespace, ERASED)

    async def erased(self, namespace: str) -> int:
        """Return up to which forgetting the keys are gone, 0 before any."""
        found = await self._last(namespace, ERASED)
        return 0 if found is None else int(found.data)

    async def names(self, namespace: str, wanted: str) -> list[str]:
        """Return the names of blocks or of words that match a pattern of subjects."""
        prefix = f"{_PREFIX}{namespace}."
        found: list[str] = []
        while True:
            request = {"subjects_filter": f"{prefix}{wanted}", "offset": len(found)}
            info = await self._ask(namespace, "INFO", request)
            page = info["state"].get("subjects") or {}
            found += (one.removeprefix(prefix) for one in page)
            if not page or len(found) >= info.get("total", 0):
                return found

    async def done(self, namespace: str, name: str) -> None:
        """Take back the word of an erasure."""
        await self._ask(namespace, "PURGE", {"filter": f"{_PREFIX}{namespace}.{ERASE}.{name}"})

    async def sweep(self, namespace: str) -> None:
        """Erase what a process that was killed left of blocks that it had stored anew."""
        state = (await self._ask(namespace, "INFO"))["state"]
        if state["messages"] > state.get("num_subjects", 0):
            for name in await self.names(namespace, "block.*"):
                await self._erase_older(namespace, name)

    async def _still_there(self, namespace: str) -> Drawing | None:
        """Return the open block of a namespace, whose keys nobody could read were it lost."""
        drawing = self._drawing.get(namespace)
        if drawing is not None and not drawing.is_seen:
            seen_at = time.monotonic()
            if await self._last(namespace, f"block.{drawing.block}") is None:
                self._drawing.pop(namespace, None)
                return None
            drawing.seen_at = seen_at
        return drawing

    async def _drawn(self, namespace: str, size: int) -> Drawing:
        block, keys = secrets.token_hex(8), os.urandom(size * KEY_BYTES)
        await self._put(namespace, f"block.{block}", keys, message_id=block)
        return Drawing(block, keys)

    async def _rewritten(self, namespace: str, block: str, gone: Collection[int]) -> int:
        name = f"block.{block}"
        while True:
            found = await self._last(namespace, name)
            if found is None:
                return 0
            keys, dropped = bytearray(found.data), 0
            for slot in gone:
                place = slice(slot * KEY_BYTES, (slot + 1) * KEY_BYTES)
                if bytes(keys[place]) not in {b"", _GONE}:
                    keys[place] = _GONE
                    dropped += 1
            if dropped and not await self._put(
                namespace, name, bytes(keys), expected=found.sequence
            ):
                continue  # Somebody else drops keys of the same block.
            self._forget(namespace, block)
            await self._erase_older(namespace, name)
            return dropped

    async def _erase_older(self, namespace: str, name: str) -> None:
        """Have the server overwrite all messages of a name but the last."""
        last = await self._last(namespace, name)
        older = 1
        while last is not None:
            asked = {"seq": older, "next_by_subj": f"{_PREFIX}{namespace}.{name}"}
            found = await self._get(namespace, asked)
            if found is None or found.sequence >= last.sequence:
                return
            with suppress(_NotFound):  # Somebody else erases it too.
                await self._ask(namespace, "MSG.DELETE", {"seq": found.sequence, "no_erase": False})
            older = found.sequence + 1

    async def _put(
        self,
        namespace: str,
        name: str,
        value: bytes,
        *,
        expected: int | None = None,
        message_id: str | None = None,
    ) -> bool:
        """Store a value; False where another one came after the expected one."""
        headers: dict[str, str] = {}
        if expected is not None:
            headers[EXPECTED] = str(expected)
        if message_id is not None:
            headers[EVENT_ID] = message_id
        subject = f"{_PREFIX}{namespace}.{name}"

        async def once(timeout_s: float) -> bytes:
            answer = await self._connection.request(
                subject, value, headers=headers or None, timeout_s=timeout_s
            )
            return answer.data

        try:
            parsed(await self._connection.attempt(once))
        except Refused as refused:
            if refused.code in CONFLICTS:
                return False
            raise self._translated(namespace, refused) from refused
        return True

    async def _last(self, namespace: str, name: str) -> Value | None:
        return await self._get(namespace, {"last_by_subj": f"{_PREFIX}{namespace}.{name}"})

    async def _get(self, namespace: str, asked: dict[str, Any]) -> Value | None:
        try:
            found = (await self._ask(namespace, "MSG.GET", asked))["message"]
        except _NotFound:
            return None
        return Value(found["seq"], base64.b64decode(found.get("data", "")))

    async def _ask(self, namespace: str, what: str, request: object = None) -> dict[str, Any]:
        try:
            return await ask(self._connection, f"STREAM.{what}.{_STREAM}{namespace}", request)
        except Refused as refused:
            if refused.code in {MESSAGE_NOT_FOUND, _SEQUENCE_NOT_FOUND}:
                raise _NotFound from refused
            raise self._translated(namespace, refused) from refused

    def _translated(self, namespace: str, refused: Refused) -> AnabranchError:
        if refused.code == STREAM_NOT_FOUND:
            return keys_missing(namespace)
        return translated(refused)

    async def _listen(self) -> None:
        if not self._listening:
            await self._connection.client.listen(f"{_PREFIX}*.block.*", self._heard)
            await self._connection.client.listen(f"{_PREFIX}*.{ERASED}", self._heard_erased)
            self._connection.on_lost(self._forget_all)
            self._listening = True

    def _heard(self, subject: str, reply: str, data: bytes, headers: dict[str, str] | None) -> None:
        del reply, data, headers
        namespace, _, block = subject.removeprefix(_PREFIX).partition(".block.")
        self._forget(namespace, block)

    def _heard_erased(
        self, subject: str, reply: str, data: bytes, headers: dict[str, str] | None
    ) -> None:
        """Hear that keys are gone: all of them, where a lost stream was made anew."""
        del reply, headers
        namespace = subject.removeprefix(_PREFIX).removesuffix(f".{ERASED}")
        self._changes += 1
        self._losses += 1
        self._drawing.pop(namespace, None)
        for known in [known for known in self._cached if known[0] == namespace]:
            del self._cached[known]
        for told in [*self._told.values()]:
            told(namespace, int(data))

    def _forget(self, namespace: str, block: str) -> None:
        self._changes += 1
        self._cached.pop((namespace, block.encode()), None)

    def _forget_all(self) -> None:
        self._changes += 1
        self._losses += 1
        self._cached.clear()
        self._drawing.clear()


class Drawing:
    """A block of fresh keys that this process stored, and hands out one by one."""

    def __init__(self, block: str, keys: bytes) -> None:
        self.block = block
        self.size = len(keys) // KEY_BYTES
        self._keys = keys
        self._next = 0
        self.seen_at = time.monotonic()
        """When the server was last known to have it."""

    @property
    def left(self) -> int:
        """The number of keys that were not handed out."""
        return self.size - self._next

    @property
    def is_seen(self) -> bool:
        """True where it was there a moment ago: then nobody looks again."""
        return time.monotonic() - self.seen_at <= SEEN_S

    def draw(self) -> Key:
        """Return the next slot with its key."""
        slot, self._next = self._next, self._next + 1
        return slot, self._keys[slot * KEY_BYTES : (slot + 1) * KEY_BYTES]


class _NotFound(Exception):
    """The stream has no such message."""


def keys_missing(namespace: str) -> LogUnavailable:
    """Return the error for a sealed namespace whose stream of keys is not there."""
    return LogUnavailable(
        f"the keys of the sealed namespace {namespace} are not on the server: the stream "
        f"{_STREAM}{namespace} is missing",
        fix=f"restore that stream from its own backup, or run `anabranch namespace create {namespace} "
        "--sealed --accept-loss`: all that was sealed is forgotten then",
    )
