"""The ledger: what is known of the log beside the log, in a key-value bucket of its own.

A message that the server cannot read is left out by it without a word, and a damaged last block
shortens the log. The ledger tells: it has the last position that was read, a hash of every block of
positions, and the losses that somebody accepted.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import orjson

from anabranch_events.jetstream.kv import open_bucket

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from anabranch_events.event.recorded import Recorded
    from anabranch_events.jetstream.kv import Bucket
    from anabranch_events.transport.connection import Connection

BUCKET: Final = "ANABRANCH_LEDGER"
BLOCK: Final = 1000
"""The positions of a block: 1 to 1,000 are block 0."""

Stretch: TypeAlias = tuple[int, int]
"""Positions from the first to the last."""


class Tip(NamedTuple):
    """The last event that was read, and its hash."""

    position: int
    digest: str


class Ledger:
    """The ledger of a log; it is made when something is first written to it.

    Raises LogUnavailable, and LogRefused for a user who may not have buckets.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._opened: Bucket | None = None

    async def tip(self) -> Tip | None:
        """Return the last event that was read; None before any."""
        found = await self._get("tip")
        return None if found is None else Tip(int(found[0]), str(found[1]))

    async def note_tip(self, tip: Tip) -> None:
        """Note how far the log was read."""
        await self._put("tip", [*tip])

    async def losses(self) -> list[Stretch]:
        """Return the positions whose loss was accepted, in order."""
        found = await self._get("losses")
        return [(int(first), int(last)) for first, last, _ in found or ()]

    async def accept(self, stretches: Iterable[Stretch]) -> None:
        """Write down that the events of these positions are lost, and since when that is known."""
        known = {(first, last): time for first, last, time in await self._get("losses") or ()}
        time = datetime.now(UTC).isoformat(timespec="seconds")
        for stretch in stretches:
            known.setdefault(stretch, time)
        await self._put("losses", [[*stretch, known[stretch]] for stretch in sorted(known)])

    async def cuts(self) -> list[Stretch]:
        """Return the ends of the log whose loss was accepted; others may stand there since."""
        found = await self._get("cuts")
        return [(int(first), int(last)) for first, last, _ in found or ()]

    async def cut(self, tip: Tip, *, read_to: int) -> None:
        """Take the log to end at `tip`, though it was read up to `read_to` once."""
        if read_to > tip.position:
            time = datetime.now(UTC).isoformat(timespec="seconds")
            known = await self._get("cuts") or []
            await self._put("cuts", [*known, [tip.position + 1, read_to, time]])
            for block in range(tip.position // BLOCK, (read_to - 1) // BLOCK + 1):
                await self._put(f"block.{block}", None)
        await self.note_tip(tip)

    async def sealed(self, block: int) -> str | None:
        """Return the hash of a block, None for one that was not read as a whole."""
        found = await self._get(f"block.{block}")
        return None if found is None else str(found)

    async def seal(self, block: int, digest: str) -> None:
        """Note the hash of a block."""
        await self._put(f"block.{block}", digest)

    async def _get(self, key: str) -> Any:
        value = await (await self._bucket()).get(key)
        return None if value is None else orjson.loads(value)

    async def _put(self, key: str, value: object) -> None:
        await (await self._bucket()).put(key, orjson.dumps(value))

    async def _bucket(self) -> Bucket:
        if self._opened is None:
            self._opened = await open_bucket(self._connection, BUCKET)
        return self._opened


class BlockHash:
    """The hash of the blocks that records belong to; they come in order.

    A block counts only when every position of it was seen.
    """

    def __init__(self) -> None:
        self._next = 0
        self._digest = hashlib.sha256()

    def add(self, recorded: Recorded) -> tuple[int, str] | None:
        """Take in a record; return its block and that block's hash at the end of a whole one."""
        block, place = divmod(recorded.position - 1, BLOCK)
        if place == 0:
            self._digest = hashlib.sha256()
        elif recorded.position != self._next:
            self._next = 0
            return None
        self._next = recorded.position + 1
        self._digest.update(hash_of(recorded))
        return (block, self._digest.hexdigest()) if place == BLOCK - 1 else None


def hash_of(recorded: Recorded) -> bytes:
    """Return the hash of a record: its position, its subject and its document."""
    name = f"{recorded.position}.{recorded.namespace}.{recorded.session_id}\n"
    return hashlib.sha256(name.encode() + recorded.raw).digest()


def tip_of(recorded: Recorded) -> Tip:
    """Return a record as the last that was read."""
    return Tip(recorded.position, hash_of(recorded).hex())


def without(stretches: Sequence[Stretch], accepted: Sequence[Stretch]) -> list[Stretch]:
    """Return the parts of `stretches` that no accepted stretch covers."""
    left = list(stretches)
    for first, last in accepted:
        left = [part for one in left for part in _cut(one, first, last)]
    return left


def _cut(one: Stretch, first: int, last: int) -> list[Stretch]:
    parts = [(one[0], min(one[1], first - 1)), (max(one[0], last + 1), one[1])]
    return [part for part in parts if part[0] <= part[1]]


def total(stretches: Iterable[Stretch]) -> int:
    """Return the number of positions in stretches."""
    return sum(last - first + 1 for first, last in stretches)
