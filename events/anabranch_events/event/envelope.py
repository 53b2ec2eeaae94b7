"""The envelope every event travels in: the attributes of CloudEvents 1.0."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self

from pydantic import BaseModel, ConfigDict, SerializeAsAny, ValidationError, model_validator

from anabranch_events.errors import EventUnknown, InputInvalid
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

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydantic_core import ErrorDetails

SOURCE: Final = "anabranch"
_COMPLAINTS_TOLD: Final = 3
_EMPTY: Final = "empty"
_UNKNOWN: Final = "extra_forbidden"


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


def input_invalid(
    error: ValidationError, *, whole: str | None = None, known: Iterable[str] = ()
) -> InputInvalid:
    """Translate pydantic's complaints into ours: the fields, the problems, the fix.

    The first few are named, for one may be the cause of another; `field` is that of the first.
    A rule over several fields names one of them, and the fix, in its context. `whole` names the
    value that was checked, for a complaint about no single field of it. `known` are the fields
    that there are, for one that is not.
    """
    complaints = error.errors(include_url=False)
    told: dict[str, str] = {}
    for one in complaints[:_COMPLAINTS_TOLD]:
        field = ".".join(str(part) for part in one["loc"]) or _of_rule(one, "field")
        field = field or whole or error.title
        told.setdefault(field, _problem(one))
    more = len(complaints) - _COMPLAINTS_TOLD
    said = "; ".join(f"{field}: {problem}" for field, problem in told.items())
    return InputInvalid(
        f"{said} (and {more} more)" if more > 0 else said,
        field=next(iter(told)),
        fix=_fix(complaints, [*told], known=tuple(known)),
    )


def _fix(complaints: Sequence[ErrorDetails], fields: Sequence[str], *, known: Sequence[str]) -> str:
    first = complaints[0]
    if _is_text_for_list(first):
        return "put it into a list"
    if first["type"] == _UNKNOWN and known:
        import difflib

        near = difflib.get_close_matches(fields[0], known, n=1)
        return f"say {near[0]}" if near else f"it may be {', '.join(known)}"
    if first["type"] == _UNKNOWN:
        return f"leave {fields[0]} out, or look for another spelling"
    if said := _of_rule(first, "fix"):
        return said
    if first["type"] == _EMPTY:
        return f"write something for {fields[0]}"
    verb = "give" if all(one["type"] == "missing" for one in complaints) else "correct"
    return f"{verb} {' and '.join(fields)}"


def _of_rule(complaint: ErrorDetails, name: str) -> str | None:
    found = complaint.get("ctx", {}).get(name)
    return found if isinstance(found, str) else None


def _problem(complaint: ErrorDetails) -> str:
    if _is_text_for_list(complaint):
        return "is a text, not a list of them"
    if complaint["type"] == _UNKNOWN:
        return "is not known here"
    return complaint["msg"].removeprefix("Value error, ")


def _is_text_for_list(complaint: ErrorDetails) -> bool:
    return complaint["type"] == "tuple_type" and isinstance(complaint["input"], str)
