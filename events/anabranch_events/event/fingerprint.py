"""The fingerprint of an event: two of one id tell the same fact, or they do not."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final, cast

import orjson

from anabranch_events.event.codec import decode
from anabranch_events.event.opaque import OpaqueData

if TYPE_CHECKING:
    from anabranch_events.event.envelope import Event

_OF_THE_MOMENT: Final = ("forked_at", "deadline", "duration_ms", "traceparent")
"""Fields that differ when a producer tells the same fact again a moment later."""


def fingerprint(event: Event) -> bytes:
    """Return 16 bytes that are the same for the same fact: its type and its data.

    Left out are the time of telling and what follows from it.
    """
    if isinstance(event.data, OpaqueData):
        event = decode(event.data.document)  # One of an older version becomes the current one.
    if isinstance(event.data, OpaqueData):
        members = orjson.loads(event.data.document)
        content: object = [members.get("data"), members.get("data_base64")]
    else:
        data = event.data.model_dump(mode="json")
        content = _lasting(data)
    text = orjson.dumps([event.type, content], option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(text, digest_size=16).digest()


def _lasting(data: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that do not differ from moment to moment, those of a join's terms too."""
    kept = {name: value for name, value in data.items() if name not in _OF_THE_MOMENT}
    if isinstance(join := kept.get("join"), dict):
        kept["join"] = _lasting(cast("dict[str, Any]", join))
    return kept
