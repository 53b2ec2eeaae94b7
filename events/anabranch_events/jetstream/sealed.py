"""The sealed namespaces: each is sealed when it is made, before its first event, and for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anabranch_events.errors import EventInvalid, InputInvalid, LogRefused
from anabranch_events.event.codec import CONTENT_TYPE, encode
from anabranch_events.event.envelope import new_event
from anabranch_events.event.identifiers import (
    RESERVED_NAMESPACE,
    SEALS_SESSION,
    checked_own_namespace,
)
from anabranch_events.event.types import NamespaceSealed
from anabranch_events.jetstream.api import CONFLICTS, Refused, parsed, translated
from anabranch_events.jetstream.direct_get import EVENT_ID, EXPECTED_LAST, ask_leader
from anabranch_events.jetstream.reserved_line import ReservedLine
from anabranch_events.jetstream.stream import SUBJECT_PREFIX, read_bounds

if TYPE_CHECKING:
    from anabranch_events.event.recorded import Recorded
    from anabranch_events.jetstream.key_blocks import KeyBlocks
    from anabranch_events.transport.connection import Connection

SEALS: Final = f"{SUBJECT_PREFIX}{RESERVED_NAMESPACE}.{SEALS_SESSION}"
"""The one subject of the seals of namespaces."""


class SealedNamespaces(ReservedLine):
    """The sealed namespaces, by the position at which each was sealed."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, SEALS, _sealed_by)

    async def seal(self, namespace: str, keys: KeyBlocks) -> int:
        """Seal a namespace that has no event yet; return the position of its seal.

        One that is sealed already stays as it is. Its keys' stream is made first: a sealed
        namespace is never without. Raises InputInvalid where it has events.
        """
        name = checked_sealable(namespace)
        if self._connection.view is not None:
            raise LogRefused(
                "a tenant may not seal a namespace", fix="ask the operator of the log's server"
            )
        while True:
            self.forget()
            known = (await self.known()).get(name)
            if known is not None:
                return known
            last = (await read_bounds(self._connection)).last
            if await self._has_events(name):
                raise InputInvalid(
                    f"namespace: {name} has events already, and is open for ever",
                    field="namespace",
                    fix="seal a namespace before its first event: choose another name",
                )
            await keys.make(name)
            position = await self._stored(name, last)
            if position is not None:
                self.add(name, position)
                return position

    async def _has_events(self, namespace: str) -> bool:
        asked = {"seq": 1, "next_by_subj": f"{SUBJECT_PREFIX}{namespace}.*"}
        return await ask_leader(self._connection, asked) is not None

    async def _stored(self, namespace: str, last: int) -> int | None:
        """Store the seal behind the last position of the log; None where others were faster."""
        event = new_event(
            NamespaceSealed(namespace=namespace),
            namespace=RESERVED_NAMESPACE,
            session_id=SEALS_SESSION,
        )
        headers = {
            EVENT_ID: event.id,
            "Content-Type": CONTENT_TYPE,
            EXPECTED_LAST: str(last),
        }
        document = encode(event)

        async def once(timeout_s: float) -> bytes:
            answer = await self._connection.request(
                SEALS, document, headers=headers, timeout_s=timeout_s
            )
            return answer.data

        try:
            return int(parsed(await self._connection.attempt(once))["seq"])
        except Refused as refused:
            if refused.code in CONFLICTS:
                return None
            raise translated(refused) from refused


def _sealed_by(record: Recorded) -> str | None:
    try:
        data = record.decode().data
    except EventInvalid:
        return None
    return data.namespace if isinstance(data, NamespaceSealed) else None


def checked_sealable(namespace: str) -> str:
    """Return the name of a namespace that can be sealed. Raises InputInvalid."""
    try:
        return checked_own_namespace(namespace)
    except ValueError as error:
        raise InputInvalid(
            f"namespace: {error}", field="namespace", fix="give the name of a namespace"
        ) from error
