"""Spans as OTLP writes them in JSON, read without trust: a value of another form is not there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from anabranch.importers.records.values import (
    json_of,
    list_of,
    object_of,
    objects_of,
    text_of,
    time_of,
    whole_number_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

DEPTH_MAX: Final = 32
OPERATION: Final = "gen_ai.operation.name"
KIND: Final = "openinference.span.kind"
LANGFUSE_KIND: Final = "langfuse.observation.type"
MLFLOW_KIND: Final = "mlflow.spanType"
KINDS: Final = (OPERATION, KIND, LANGFUSE_KIND, MLFLOW_KIND)
"""The attributes of which a span of agents has one: each tells what it did."""
_COUNT_MAX: Final = 2**32 - 1
_ERROR: Final = (2, "STATUS_CODE_ERROR")
_ID_DIGITS: Final = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanEvent:
    """Something that happened within a span."""

    name: str
    attributes: Mapping[str, Any]
    time: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A span that has ended; `resource` is what its process said of itself."""

    trace_id: str
    id: str
    parent_id: str | None
    name: str
    began: datetime | None
    ended: datetime | None
    failed: bool
    error: str | None
    attributes: Mapping[str, Any]
    events: tuple[SpanEvent, ...] = ()
    resource: Mapping[str, Any] = field(default_factory=dict[str, Any])
    dropped: int = 0
    """The attributes and events that its sender's limits took away."""

    def text(self, name: str) -> str | None:
        """Return an attribute that is text, and not blank."""
        return text_of(self.attributes.get(name))

    @property
    def key(self) -> str:
        """Its name among all spans."""
        return f"{self.trace_id}/{self.id}"


def spans_in(request: Mapping[str, Any]) -> Iterator[Span]:
    """Yield the spans of a request to export some; those without ids are left out."""
    for part in objects_of(request.get("resourceSpans")):
        resource = attributes_of(object_of(part.get("resource")).get("attributes"))
        for scope in objects_of(part.get("scopeSpans")):
            for told in objects_of(scope.get("spans")):
                span = _span(told, resource)
                if span is not None:
                    yield span


def trace_id_of(told: Mapping[str, Any]) -> str | None:
    """Return the id of the trace that a span in JSON is of, None where it has none."""
    return _id_of(told.get("traceId"), digits=32)


def attributes_of(value: Any) -> dict[str, Any]:
    """Return attributes as a mapping of plain values."""
    return {
        key: plain(one.get("value"))
        for one in objects_of(value)
        if (key := text_of(one.get("key"))) is not None
    }


def plain(value: Any, *, depth: int = 0) -> Any:
    """Return the value that an OTLP `AnyValue` holds; None for one that is nested without end."""
    found = object_of(value)
    if depth > DEPTH_MAX:
        return None
    if "intValue" in found:
        return whole_number_of(found["intValue"])
    if "arrayValue" in found:
        values = list_of(object_of(found["arrayValue"]).get("values"))
        return [plain(one, depth=depth + 1) for one in values]
    if "kvlistValue" in found:
        pairs = objects_of(object_of(found["kvlistValue"]).get("values"))
        return {str(one.get("key")): plain(one.get("value"), depth=depth + 1) for one in pairs}
    for kind in ("stringValue", "boolValue", "doubleValue"):
        if kind in found:
            return found[kind]
    return None


def structured(value: Any) -> Any:
    """Return a value, or what it holds as JSON: SDKs write messages in either form."""
    if isinstance(value, str) and value.lstrip()[:1] in {"[", "{"}:
        held = json_of(value)
        return value if held is None else _bounded(held)
    return value


def _bounded(value: Any, *, depth: int = 0) -> Any:
    """Return a JSON value without what is nested in it without end."""
    if depth > DEPTH_MAX:
        return None
    if isinstance(value, list):
        return [_bounded(one, depth=depth + 1) for one in list_of(value)]
    if isinstance(value, dict):
        return {name: _bounded(one, depth=depth + 1) for name, one in object_of(value).items()}
    return value


def _span(told: Mapping[str, Any], resource: Mapping[str, Any]) -> Span | None:
    trace_id, span_id = trace_id_of(told), _id_of(told.get("spanId"), digits=16)
    if trace_id is None or span_id is None:
        return None
    status = object_of(told.get("status"))
    attributes = attributes_of(told.get("attributes"))
    return Span(
        trace_id=trace_id,
        id=span_id,
        parent_id=_id_of(told.get("parentSpanId"), digits=16),
        name=text_of(told.get("name")) or "span",
        began=_time(told.get("startTimeUnixNano")),
        ended=_time(told.get("endTimeUnixNano")),
        failed=status.get("code") in _ERROR,
        error=text_of(status.get("message")) or text_of(attributes.get("error.type")),
        attributes=attributes,
        events=tuple(
            SpanEvent(
                name=text_of(one.get("name")) or "",
                attributes=attributes_of(one.get("attributes")),
                time=_time(one.get("timeUnixNano")),
            )
            for one in objects_of(told.get("events"))
        ),
        resource=resource,
        dropped=sum(
            _count_of(told.get(name)) for name in ("droppedAttributesCount", "droppedEventsCount")
        ),
    )


def _id_of(value: Any, *, digits: int) -> str | None:
    """Return an id of hexadecimal digits; one of zeros alone means that there is none."""
    found = value.lower() if isinstance(value, str) else ""
    if len(found) != digits or not _ID_DIGITS.issuperset(found) or not found.strip("0"):
        return None
    return found


def _time(value: Any) -> datetime | None:
    """Return a time that is given in nanoseconds since 1970, as a number or as text."""
    number = whole_number_of(value)
    return None if number is None else time_of(number / 1e9)


def _count_of(value: Any) -> int:
    """Return a count; OTLP has 32 bits for one, and a sum of many stays JSON."""
    number = whole_number_of(value) or 0
    return number if 0 <= number <= _COUNT_MAX else 0
