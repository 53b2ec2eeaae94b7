"""The seam where events become stored documents and are read again.

Here content of a sealed namespace is encrypted on its way in and decrypted on its way out. Here
large data go to the object store. `Recorded.raw` stays what the log holds: hashes, exports and
snapshots are of that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import force_setattr

from anabranch_events.errors import LogRefused, LogUnavailable
from anabranch_events.event.codec import encode
from anabranch_events.event.recorded import Recorded
from anabranch_events.event.sealing import (
    BLOCK,
    Keys,
    block_of,
    is_sealed,
    keys_needed,
    says_something,
    seal,
)
from anabranch_events.event.types import InsightForgotten, SessionForgotten
from anabranch_events.jetstream.claim_check import ClaimCheck, is_reference
from anabranch_events.jetstream.ended import EndedNamespaces
from anabranch_events.jetstream.key_blocks import KeyBlocks
from anabranch_events.jetstream.sealed import SealedNamespaces

if TYPE_CHECKING:
    from collections.abc import Collection

    from anabranch_events.event.envelope import Event
    from anabranch_events.transport.connection import Connection

PLAIN: Final = "the namespace is sealed, and this event says something in plain text"
NO_KEYS: Final = "its namespace is sealed, and a connection with limited rights has no keys"


class StoredDocuments:
    """Documents as the log holds them, with large data put back; no key is asked for."""

    def __init__(self, claim_check: ClaimCheck) -> None:
        self._claim_check = claim_check

    def opened_here(self, record: Recorded) -> Recorded | None:
        """Return the record, unless its data stand in the object store."""
        return None if is_reference(record.raw) else record

    async def opened(self, record: Recorded) -> Recorded:
        """Return a record with its data put back. Raises LogUnavailable."""
        return await self._claim_check.check_out(record)


class Documents:
    """The documents of one log. Its methods raise LogUnavailable, also where keys are missing."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.claim_check = ClaimCheck(connection)
        self.sealed = SealedNamespaces(connection)
        self.ended = EndedNamespaces(connection)
        self.keys = KeyBlocks(connection)
        self._open: set[str] = set()
        """The namespaces in which this process has stored an event: those are open for ever."""
        self._unsure: set[str] = set()

    async def written(self, event: Event) -> bytes:
        """Return the form in which an event is stored.

        A forgetting in a sealed namespace is noted beside its keys first: whoever is killed behind
        it leaves word. Raises what `ClaimCheck.check_in` raises.
        """
        sealed = self.sealed.current
        if sealed is None:
            sealed = await self.sealed.known()
        if event.namespace in sealed:
            return await self._written_sealed(event)
        if event.namespace not in self._open:
            self._unsure.add(event.namespace)
        document = encode(event)
        if len(document) <= self.claim_check.message_bytes_max:
            return document
        return await self.claim_check.check_in(document, event_id=event.id)

    async def confirm_open(self, namespaces: Collection[str]) -> None:
        """Check, once their events are stored, that namespaces were not sealed just before.

        It asks at the first event of each. Raises LogRefused.
        """
        unsure = self._unsure.intersection(namespaces)
        if not unsure:
            return
        self.sealed.forget()
        sealed = unsure & (await self.sealed.known()).keys()
        self._unsure -= unsure
        self._open |= unsure - sealed
        for namespace in sealed:
            raise LogRefused(
                f"{namespace} was sealed just before this event was stored, in plain text: it is "
                "refused by all readers, and stays until the namespace is deleted",
                fix="append what it says as another event, which will be sealed",
            )

    def opened_here(self, record: Recorded) -> Recorded | None:
        """Return what `opened` would, where that needs no server; None otherwise."""
        raw = record.raw
        sealed = self.sealed.current
        if sealed is None or is_reference(raw):
            return None
        if record.namespace not in sealed:
            return None if is_sealed(raw) else record
        keys = self.keys.cached(record.namespace, raw[BLOCK])
        if keys is None or not is_sealed(raw):
            return None
        force_setattr(record, "keys", keys)  # Nobody else has met it.
        return record

    async def opened(self, record: Recorded) -> Recorded:
        """Return a record with its data put back, and open where its namespace is sealed.

        One that cannot be what it says is returned as refused, and does not decode.
        """
        record = await self.claim_check.check_out(record)
        marked = is_sealed(record.raw)
        sealed = await self.sealed.known()
        if marked and record.namespace not in sealed:
            if self._connection.view is not None:
                return _told(record, refused=NO_KEYS)
            self.sealed.forget()  # It may have been sealed this moment.
            sealed = await self.sealed.known()
        if record.namespace not in sealed:
            return record
        if not marked:
            return _told(record, refused=PLAIN) if says_something(record.raw) else record
        block = block_of(record.raw)
        if block is None:
            return _told(record, refused="the block of its keys has no name")
        keys = self.keys.cached(record.namespace, block.encode())
        if keys is None:
            keys = await self._keys(record.namespace, block)
        return _with_keys(record, keys)

    async def compared(self, event: Event, stored: bytes) -> bytes | None:
        """Return what a message stored under an event's id says; None where that was erased."""
        record = await self.opened(Recorded(0, event.namespace, event.subject, stored, 0))
        return None if record.erased else record.document

    async def _keys(self, namespace: str, block: str) -> Keys:
        """Return the keys of a block; none where the deletion of the namespace removed them all."""
        try:
            return await self.keys.read(namespace, block)
        except LogUnavailable:
            if namespace in await self.ended.known() and not await self.keys.there(namespace):
                return Keys(b"")
            raise

    async def _written_sealed(self, event: Event) -> bytes:
        data = event.data
        if isinstance(data, InsightForgotten):
            await self.keys.intend(event.namespace, f"insight-{data.insight_id}")
        elif isinstance(data, SessionForgotten):
            await self.keys.intend(event.namespace, f"session-{event.subject}")
        needed = keys_needed(event)
        if not needed:
            return await self.claim_check.check_in(encode(event), event_id=event.id)
        drawing = await self.keys.drawing(event.namespace, needed)
        document = seal(event, block=drawing.block, draw=drawing.draw)
        if len(document) <= self.claim_check.message_bytes_max:
            return document
        return await self.claim_check.check_in(document, event_id=event.id)


def _with_keys(record: Recorded, keys: Keys) -> Recorded:
    return Recorded(
        record.position, record.namespace, record.session_id, record.raw, record.stored_us, keys
    )


def _told(record: Recorded, *, refused: str) -> Recorded:
    return Recorded(
        record.position,
        record.namespace,
        record.session_id,
        record.raw,
        record.stored_us,
        refused=refused,
    )
