"""The documents of the service: OpenAPI, made from the tables of operations, and AsyncAPI."""

from __future__ import annotations

import inspect
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import orjson
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema
from starlette.responses import Response

from anabranch.api.claims import UNKEYED
from anabranch.api.expected import EXPECTED
from anabranch.api.idempotency import CONVERGENT
from anabranch.api.problem import PROBLEM_TYPE, Problem
from anabranch.api.read_requests import FollowEvents, ReplayEvents
from anabranch.api.thoughts import EVERY
from anabranch.commands.asyncapi import commands_document, event_in
from anabranch.http.answers import JSON
from anabranch.http.documents.examples import EXAMPLES
from anabranch.http.events.routes import LAST_EVENT_ID, EventRoutes
from anabranch.http.events.streams import LINES, SSE
from anabranch.http.places import PLACES, READ_ONLY, TAGS, UNTAGGED
from anabranch.http.reading import NAMESPACE, body_of
from anabranch.http.routes import KEY
from anabranch_events import Event
from anabranch_events.event.identifiers import NAME_LENGTH_MAX

if TYPE_CHECKING:
    from fastapi import FastAPI
    from pydantic import BaseModel

    from anabranch.api.operations import Operation
    from anabranch.http.places import Place

VERSION: Final = "1"
_REFERENCE: Final = "#/components/schemas/{model}"
_ABOUT: Final = """\
Memory for fleets of AI sessions: sessions branch, think in parallel, and what they find is remembered.

Every address takes `?namespace=NAME`. A write answers with its `position`; give that as `after` to a \
read to see what was written. `as_of` asks an earlier moment: a position, or a time. An error is a \
problem (RFC 9457) with the member `fix`, which says what to do. A write with an `Idempotency-Key` may \
be sent again: the same key with the same content is the same request. A `GET` has the position as \
its `ETag`: with `If-None-Match` it is answered with 304 while nothing happens."""
_PLAIN_NAMES: Final = {
    "anabranch__views__Status": "Status",
    "anabranch_thinking__sessions__state__Status": "SessionStatus",
}
_PARAMETERS: Final[dict[str, dict[str, Any]]] = {
    NAMESPACE: {
        "name": NAMESPACE,
        "in": "query",
        "description": "The namespace; without it the service's default one, or the only one of "
        "the key.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
    },
    KEY: {
        "name": KEY,
        "in": "header",
        "description": "Makes the request one that may be sent again. Any printable text, as it is: a "
        "UUID is the usual one.",
        "schema": {"type": "string", "minLength": 1, "maxLength": NAME_LENGTH_MAX},
    },
    EXPECTED: {
        "name": EXPECTED,
        "in": "header",
        "description": "Store only if the session's last position is this one; 0 for a new one.",
        "schema": {"type": "integer", "minimum": 0},
    },
    LAST_EVENT_ID: {
        "name": LAST_EVENT_ID,
        "in": "header",
        "description": "The last id that came: go on after it.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "If-None-Match": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The `ETag` of the answer that is at hand.",
        "schema": {"type": "string"},
    },
}


def of_operation(operation: Operation, place: Place) -> dict[str, Any]:
    """Return what the document says of an operation, as FastAPI's arguments for its route."""
    reads = place.method == "GET" or operation.name in READ_ONLY
    tagged = place.method == "GET" and operation.name not in UNTAGGED
    extra: dict[str, Any] = {"parameters": _parameters(operation, place)}
    if not reads and operation.name not in UNKEYED | CONVERGENT:
        named = EXPECTED if operation.request is Event else KEY
        extra["parameters"].append(_PARAMETERS[named])
    if tagged:
        extra["parameters"].append(_PARAMETERS["If-None-Match"])
    if place.method == "POST":
        extra["requestBody"] = _body(operation, place)
    answers: dict[int | str, dict[str, Any]] = {
        200: {"model": operation.answer, "description": "Done."}
    }
    if tagged:
        answers[304] = {"description": "Nothing happened since."}
    return _route(operation.name, place.tag, operation.run.__doc__, answers, extra)


def of_stream() -> dict[str, Any]:
    """Return what the document says of the stream of events."""
    return _streamed("stream_events", EventRoutes.stream.__doc__, FollowEvents, SSE, LAST_EVENT_ID)


def of_replay() -> dict[str, Any]:
    """Return what the document says of the replay."""
    return _streamed("replay", EventRoutes.replay.__doc__, ReplayEvents, LINES)


def _streamed(
    name: str, about: str | None, asked: type[BaseModel], media_type: str, *headers: str
) -> dict[str, Any]:
    content = {media_type: {"schema": {"type": "string"}}}
    answers: dict[int | str, dict[str, Any]] = {
        200: {"description": "Events, until the end or for ever.", "content": content}
    }
    parameters = [
        _PARAMETERS[NAMESPACE],
        *_query(asked, ()),
        *(_PARAMETERS[one] for one in headers),
    ]
    return _route(name, "events", about, answers, {"parameters": parameters})


def _route(
    name: str,
    tag: str,
    about: str | None,
    answers: dict[int | str, dict[str, Any]],
    extra: dict[str, Any],
) -> dict[str, Any]:
    text = inspect.cleandoc(about or "").replace("Nats-Msg-Id", KEY)
    summary, _, description = text.partition("\n\n")
    first, dot, rest = " ".join(summary.split()).partition(". ")
    problem = {PROBLEM_TYPE: {"schema": {"$ref": _REFERENCE.format(model=Problem.__name__)}}}
    return {
        "operation_id": name,
        "tags": [tag],
        "summary": first.rstrip("."),
        "description": "\n\n".join(filter(None, [rest if dot else "", description.strip()])),
        "responses": {
            **answers,
            "4XX": {"description": "Not done: the request.", "content": problem},
            "5XX": {"description": "Not done: the service.", "content": problem},
        },
        "response_class": Response,
        "response_model": None,
        "openapi_extra": extra,
    }


def _parameters(operation: Operation, place: Place) -> list[dict[str, Any]]:
    found = [_PARAMETERS[NAMESPACE]]
    schemas = _schemas(operation.request)
    found += [
        {"name": name, "in": "path", "required": True, "schema": _plain(schemas[name])}
        for name in place.fields
    ]
    if place.method == "GET":
        found += _query(operation.request, place.fields)
    return found


def _query(asked: type[BaseModel], left_out: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the parameters of a query string, one for each field of a request."""
    found: list[dict[str, Any]] = []
    for name, schema in _schemas(asked).items():
        if name in left_out:
            continue
        one: dict[str, Any] = {"name": name, "in": "query", "schema": _plain(schema)}
        about = one["schema"].pop("description", None)
        if about:
            one["description"] = about
        if asked.model_fields[name].is_required():
            one["required"] = True
        found.append(one)
    return found


def _schemas(asked: type[BaseModel]) -> dict[str, Any]:
    found: dict[str, Any] = asked.model_json_schema()["properties"]
    return found


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema as a parameter has it: there is no null in an address."""
    found = {name: value for name, value in schema.items() if name != "title"}
    choices = [one for one in found.pop("anyOf", []) if one != {"type": "null"}]
    if len(choices) == 1:
        found = {**choices[0], **found}
    elif choices:
        found["anyOf"] = choices
    if found.get("default", ...) is None:
        del found["default"]
    return found


def _body(operation: Operation, place: Place) -> dict[str, Any]:
    model = body_of(operation.request, place.fields)
    content: dict[str, Any] = {
        "schema": {"$ref": _REFERENCE.format(model=model.__name__)},
        "example": EXAMPLES[operation.name],
    }
    types = ["application/cloudevents+json"] if operation.request is Event else []
    required = operation.request is Event or any(
        field.is_required() for field in model.model_fields.values()
    )
    return {"required": required, "content": dict.fromkeys([JSON, *types], content)}


def openapi(application: FastAPI) -> dict[str, Any]:
    """Return the document of an application's routes."""
    document = get_openapi(
        title="Anabranch",
        version=VERSION,
        description=_ABOUT,
        routes=application.routes,
        tags=[{"name": name, "description": about} for name, about in TAGS.items()],
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    schemas: dict[str, Any] = document["components"]["schemas"]
    for name, schema in _requests().items():
        if schemas.setdefault(name, schema) != schema:
            raise LookupError(f"two models are called {name}")
    schemas["Event"] = event_in(schemas)
    document = _with_plain_names(document)
    schemas = document["components"]["schemas"]
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    document["components"]["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "`anabranch keys create`"}
    }
    document["security"] = [{"key": []}, {}]
    return document


def _with_plain_names(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with a name of its own for each of two models that have one name."""
    text = orjson.dumps(document).decode()
    for old, new in _PLAIN_NAMES.items():
        text = text.replace(f'"{old}"', f'"{new}"').replace(f'/{old}"', f'/{new}"')
    found: dict[str, Any] = orjson.loads(text)
    for name in _PLAIN_NAMES.values():
        found["components"]["schemas"][name]["title"] = name
    return found


def _requests() -> dict[str, Any]:
    """Return the schemas of the bodies, and of problems."""
    bodies = [
        body_of(one.request, PLACES[one.name].fields)
        for one in EVERY
        if PLACES[one.name].method == "POST" and one.request is not Event
    ]
    _, found = models_json_schema(
        [*((one, "validation") for one in bodies), (Problem, "serialization")],
        ref_template=_REFERENCE,
    )
    definitions: dict[str, Any] = found["$defs"]
    for name, schema in definitions.items():
        if name != Problem.__name__:
            _say_defaults(schema)
    return definitions


def _say_defaults(schema: dict[str, Any]) -> None:
    """Say defaults in words: generators of clients take a field that has one for always there."""
    for field in schema.get("properties", {}).values():
        default = field.pop("default", None)
        if default not in (None, [], {}):
            said = f"Default: {orjson.dumps(default).decode()}."
            field["description"] = " ".join(filter(None, [field.get("description"), said]))


def add_pages(application: FastAPI) -> None:
    """Add the documents to an application, as JSON and as pages that need no network."""
    from anabranch.http.documents.pages import commands_page, operations_page, page_answer

    cached = lru_cache(maxsize=1)(lambda: openapi(application))

    async def openapi_json() -> Response:
        return Response(orjson.dumps(cached()), media_type=JSON)

    async def openapi_page() -> Response:
        return page_answer(operations_page(cached()))

    async def asyncapi_json() -> Response:
        return Response(orjson.dumps(commands_document()), media_type=JSON)

    async def asyncapi_page() -> Response:
        return page_answer(commands_page(commands_document()))

    for path, answer in (
        ("/openapi.json", openapi_json),
        ("/docs", openapi_page),
        ("/asyncapi.json", asyncapi_json),
        ("/asyncapi", asyncapi_page),
    ):
        application.add_api_route(path, answer, include_in_schema=False)
