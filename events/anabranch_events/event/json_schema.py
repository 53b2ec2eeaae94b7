"""JSON Schema of the events, for producers in other languages."""

from __future__ import annotations

from typing import Any, Final

from pydantic.json_schema import models_json_schema

from anabranch_events.errors import InputInvalid
from anabranch_events.event.envelope import Event
from anabranch_events.event.registry import EVENT_TYPES

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE: Final = "#/$defs/{model}"
_LEFT: Final = ("time", "data")
"""May be left out: the time is that of the append, the data may be written otherwise."""


def event_schema(event_type: str | None = None) -> dict[str, Any]:
    """Return the JSON Schema of a structured CloudEvent of one type, or of any type.

    It describes shapes. A few further rules are checked when an event is read: an id names another
    insight, a text says something. Raises InputInvalid for a type that is not current.
    """
    if event_type is not None and event_type not in EVENT_TYPES:
        raise InputInvalid(
            f"type: {event_type!r} is no type that this version writes",
            field="type",
            fix=f"use one of {', '.join(sorted(EVENT_TYPES))}",
        )
    chosen = sorted(EVENT_TYPES) if event_type is None else [event_type]
    keys, shared = models_json_schema(
        [(EVENT_TYPES[name], "validation") for name in chosen], ref_template=_REFERENCE
    )
    documents = {
        name: _document(name, keys[EVENT_TYPES[name], "validation"]["$ref"]) for name in chosen
    }
    definitions: dict[str, Any] = shared["$defs"]
    if event_type is not None:
        return {"$schema": _DIALECT, **documents[event_type], "$defs": definitions}
    return {
        "$schema": _DIALECT,
        "title": "An event of Anabranch",
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in chosen],
        "$defs": {**definitions, **documents},
    }


def _document(event_type: str, data_reference: str) -> dict[str, Any]:
    """Return the schema of the envelope with data of one type."""
    envelope = Event.model_json_schema()
    return {
        "title": event_type,
        "description": (EVENT_TYPES[event_type].__doc__ or "").strip().partition("\n")[0],
        "type": "object",
        "additionalProperties": {"type": ["string", "integer", "boolean", "null"]},
        "required": [
            "specversion",
            "source",
            *(each for each in envelope["required"] if each not in _LEFT),
        ],
        "anyOf": [{"required": [each]} for each in ("data", "data_base64", "dataref")],
        "properties": {
            "specversion": {"const": "1.0"},
            **envelope["properties"],
            "id": {"type": "string", "minLength": 1},
            "type": {"const": event_type},
            "datacontenttype": {"type": "string", "pattern": "^[^/]+/([^/]+\\+)?json *(;.*)?$"},
            "data": {"$ref": data_reference},
        },
    }
