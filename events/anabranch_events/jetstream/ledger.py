"""The ledger: what is known of the log beside the log, in a key-value bucket of its own.

A message that the server cannot read is left out by it without a word, and a damaged last block
shortens the log. The ledger tells: it has the last position that was read, a hash of every block of
positions, and the losses that somebody accepted. Where a namespace was deleted it has a hash of its
events; the hash of each block is then one of the others.
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


class Deleted(NamedTuple):
    """Positions whose events were deleted, a hash of those, and the position that ended them."""

    first: int
    last: int
    digest: str
    ended: int


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

    async def sealed(self, block: int, *, without: Sequence[Deleted] = ()) -> str | None:
        """Return the hash of a block without its deleted events.

        It is None for a block that was not read as a whole, or not since those were deleted.
        """
        found = await self._get(f"block.{block}")
        if found is None:
            return None
        digest, mark = (found, "") if isinstance(found, str) else found
        return str(digest) if mark == _mark(without) else None

    async def seal(self, block: int, digest: str, *, without: Sequence[Deleted] = ()) -> None:
        """Note the hash of a block, made without its deleted events."""
        await self._put(f"block.{block}", [digest, _mark(without)] if without else digest)

    async def deleted(self, block: int) -> list[Deleted]:
        """Return what was deleted in a block, in order."""
        found = await self._get(f"deleted.{block}")
        return [Deleted(int(a), int(b), str(c), int(d)) for a, b, c, d in found or ()]

    async def note_deleted(self, block: int, stretches: Sequence[Deleted]) -> None:
        """Note all that is deleted in a block, before it is."""
        await self._put(f"deleted.{block}", [[*one] for one in sorted(stretches)])

    async def deleted_count(self) -> int:
        """Return how many positions lost their event with its namespace."""
        return sum((await self._get("deleted") or {}).values())

    async def note_deleted_count(self, ended: int, count: int) -> None:
        """Note how many positions lost their event with the namespace that ended at `ended`."""
        known = await self._get("deleted") or {}
        await self._put("deleted", {**known, str(ended): count})

    async def _get(self, key: str) -> Any:
        value = await (await self._bucket()).get(key)
        return None if value is None else orjson.loads(value)

    async def _put(self, key: str, value: object) -> None:
        await (await self._bucket()).put(key, orjson.dumps(value))

    async def _bucket(self) -> Bucket:
        if self._opened is None:
            self._opened = await open_bucket(self._connection, BUCKET)
        return self._opened


class Block(NamedTuple):
    """The hashes of a block's records, by position, as far as they were read."""

    number: int
    hashes: dict[int, bytes]

    @property
    def stretch(self) -> Stretch:
        """The positions of the block."""
        return self.number * BLOCK + 1, (self.number + 1) * BLOCK

    def digest(self, *, without: Sequence[Deleted] = ()) -> str | None:
        """Return the block's hash; None where a position was not seen and not deleted.

        A deleted record counts as deleted also while it is still there.
        """
        gone = {at for one in without for at in range(one.first, one.last + 1)}
        digest = hashlib.sha256()
        first, last = self.stretch
        for position in range(first, last + 1):
            if position in gone:
                digest.update(f"{position} deleted\n".encode())
            elif position in self.hashes:
                digest.update(self.hashes[position])
            else:
                return None
        return digest.hexdigest()


class Blocks:
    """The blocks that records belong to; the records come in order."""

    def __init__(self) -> None:
        self._open = Block(-1, {})

    def add(self, recorded: Recorded) -> list[Block]:
        """Take in a record; return the blocks that ended before it or end with it."""
        number, place = divmod(recorded.position - 1, BLOCK)
        ended: list[Block] = []
        if number != self._open.number:
            ended += self.end()
            self._open = Block(number, {})
        self._open.hashes[recorded.position] = hash_of(recorded)
        return [*ended, *self.end()] if place == BLOCK - 1 else ended

    def end(self) -> list[Block]:
        """Return the block that is still open, if there is one."""
        ended, self._open = self._open, Block(-1, {})
        return [ended] if ended.hashes else []


def hash_of(recorded: Recorded) -> bytes:
    """Return the hash of a record: its position, its subject and its document."""
    name = f"{recorded.position}.{recorded.namespace}.{recorded.session_id}\n"
    return hashlib.sha256(name.encode() + recorded.raw).digest()


def _mark(deleted: Sequence[Deleted]) -> str:
    """Return a short hash of the positions that are deleted, empty for none."""
    if not deleted:
        return ""
    gone = [at for one in sorted(deleted) for at in range(one.first, one.last + 1)]
    return hashlib.sha256(orjson.dumps(gone)).hexdigest()[:16]


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


def joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Return stretches in order, with those that touch made one."""
    found: list[Stretch] = []
    for first, last in sorted(stretches):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def total(stretches: Iterable[Stretch]) -> int:
    """Return the number of positions in stretches."""
    return sum(last - first + 1 for first, last in stretches)
