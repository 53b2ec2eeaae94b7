"""The codec of events: the structured JSON documents of CloudEvents 1.0."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final

import orjson
from pydantic import ValidationError

from anabranch_events.errors import EventInvalid
from anabranch_events.event import fast_codec
from anabranch_events.event.complaint import input_invalid
from anabranch_events.event.envelope import Event
from anabranch_events.event.foreign import check_extensions, completed, take_json
from anabranch_events.event.identifiers import checked_text
from anabranch_events.event.opaque import OpaqueData
from anabranch_events.event.registry import REGISTRY
from anabranch_events.event.types import EventData

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel

    from anabranch_events.event.foreign import Place
    from anabranch_events.event.registry import Registry

CONTENT_TYPE: Final = "application/cloudevents+json"
_TYPE: Final = b'"type":"'
_TYPES_MAX: Final = 1024
_TYPE_LENGTH_MAX: Final = 256
_FIX: Final = "send a structured CloudEvents 1.0 document of a type in docs/reference/events.md"


def encode(event: Event) -> bytes:
    """Return the event as a structured CloudEvents 1.0 JSON document.

    An opaque event gives the document it was read from, byte for byte.
    """
    if type(event.data) is OpaqueData:
        return event.data.document
    fields = attributes_of(event)
    if more := event.__pydantic_extra__:
        fields.update(more)
    fields["datacontenttype"] = "application/json"
    fields["data"] = members_of(event.data)
    return dumped(fields)


def dumped(fields: dict[str, Any]) -> bytes:
    """Return JSON of members, in the spelling of every document."""
    return orjson.dumps(fields, default=members_of, option=orjson.OPT_UTC_Z)


def attributes_of(event: Event) -> dict[str, Any]:
    """Return the attributes of our own that a document begins with."""
    given = event.__dict__
    # Field by field: it runs for every event, and takes two thirds of a comprehension's time.
    fields: dict[str, Any] = {
        "specversion": "1.0",
        "id": given["id"],
        "source": given["source"],
        "type": given["type"],
        "subject": given["subject"],
        "time": given["time"],
        "namespace": given["namespace"],
    }
    if (found := given["correlationid"]) is not None:
        fields["correlationid"] = found
    if (found := given["causationid"]) is not None:
        fields["causationid"] = found
    if (found := given["agent"]) is not None:
        fields["agent"] = found
    return fields


def members_of(model: BaseModel) -> dict[str, Any]:
    """Return the members that are written for a model, in the order of its fields."""
    members = {**model.__dict__}
    for name in _left_out(type(model)):
        if members[name] is None:
            del members[name]
    return members


@cache
def _left_out(made: type[BaseModel]) -> tuple[str, ...]:
    """Return the names of the fields that are not written when they are None."""
    if issubclass(made, EventData) and made.keeps_none:
        return ()
    return tuple(
        name
        for name, field in made.model_fields.items()
        if field.default is None and not field.is_required()
    )


def decode(
    document: bytes, *, registry: Registry = REGISTRY, place: Callable[[], Place] | None = None
) -> Event:
    """Read a structured CloudEvents 1.0 JSON document; an older version becomes the current one.

    A type or a version that is not in `registry` gives an opaque event. `place` gives what the
    document leaves out. Raises EventInvalid for a document that is not JSON, is not CloudEvents
    1.0, or breaks a rule of its type.
    """
    event = _as_written(document, registry)
    if event is not None:
        return event
    fields = completed(_fields(document), place and place())
    data_class = registry.current.get(fields["type"])
    try:
        if data_class is None:
            if fields["type"] not in registry.known:
                return _opaque(document, fields)
            fields["data"] = take_json(fields, fix=_FIX)
            fields["type"], fields["data"] = _upcast(fields, registry)
            data_class = registry.current[fields["type"]]
        else:
            fields["data"] = take_json(fields, fix=_FIX)
        check_extensions(fields, ours=Event.model_fields, fix=_FIX)
        fields["data"] = data_class.model_validate(fields["data"])
        return Event.model_validate(fields)
    except ValidationError as error:
        found = input_invalid(error, whole="data")
        raise EventInvalid(found.message, field=found.field, fix=_FIX) from error


def _as_written(document: bytes, registry: Registry) -> Event | None:
    """Return the event of a document in Anabranch's own spelling, None for any other document."""
    start = document.find(_TYPE) + len(_TYPE)
    decoders = _decoders(registry, document[start : document.find(b'"', start)])
    if decoders is None:
        return None
    read, make = decoders[fast_codec.is_plain(document)]
    try:
        return make(read(document))
    except fast_codec.REFUSALS:
        return None


@lru_cache(maxsize=_TYPES_MAX)
def _decoders(
    registry: Registry, event_type: bytes
) -> tuple[fast_codec.Decoder[Event], fast_codec.Decoder[Event]] | None:
    """Return the decoders of a current type, for any and for plain documents; else None."""
    data_class = registry.current.get(event_type.decode(errors="replace"))
    if data_class is None:
        return None
    return (
        fast_codec.event_decoder(Event, data_class, plain=False),
        fast_codec.event_decoder(Event, data_class, plain=True),
    )


def decode_unchanged(document: bytes, *, registry: Registry = REGISTRY) -> Event:
    """Read a document like `decode`, but keep an event of an older version opaque.

    A stored event never changes. So one of an older version moves to another log as an opaque
    event, once it is clear that it can be read. Raises EventInvalid.
    """
    event = decode(document, registry=registry)
    fields = completed(_fields(document), None)
    return event if event.type == fields["type"] else _opaque(document, fields)


def _fields(document: bytes) -> dict[str, Any]:
    """Return the attributes and the data of a CloudEvent 1.0 of any type."""
    try:
        fields = orjson.loads(document)
    except orjson.JSONDecodeError as error:
        raise EventInvalid(
            f"the message is not JSON: {error}", field="message", fix=_FIX
        ) from error
    if not isinstance(fields, dict) or fields.pop("specversion", None) != "1.0":
        raise EventInvalid("the message is not a CloudEvent 1.0", field="specversion", fix=_FIX)
    if not isinstance(fields.get("type"), str):
        raise EventInvalid("the event has no type", field="type", fix=_FIX)
    return fields


def _opaque(document: bytes, fields: dict[str, Any]) -> Event:
    """Return the event with its data unread; further attributes stay in the document."""
    try:
        event_type = checked_text(fields["type"])
    except ValueError as error:
        raise EventInvalid(f"type: {error}", field="type", fix=_FIX) from error
    if len(event_type) > _TYPE_LENGTH_MAX:
        raise EventInvalid("type: is too long", field="type", fix=_FIX)
    ours = {name: fields[name] for name in Event.model_fields if name in fields}
    return Event.model_validate({**ours, "data": OpaqueData(document=document)})


def _upcast(fields: dict[str, Any], registry: Registry) -> tuple[str, Any]:
    """Return the current type and data of an event of an older version."""
    if not isinstance(fields.get("data"), dict):
        raise EventInvalid("data: is no object", field="data", fix=_FIX)
    try:
        return registry.upcast(fields["type"], fields["data"])
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        # A step may expect members that every valid event of its version has; this event is not
        # valid.
        raise EventInvalid(
            f"data: is not that of {fields['type']}: {error!r}", field="data", fix=_FIX
        ) from error
