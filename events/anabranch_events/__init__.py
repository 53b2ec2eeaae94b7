"""The log of events on NATS JetStream: every fact, in order, and the only source of truth."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from anabranch_events.event.codec import decode, decode_unchanged, encode
from anabranch_events.event.envelope import Event, Receipt, input_invalid, new_event
from anabranch_events.event.identifiers import (
    NAME_LENGTH_MAX,
    canonical_uuid,
    checked_namespace,
    new_id,
)
from anabranch_events.event.json_schema import event_schema
from anabranch_events.event.recorded import Recorded
from anabranch_events.event.trace_context import traced
from anabranch_events.server.managed import NatsServer, server_binary
from anabranch_events.server.tenant import Tenant

if TYPE_CHECKING:
    from anabranch_events.jetstream.kv import Bucket
    from anabranch_events.jetstream.stream import STREAM, Bounds, subject
    from anabranch_events.log import Log
    from anabranch_events.read.pinned_consumer import PinLost, PinnedConsumer
    from anabranch_events.write.pipeline import ImportProgress

__all__ = [
    "NAME_LENGTH_MAX",
    "STREAM",
    "Bounds",
    "Bucket",
    "Event",
    "ImportProgress",
    "Log",
    "NatsServer",
    "PinLost",
    "PinnedConsumer",
    "Receipt",
    "Recorded",
    "Tenant",
    "canonical_uuid",
    "checked_namespace",
    "decode",
    "decode_unchanged",
    "encode",
    "event_schema",
    "input_invalid",
    "new_event",
    "new_id",
    "server_binary",
    "subject",
    "traced",
]

_NEEDS_CLIENT = {
    "STREAM": "anabranch_events.jetstream.stream",
    "Bounds": "anabranch_events.jetstream.stream",
    "Bucket": "anabranch_events.jetstream.kv",
    "ImportProgress": "anabranch_events.write.pipeline",
    "Log": "anabranch_events.log",
    "PinLost": "anabranch_events.read.pinned_consumer",
    "PinnedConsumer": "anabranch_events.read.pinned_consumer",
    "subject": "anabranch_events.jetstream.stream",
}


def __getattr__(name: str) -> object:
    """Import a name that needs the NATS client at its first use: naming events stays quick."""
    if name not in _NEEDS_CLIENT:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_NEEDS_CLIENT[name]), name)
