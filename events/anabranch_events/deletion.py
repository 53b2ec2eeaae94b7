"""The deletion of a namespace from the log: an end for ever, notes in the ledger, and the purge.

Each step may be run again after a kill at any moment, and then does what is left to do:

1. `end` stores an event in the reserved namespace. From here on writers are refused.
2. `note` writes down in the ledger which positions go, with a hash of their events, and seals the
   blocks they lie in anew. So a reader knows them from damage, before the first is gone.
3. `drop_objects` removes what only this namespace kept in the object store.
4. `purge` takes the events out. A writer that had asked before the end may have stored one more:
   `remains` tells, and then 2 to 4 are done again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

import orjson

from anabranch_events.errors import InputInvalid, LogDamaged, LogUnavailable, PositionConflict
from anabranch_events.event.envelope import new_event
from anabranch_events.event.identifiers import (
    DELETIONS_SESSION,
    RESERVED_NAMESPACE,
    checked_own_namespace,
)
from anabranch_events.event.types import NamespaceDeleted
from anabranch_events.jetstream.api import STREAM, Refused, ask, translated
from anabranch_events.jetstream.claim_check import is_reference
from anabranch_events.jetstream.direct_get import ask_leader
from anabranch_events.jetstream.ended import DELETIONS
from anabranch_events.jetstream.kv import drop_values
from anabranch_events.jetstream.ledger import BLOCK, Block, Blocks, Deleted, joined, total
from anabranch_events.jetstream.limits import refuse_without_purge
from anabranch_events.jetstream.stream import SUBJECT_PREFIX, read_bounds
from anabranch_events.read import reader
from anabranch_events.write.append import append, last_position, outgoing

if TYPE_CHECKING:
    from anabranch_events.event.recorded import Recorded
    from anabranch_events.jetstream.documents import Documents
    from anabranch_events.jetstream.ended import EndedNamespaces
    from anabranch_events.jetstream.ledger import Ledger
    from anabranch_events.transport.connection import Connection

_PURGES_MAX: Final = 20

Seen: TypeAlias = Callable[["Recorded"], None]
"""Called with each record of the namespace, before it is gone."""


@dataclass(slots=True)
class Holdings:
    """The part of the log that belongs to a namespace."""

    events: int = 0
    size: int = 0
    sessions: set[str] = field(default_factory=set[str])
    objects: set[str] = field(default_factory=set[str])
    """The objects that no other namespace refers to."""


class Deletion:
    """The deletion of one namespace. Every step raises LogUnavailable and LogRefused."""

    def __init__(
        self,
        connection: Connection,
        documents: Documents,
        ledger: Ledger,
        ended: EndedNamespaces,
        *,
        namespace: str,
    ) -> None:
        self._connection = connection
        self._documents = documents
        self._ledger = ledger
        self._ended = ended
        self._namespace = namespace
        self._filter = f"{SUBJECT_PREFIX}{namespace}.*"

    async def survey(self) -> Holdings:
        """Read the log and return what belongs to the namespace; nothing is changed."""
        holdings, others = Holdings(), set[str]()
        batches = reader.batches(self._connection, None, after=0, to=await self._last())
        async with aclosing(batches) as found:
            async for records in found:
                for record in records:
                    self._count(record, holdings, others)
        holdings.objects -= others
        return holdings

    async def end(self) -> int:
        """End the namespace for ever; return the position at which it has ended.

        Raises LogRefused where the log may not be purged: nothing is done then.
        """
        await refuse_without_purge(self._connection)
        while True:
            known = (await self._ended.known()).get(self._namespace)
            if known is not None:
                return known
            expected = await last_position(self._connection, DELETIONS)
            event = new_event(
                NamespaceDeleted(namespace=self._namespace),
                namespace=RESERVED_NAMESPACE,
                session_id=DELETIONS_SESSION,
            )
            out = await outgoing(self._documents, event, expected=expected)
            try:
                position = (await append(self._connection, out)).position
            except PositionConflict:  # Somebody ended another one, or the same.
                continue
            self._ended.add(self._namespace, position)
            return position

    async def note(self, ended: int, *, seen: Seen | None = None) -> None:
        """Note in the ledger what goes. `seen` gets each record of the namespace.

        Raises LogDamaged where a block of the log is not the one that was read before.
        """
        blocks, going = Blocks(), list[int]()
        batches = reader.batches(self._connection, None, after=0, to=await self._last())
        async with aclosing(batches) as found:
            async for records in found:
                for stored in records:
                    record = await self._documents.claim_check.check_out(stored)
                    if record.namespace == self._namespace:
                        going.append(record.position)
                        if seen is not None:
                            seen(await self._documents.opened(record))
                    for block in blocks.add(record):
                        going = await self._note_block(block, going, ended)
        for block in blocks.end():
            going = await self._note_block(block, going, ended)
        await self._note_count(ended)

    async def drop_values(self, bucket: str, wanted: Callable[[str], bool]) -> int:
        """Take the values whose keys are wanted out of a bucket; return how many."""
        return await drop_values(self._connection, bucket, wanted)

    async def remains(self) -> bool:
        """Tell whether an event of the namespace is in the log."""
        asked = {"seq": 1, "next_by_subj": self._filter}
        return await ask_leader(self._connection, asked) is not None

    async def purge(self) -> None:
        """Take the namespace's events out of the log; a large purge is waited for."""
        for number in range(_PURGES_MAX):
            try:
                await ask(self._connection, f"STREAM.PURGE.{STREAM}", {"filter": self._filter})
            except Refused as refused:
                raise translated(refused) from refused
            except LogUnavailable:
                if number == _PURGES_MAX - 1:
                    raise
            else:
                return

    async def drop_keys(self) -> None:
        """Remove the keys of a sealed namespace: nothing of it can be read from then on."""
        await self._documents.keys.drop(self._namespace)

    async def _last(self) -> int:
        return (await read_bounds(self._connection)).last

    def _count(self, record: Recorded, holdings: Holdings, others: set[str]) -> None:
        mine = record.namespace == self._namespace
        if is_reference(record.raw):
            name = _reference(record.raw)
            if name is not None:
                (holdings.objects if mine else others).add(name)
        if mine:
            holdings.events += 1
            holdings.size += len(record.raw)
            holdings.sessions.add(record.session_id)

    async def _note_block(self, block: Block, going: list[int], ended: int) -> list[int]:
        """Note what goes from a block, then its hash without that; return what goes elsewhere."""
        first, last = block.stretch
        mine = [position for position in going if first <= position <= last]
        if not mine:
            return going
        known = await self._ledger.deleted(block.number)
        await self._refuse_changed(block, known)
        have = {at for one in known for at in range(one.first, one.last + 1)}
        fresh = joined((at, at) for at in mine if at not in have)
        gone = [*known, *(_deleted(block, *stretch, ended=ended) for stretch in fresh)]
        await self._ledger.note_deleted(block.number, gone)
        digest = block.digest(without=gone)
        if digest is not None:
            await self._ledger.seal(block.number, digest, without=gone)
        return going[len(mine) :]

    async def _refuse_changed(self, block: Block, known: list[Deleted]) -> None:
        """Raise LogDamaged where a block reads otherwise than before: its hash would be lost."""
        digest = block.digest(without=known)
        sealed = await self._ledger.sealed(block.number, without=known)
        if digest is not None and sealed is not None and digest != sealed:
            raise LogDamaged(changed=[block.stretch])

    async def _note_count(self, ended: int) -> None:
        last = await self._last()
        count = 0
        for block in range(last // BLOCK + 1):
            gone = await self._ledger.deleted(block)
            count += total((one.first, one.last) for one in gone if one.ended == ended)
        await self._ledger.note_deleted_count(ended, count)


def _deleted(block: Block, first: int, last: int, *, ended: int) -> Deleted:
    digest = hashlib.sha256(b"".join(block.hashes[at] for at in range(first, last + 1)))
    return Deleted(first, last, digest.hexdigest(), ended)


def _reference(raw: bytes) -> str | None:
    """Return the object that a stored message refers to."""
    try:
        name = orjson.loads(raw).get("dataref")
    except (orjson.JSONDecodeError, AttributeError):
        return None
    return name if isinstance(name, str) else None


def checked_deletable(namespace: str) -> str:
    """Return a namespace that can be deleted. Raises InputInvalid."""
    try:
        return checked_own_namespace(namespace)
    except ValueError as error:
        raise InputInvalid(
            f"namespace: {error}", field="namespace", fix="give the name of a namespace"
        ) from error
