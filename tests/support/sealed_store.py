"""A server whose every byte is looked at, with a log in which a namespace is sealed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anabranch_events import Log, NatsServer, new_event, new_id
from anabranch_events.event.sealing import block_of, boxes_of
from anabranch_events.event.types import EventData, InsightRecorded

if TYPE_CHECKING:
    from pathlib import Path

    from anabranch_events import Event, Recorded

SECRET: Final = "The heron Quaggafix nests at Uji"
NEEDLE: Final = b"quaggafix"
KEYS: Final = "ANABRANCH_KEYS_acme"


class SealedStore:
    """A server of the test's own with a log, in which `acme` is sealed."""

    def __init__(self, folder: Path, server: NatsServer, log: Log) -> None:
        self.folder = folder
        self.server = server
        self.log = log
        self.session_id = new_id()

    def event(self, data: EventData, *, session_id: str | None = None) -> Event:
        """Return an event of the session, or of another one."""
        return new_event(data, session_id=session_id or self.session_id, namespace="acme")

    async def append(self, data: EventData, *, session_id: str | None = None) -> int:
        """Append an event, and return its position."""
        event = self.event(data, session_id=session_id)
        return (await self.log.append(event)).position

    async def data(self, position: int) -> EventData:
        """Return what the event at a position says."""
        return (await self.record(position)).decode().data

    async def record(self, position: int) -> Recorded:
        """Return the record at a position."""
        found = await self.log.at(position)
        assert found is not None
        return found

    async def keys_of(self, position: int) -> list[bytes]:
        """Return the keys of a stored event, as they stand in the stream of keys."""
        raw = (await self.record(position)).raw
        message = await self.log.connection.jetstream().get_last_msg(
            KEYS, f"anabranch.keys.acme.block.{block_of(raw)}"
        )
        keys = message.data or b""
        return [keys[32 * box.slot : 32 * box.slot + 32] for box in boxes_of(raw)]


def secret_insight(text: str = SECRET, **fields: tuple[str, ...]) -> InsightRecorded:
    """Return an insight that says the secret, or another text."""
    return InsightRecorded.model_validate({"insight_id": new_id(), "text": text, **fields})
