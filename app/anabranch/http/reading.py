"""Requests read from HTTP: the path, and the query string or the body, as one checked model."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_origin

from pydantic import BaseModel, ValidationError, create_model

from anabranch.api.problem import request_invalid
from anabranch.errors import InputInvalid, MediaRefused
from anabranch_events import Event, decode_unchanged
from anabranch_events.event.binary_mode import structured
from anabranch_events.event.registry import REGISTRY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.datastructures import Headers, QueryParams

Model = TypeVar("Model", bound=BaseModel)
NAMESPACE: Final = "namespace"
MEDIA: Final = ("application/json", "application/problem+json", "application/cloudevents+json")
_CLOUDEVENTS: Final = "application/cloudevents"
_FIX_EVENT: Final = "send one event, with Content-Type: application/cloudevents+json"


@lru_cache(maxsize=256)
def body_of(request: type[BaseModel], left_out: tuple[str, ...]) -> type[BaseModel]:
    """Return the model of a body: the request without the fields that stand in the path."""
    if not left_out:
        return request
    fields: dict[str, Any] = {
        name: (field.annotation, field)
        for name, field in request.model_fields.items()
        if name not in left_out
    }
    made = create_model(request.__name__, __config__=request.model_config, **fields)
    made.__doc__ = request.__doc__
    return made


def from_body(request: type[Model], body: bytes, path: Mapping[str, str]) -> Model:
    """Return the request of a body and a path. Raises InputInvalid."""
    if not body.strip():
        body = b"{}"
    try:
        if not path:
            return request.model_validate_json(body)
        given = body_of(request, tuple(path)).model_validate_json(body)
        said = {name: getattr(given, name) for name in given.model_fields_set}
        return request.model_validate({**said, **path})
    except ValidationError as error:
        raise request_invalid(error) from error


def from_query(request: type[Model], query: QueryParams, path: Mapping[str, str]) -> Model:
    """Return the request of a query string and a path. Raises InputInvalid."""
    given: dict[str, Any] = {}
    for name in query:
        if name == NAMESPACE:
            continue
        values = query.getlist(name)
        field = request.model_fields.get(name)
        if field is not None and get_origin(field.annotation) is tuple:
            given[name] = values
        elif len(values) > 1:
            raise InputInvalid(
                f"{name}: stands {len(values)} times in the address", field=name, fix="give it once"
            )
        elif name in path:
            raise InputInvalid(
                f"{name}: stands in the path already", field=name, fix=f"leave {name} out"
            )
        else:
            given[name] = values[0]
    try:
        return request.model_validate_strings({**given, **path})
    except ValidationError as error:
        raise request_invalid(error) from error


def only(headers: Headers, name: str) -> str | None:
    """Return what a header says. Raises InputInvalid where it stands more than once."""
    given = headers.getlist(name)
    if len(given) > 1:
        raise InputInvalid(
            f"{name}: stands {len(given)} times in the head", field=name, fix="send it once"
        )
    return given[0] if given else None


def media_of(headers: Headers) -> str:
    """Return the media type of a body; without a header it is JSON."""
    return headers.get("content-type", MEDIA[0]).partition(";")[0].strip().lower()


def event_in(headers: Headers, body: bytes) -> Event:
    """Return the event of a request, in structured or in binary mode.

    Raises MediaRefused, EventInvalid, and EventUnknown: it is to be applied.
    """
    media = media_of(headers)
    binary = "ce-specversion" in headers and not media.startswith(_CLOUDEVENTS)
    if not binary and media not in MEDIA:
        raise MediaRefused(media, fix=_FIX_EVENT)
    event = decode_unchanged(structured(dict(headers.items()), body))
    if event.opaque and event.type not in REGISTRY.known:
        raise event.unknown()
    return event
