"""The continuity of the log: what was read is whole, and is what was read before.

Deletes are denied. So every position has its event, and one that is skipped is a loss, unless the
ledger says that it went with its namespace.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from anabranch_events.errors import LogDamaged, LogRefused, LogRewound
from anabranch_events.jetstream.explained import Explained
from anabranch_events.jetstream.ledger import Block, Blocks, Tip, hash_of, joined, tip_of, without

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from anabranch_events.event.recorded import Recorded
    from anabranch_events.jetstream.ledger import Ledger, Stretch


class Continuity:
    """A watch over records that are read in order, from `begin` on.

    With `accept_loss` it writes missing events down and goes on. A tenant, who sees his own
    namespaces only, and a user who may not have buckets watch nothing.
    """

    def __init__(
        self,
        ledger: Ledger | None,
        at: Callable[[int], Awaitable[Recorded | None]],
        holds: Callable[[int], Awaitable[bool]],
        *,
        accept_loss: bool = False,
    ) -> None:
        self._ledger = ledger
        self._at = at
        self._holds = holds
        self._accept_loss = accept_loss
        self._position = 0
        self._known = 0
        self._blocks = Blocks()
        self._explained = None if ledger is None else Explained(ledger)

    async def begin(self, *, after: int, last: int, endless: bool = False) -> None:
        """Begin to watch after a position; the log ends at `last`.

        `endless` says that no `end` comes: then the last position is looked up here.
        Raises LogRewound and LogDamaged where the log is not the one that was read before.
        """
        self._position = after
        self._blocks = Blocks()
        if self._ledger is None:
            return
        try:
            tip = await self._ledger.tip()
        except LogRefused:
            self._ledger = None
            return
        self._known = 0
        if tip is not None and self._accept_loss:
            await self._restart(self._ledger, last, read_to=tip.position)
        elif tip is not None:
            self._known = tip.position
            await self._compare(tip, last)
        if endless and last > after and not await self._holds(last):
            await self._lost(self._ledger, [(last, last)])  # No later record would tell.

    async def follow(self, records: Sequence[Recorded]) -> None:
        """Take in the next records. Raises LogDamaged for positions that were passed over."""
        if self._ledger is None:
            return
        for recorded in records:
            if recorded.position != self._position + 1:
                await self._lost(self._ledger, [(self._position + 1, recorded.position - 1)])
            self._position = recorded.position
            for block in self._blocks.add(recorded):
                await self._seal(self._ledger, block)

    async def end(self, position: int) -> None:
        """Say that all up to a position was read. Raises LogDamaged where it was not."""
        if self._ledger is not None and self._position < position:
            await self._lost(self._ledger, [(self._position + 1, position)])
            self._position = position

    async def note(self, recorded: Recorded) -> None:
        """Note the last record that has had its effects, unless the log was known to go further."""
        if self._ledger is not None and recorded.position > self._known:
            await self._ledger.note_tip(tip_of(recorded))

    async def _compare(self, tip: Tip, last: int) -> None:
        """Raise LogRewound and LogDamaged where the log differs from what was read to the tip."""
        if tip.position > last:
            raise LogRewound(position=tip.position, last=last)
        stored = await self._at(tip.position)  # None where it was purged since.
        if stored is not None and tip.digest and hash_of(stored).hex() != tip.digest:
            raise LogDamaged(changed=[(tip.position, tip.position)])

    async def _restart(self, ledger: Ledger, last: int, *, read_to: int) -> None:
        """Take the log as it ends now for the whole."""
        stored = await self._at(last) if last else None
        tip = Tip(last, "") if stored is None else tip_of(stored)
        await ledger.cut(tip, read_to=read_to)

    async def _lost(self, ledger: Ledger, stretches: Sequence[Stretch]) -> None:
        left = await self._explains.unexplained(stretches)
        if not left:
            return
        if not self._accept_loss:
            raise LogDamaged(missing=left)
        await ledger.accept(left)

    async def _seal(self, ledger: Ledger, block: Block) -> None:
        found = await compared(ledger, self._explains, block, self._at)
        if found is False and not self._accept_loss:
            raise LogDamaged(changed=[block.stretch])
        if found is False:
            await sealed(ledger, self._explains, block)

    @property
    def _explains(self) -> Explained:
        assert self._explained is not None  # noqa: S101 - there is a ledger.
        return self._explained


async def compared(
    ledger: Ledger,
    explained: Explained,
    block: Block,
    at: Callable[[int], Awaitable[Recorded | None]],
) -> bool | None:
    """Compare a block with its hash in the ledger, or note its hash; None where that was so.

    Some of a block may have been deleted while it was read: then it is read once more.
    """
    gone = await explained.deleted(block.number)
    digest = block.digest(without=gone)
    known = await ledger.sealed(block.number, without=gone)
    if digest is not None and digest == known:
        return True
    fresh = await explained.deleted(block.number, anew=True)
    if fresh != gone:
        block = await _read_again(block, at)
        digest = block.digest(without=fresh)
        known = await ledger.sealed(block.number, without=fresh)
    if digest is None:
        return None
    if known is None:
        await ledger.seal(block.number, digest, without=fresh)
        return None
    return digest == known


async def sealed(ledger: Ledger, explained: Explained, block: Block) -> None:
    """Note the hash of a block, whatever was known of it."""
    gone = await explained.deleted(block.number)
    digest = block.digest(without=gone)
    if digest is not None:
        await ledger.seal(block.number, digest, without=gone)


async def _read_again(block: Block, at: Callable[[int], Awaitable[Recorded | None]]) -> Block:
    first, last = block.stretch
    found = [await at(position) for position in range(first, last + 1)]
    return Block(block.number, {one.position: hash_of(one) for one in found if one is not None})


class Absences:
    """The positions passed over by a reading that goes on nevertheless; none for a tenant."""

    def __init__(self, ledger: Ledger | None, *, after: int) -> None:
        self.found: list[Stretch] = []
        self._ledger = ledger
        self._position = after

    def follow(self, recorded: Recorded) -> None:
        """Take in the next record."""
        self.end(recorded.position - 1)
        self._position = recorded.position

    def end(self, position: int) -> None:
        """Note that everything up to a position was read."""
        if self._ledger is not None and self._position < position:
            self.found.append((self._position + 1, position))
            self._position = position

    async def settle(self) -> None:
        """Keep those of `found` alone that did not go with their namespace."""
        if self.found and self._ledger is not None:
            with suppress(LogRefused):
                gone = await Explained(self._ledger).deletions(self.found)
                self.found = joined(without(self.found, gone))

    async def refuse(self) -> None:
        """Raise LogDamaged for positions that were passed over and whose loss nobody accepted."""
        if not self.found or self._ledger is None:
            return
        try:
            left = await Explained(self._ledger).unexplained(self.found)
        except LogRefused:
            left = self.found
        if left:
            raise LogDamaged(missing=left)
