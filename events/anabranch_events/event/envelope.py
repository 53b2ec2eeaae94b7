"""The envelope every event travels in, and its form on the wire: CloudEvents 1.0, structured."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final, Self

import orjson
from pydantic import BaseModel, ConfigDict, SerializeAsAny, ValidationError, model_validator

from anabranch_events.errors import EventInvalid, EventUnknown, InputInvalid
from anabranch_events.event import fast_codec
from anabranch_events.event.identifiers import (
    Identifier,
    Moment,
    Name,
    Namespace,
    checked_text,
    new_id,
)
from anabranch_events.event.opaque import OpaqueData
from anabranch_events.event.registry import CATALOGUE, EVENT_TYPES
from anabranch_events.event.types import EventData

if TYPE_CHECKING:
    from anabranch_events.event.catalogue import Catalogue

CONTENT_TYPE: Final = "application/cloudevents+json"
SOURCE: Final = "anabranch"
_TYPE: Final = b'"type":"'
_TYPES_MAX: Final = 1024
_TYPE_LENGTH_MAX: Final = 256


class Event(BaseModel):
    """An immutable fact about one session, stored once.

    Its type is a current one, and `data` of that type's class; or this version does not know the
    type, and `data` is OpaqueData.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: Identifier
    source: Name = SOURCE
    type: str
    subject: Identifier
    time: Moment
    namespace: Namespace
    correlationid: Name | None = None
    causationid: Name | None = None
    agent: Name | None = None
    data: SerializeAsAny[EventData]

    @model_validator(mode="after")
    def _of_its_type(self) -> Self:
        found = type(self.data)
        if found is OpaqueData:
            belongs = self.type not in EVENT_TYPES
        else:
            belongs = getattr(found, "event_type", None) == self.type
        if not belongs:
            raise ValueError(f"the data of {found.__name__} is not of type {self.type}")
        return self

    @property
    def session_id(self) -> str:
        """The session this event belongs to (the CloudEvents `subject`)."""
        return self.subject

    @property
    def opaque(self) -> bool:
        """Whether this version does not know the event's type: it is handed on, never applied."""
        return type(self.data) is OpaqueData

    def unknown(self) -> EventUnknown:
        """Return the error for whoever would have to apply an opaque event."""
        return EventUnknown(self.type)


class Receipt(BaseModel):
    """What an append returns: the event is stored at `position`."""

    model_config = ConfigDict(frozen=True)
    event_id: str
    position: int


def new_event(
    data: EventData,
    *,
    session_id: str,
    namespace: str,
    agent: str | None = None,
    source: str = SOURCE,
    correlation_id: str | None = None,
    causation_id: str | None = None,
    event_id: str | None = None,
    time: datetime | None = None,
) -> Event:
    """Put `data` in an envelope; id and time are made where they are not given.

    Raises InputInvalid naming the field that breaks a rule.
    """
    try:
        return Event(
            id=event_id or new_id(),
            source=source,
            type=type(data).event_type,
            subject=session_id,
            time=time or datetime.now(UTC),
            namespace=namespace,
            correlationid=correlation_id,
            causationid=causation_id,
            agent=agent,
            data=data,
        )
    except ValidationError as error:
        raise input_invalid(error) from error


def input_invalid(error: ValidationError, *, whole: str | None = None) -> InputInvalid:
    """Translate pydantic's first complaint into ours: the field, the problem, the fix.

    `whole` names what was checked, for a complaint about no single field of it.
    """
    first = error.errors(include_url=False, include_context=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or whole or error.title
    problem = first["msg"].removeprefix("Value error, ")
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return InputInvalid(f"{field}: {problem}{more}", field=field, fix=f"correct {field}")


def encode(event: Event) -> bytes:
    """Return the event as a structured CloudEvents 1.0 JSON document.

    That of an opaque event is the one it was read from, byte for byte.
    """
    given = event.__dict__
    data = given["data"]
    if type(data) is OpaqueData:
        return data.document
    # One by one: it is done for every event, and takes two thirds of the time of a comprehension.
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
    fields["datacontenttype"] = "application/json"
    fields["data"] = _members(data)
    return orjson.dumps(fields, default=_members, option=orjson.OPT_UTC_Z)


def _members(model: BaseModel) -> dict[str, Any]:
    """Return what is written of a model, in the order of its fields."""
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


def decode(document: bytes, *, catalogue: Catalogue = CATALOGUE) -> Event:
    """Read a structured CloudEvents 1.0 JSON document; an older version becomes the current one.

    One of a type, or of a version, that is not in `catalogue` gives an opaque event. Raises
    EventInvalid when it is not JSON, not CloudEvents 1.0, or breaks a rule of its type.
    """
    event = _as_written(document, catalogue)
    if event is not None:
        return event
    fields = _fields(document)
    data_class = catalogue.current.get(fields["type"])
    try:
        if data_class is None:
            if fields["type"] not in catalogue.known:
                return _opaque(document, fields)
            fields["type"], fields["data"] = _upcast(fields, catalogue)
            data_class = catalogue.current[fields["type"]]
        content = fields.pop("datacontenttype", None)
        if content is not None and content != "application/json":
            raise EventInvalid("the data is not JSON", field="datacontenttype", fix=_FIX)
        fields["data"] = data_class.model_validate(fields.get("data"))
        return Event.model_validate(fields)
    except ValidationError as error:
        found = input_invalid(error, whole="data")
        raise EventInvalid(found.message, field=found.field, fix=_FIX) from error


def _as_written(document: bytes, catalogue: Catalogue) -> Event | None:
    """Return the event if the document is in the form in which current ones are written."""
    start = document.find(_TYPE) + len(_TYPE)
    readers = _readers(catalogue, document[start : document.find(b'"', start)])
    if readers is None:
        return None
    read, make = readers[fast_codec.is_plain(document)]
    try:
        return make(read(document))
    except fast_codec.REFUSALS:
        return None


@lru_cache(maxsize=_TYPES_MAX)
def _readers(
    catalogue: Catalogue, event_type: bytes
) -> tuple[fast_codec.Reader[Event], fast_codec.Reader[Event]] | None:
    """Return what reads a current type: any document, and a plain one; None for another type."""
    data_class = catalogue.current.get(event_type.decode(errors="replace"))
    if data_class is None:
        return None
    return (
        fast_codec.event_reader(Event, data_class, plain=False),
        fast_codec.event_reader(Event, data_class, plain=True),
    )


def decode_unchanged(document: bytes, *, catalogue: Catalogue = CATALOGUE) -> Event:
    """Read a document as `decode` does, for it to be written again: of an older version as it is.

    What is stored never changes, so that an event of an older version moves to another log as an
    opaque event, once it is clear that it can be read. Raises EventInvalid.
    """
    event = decode(document, catalogue=catalogue)
    fields = _fields(document)
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
    """Return the event without a look at its data; further attributes stay in the document."""
    try:
        event_type = checked_text(fields["type"])
    except ValueError as error:
        raise EventInvalid(f"type: {error}", field="type", fix=_FIX) from error
    if len(event_type) > _TYPE_LENGTH_MAX:
        raise EventInvalid("type: is too long", field="type", fix=_FIX)
    ours = {name: fields[name] for name in Event.model_fields if name in fields}
    return Event.model_validate({**ours, "data": OpaqueData(document=document)})


def _upcast(fields: dict[str, Any], catalogue: Catalogue) -> tuple[str, Any]:
    """Return the current type and data of an event of an older version."""
    if not isinstance(fields.get("data"), dict):
        raise EventInvalid("data: is no object", field="data", fix=_FIX)
    try:
        return catalogue.upcast(fields["type"], fields["data"])
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        # A step may expect what every valid event of its version has; this one is not valid.
        raise EventInvalid(
            f"data: is not that of {fields['type']}: {error!r}", field="data", fix=_FIX
        ) from error


_FIX: Final = "send a structured CloudEvents 1.0 document of a type in docs/reference/events.md"
