"""The positions without an event for which the ledger has an explanation: losses and deletions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anabranch_events.jetstream.ledger import BLOCK, joined, without

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from anabranch_events.jetstream.ledger import Deleted, Ledger, Stretch

_KEPT: Final = 8


class Explained:
    """The ledger's answers on positions without an event; a few blocks are kept at hand."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: dict[int, list[Deleted]] = {}

    async def deleted(self, block: int, *, anew: bool = False) -> list[Deleted]:
        """Return what was deleted in a block; `anew` asks the ledger though it is at hand."""
        if anew or block not in self._known:
            self._known.pop(block, None)
            while len(self._known) >= _KEPT:
                del self._known[next(iter(self._known))]
            self._known[block] = await self._ledger.deleted(block)
        return self._known[block]

    async def unexplained(self, stretches: Sequence[Stretch]) -> list[Stretch]:
        """Return the parts of `stretches` that are neither an accepted loss nor deleted."""
        left = await self._not_deleted(stretches, anew=False)
        if left:  # The blocks at hand may be older than a deletion.
            left = await self._not_deleted(left, anew=True)
        return joined(without(left, await self._ledger.losses())) if left else []

    async def deletions(self, stretches: Sequence[Stretch]) -> list[Stretch]:
        """Return the parts of `stretches` that are deleted."""
        found = [
            (max(part[0], one.first), min(part[1], one.last))
            for block, part in _by_block(stretches)
            for one in await self.deleted(block)
            if one.first <= part[1] and one.last >= part[0]
        ]
        return joined(found)

    async def _not_deleted(self, stretches: Sequence[Stretch], *, anew: bool) -> list[Stretch]:
        left: list[Stretch] = []
        asked: set[int] = set()
        for block, part in _by_block(stretches):
            known = await self.deleted(block, anew=anew and block not in asked)
            asked.add(block)
            left += without([part], [(one.first, one.last) for one in known])
        return left


def _by_block(stretches: Sequence[Stretch]) -> Iterator[tuple[int, Stretch]]:
    """Yield the parts of stretches that lie in one block each."""
    for first, last in stretches:
        for block in range((first - 1) // BLOCK, (last - 1) // BLOCK + 1):
            yield block, (max(first, block * BLOCK + 1), min(last, (block + 1) * BLOCK))
