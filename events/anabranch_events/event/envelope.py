"""The envelope every event travels in: the attributes of CloudEvents 1.0."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, SerializeAsAny, ValidationError, model_validator

from anabranch_events.errors import EventUnknown
from anabranch_events.event.complaint import input_invalid
from anabranch_events.event.foreign import checked_extension
from anabranch_events.event.identifiers import (
    Identifier,
    Moment,
    Name,
    Namespace,
    new_id,
)
from anabranch_events.event.opaque import OpaqueData
from anabranch_events.event.registry import EVENT_TYPES
from anabranch_events.event.types import EventData

SOURCE: Final = "anabranch"


class Event(BaseModel):
    """An immutable fact about one session, stored once.

    Its type is a current one, and `data` is of that type's class. An event of a type that this
    version does not know has OpaqueData. Attributes of other producers' own are its `extensions`.
    """

    model_config = ConfigDict(frozen=True, extra="allow")
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

    @model_validator(mode="after")
    def _extended(self) -> Self:
        for name, value in self.extensions.items():
            checked_extension(name, value)
        return self

    @property
    def extensions(self) -> dict[str, Any]:
        """The attributes beside ours: texts, whole numbers and booleans, kept as they came."""
        return self.__pydantic_extra__ or {}

    @property
    def session_id(self) -> str:
        """The session this event belongs to (the CloudEvents `subject`)."""
        return self.subject

    @property
    def opaque(self) -> bool:
        """True for an event of an unknown type: it is handed on, never applied."""
        return type(self.data) is OpaqueData

    def unknown(self) -> EventUnknown:
        """Return the error that refuses to apply an opaque event."""
        return EventUnknown(self.type)


class Receipt(BaseModel):
    """The result of an append: the event is stored at `position`."""

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
