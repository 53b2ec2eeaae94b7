"""The log of events on NATS JetStream: every fact, in order, and the only source of truth."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anabranch_events.deletion import Deletion
    from anabranch_events.event.codec import decode, decode_unchanged, encode
    from anabranch_events.event.complaint import input_invalid
    from anabranch_events.event.envelope import Event, Receipt, new_event
    from anabranch_events.event.fingerprint import fingerprint
    from anabranch_events.event.identifiers import (
        NAME_LENGTH_MAX,
        canonical_uuid,
        checked_namespace,
        checked_own_namespace,
        new_id,
    )
    from anabranch_events.event.json_schema import event_schema
    from anabranch_events.event.recorded import Recorded
    from anabranch_events.event.trace_context import traced
    from anabranch_events.jetstream.api import STREAM
    from anabranch_events.jetstream.ended import ended_by
    from anabranch_events.jetstream.kv import Bucket
    from anabranch_events.jetstream.stream import Bounds, subject
    from anabranch_events.log import Log
    from anabranch_events.read.continuity import Absences
    from anabranch_events.read.pinned_consumer import PinLost, PinnedConsumer
    from anabranch_events.read.repeats import Occurrence, Repeats
    from anabranch_events.read.verification import Condition, LogReport, spot_check
    from anabranch_events.server.managed import NatsServer, server_binary
    from anabranch_events.server.tenant import Tenant
    from anabranch_events.write.pipeline import ImportProgress

__all__ = [
    "NAME_LENGTH_MAX",
    "STREAM",
    "Absences",
    "Bounds",
    "Bucket",
    "Condition",
    "Deletion",
    "Event",
    "ImportProgress",
    "Log",
    "LogReport",
    "NatsServer",
    "Occurrence",
    "PinLost",
    "PinnedConsumer",
    "Receipt",
    "Recorded",
    "Repeats",
    "Tenant",
    "canonical_uuid",
    "checked_namespace",
    "checked_own_namespace",
    "decode",
    "decode_unchanged",
    "encode",
    "ended_by",
    "event_schema",
    "fingerprint",
    "input_invalid",
    "new_event",
    "new_id",
    "server_binary",
    "spot_check",
    "subject",
    "traced",
]

_HOMES = {
    "anabranch_events.deletion": ("Deletion",),
    "anabranch_events.event.codec": ("decode", "decode_unchanged", "encode"),
    "anabranch_events.event.complaint": ("input_invalid",),
    "anabranch_events.event.envelope": ("Event", "Receipt", "new_event"),
    "anabranch_events.event.fingerprint": ("fingerprint",),
    "anabranch_events.event.identifiers": (
        "NAME_LENGTH_MAX",
        "canonical_uuid",
        "checked_namespace",
        "checked_own_namespace",
        "new_id",
    ),
    "anabranch_events.event.json_schema": ("event_schema",),
    "anabranch_events.event.recorded": ("Recorded",),
    "anabranch_events.event.trace_context": ("traced",),
    "anabranch_events.jetstream.api": ("STREAM",),
    "anabranch_events.jetstream.ended": ("ended_by",),
    "anabranch_events.jetstream.kv": ("Bucket",),
    "anabranch_events.jetstream.stream": ("Bounds", "subject"),
    "anabranch_events.log": ("Log",),
    "anabranch_events.read.continuity": ("Absences",),
    "anabranch_events.read.pinned_consumer": ("PinLost", "PinnedConsumer"),
    "anabranch_events.read.repeats": ("Occurrence", "Repeats"),
    "anabranch_events.read.verification": ("Condition", "LogReport", "spot_check"),
    "anabranch_events.server.managed": ("NatsServer", "server_binary"),
    "anabranch_events.server.tenant": ("Tenant",),
    "anabranch_events.write.pipeline": ("ImportProgress",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: an error needs no model, an event no client."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Return the names that editors and shells list, also those that nobody has used yet."""
    return sorted({*globals(), *__all__})
