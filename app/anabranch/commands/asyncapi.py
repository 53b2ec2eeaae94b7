"""The AsyncAPI document of the commands: what FastStream says of them, and their answers."""

from __future__ import annotations

import inspect
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import orjson
from faststream.nats import NatsBroker
from faststream.specification import AsyncAPI
from pydantic.json_schema import models_json_schema

from anabranch.api.claims import COMMANDED
from anabranch.api.problem import PROBLEM_TYPE, Problem
from anabranch.commands.command_service import CommandService
from anabranch_events import event_schema

if TYPE_CHECKING:
    from faststream.specification.base import Specification
    from pydantic import BaseModel

VERSION: Final = "1"
_REFERENCE: Final = "#/components/schemas/{model}"
_ABOUT: Final = """\
Each command is a request on `anabranch.commands.<namespace>.<command>`, answered on its reply \
subject: with the receipt or the result as JSON, or with a problem (RFC 9457), which has the content \
type `application/problem+json` and the headers `Nats-Service-Error-Code` and `Nats-Service-Error`. \
The namespace is in the subject only. The header `Nats-Msg-Id` makes a request one that may be sent \
again: the same key with the same content is the same request. The header `traceparent` goes into \
the events that the request stores."""


@lru_cache(maxsize=1)
def commands_document() -> dict[str, Any]:
    """Return the document of the commands; no server is needed for it."""
    broker = NatsBroker()
    broker.include_router(CommandService().router)
    return CommandSpecification(broker).to_specification().to_jsonable()


class CommandSpecification(AsyncAPI):
    """The document of one broker's commands, where FastStream wants its own."""

    def __init__(self, broker: NatsBroker) -> None:
        super().__init__(broker, title="Anabranch commands", version=VERSION, description=_ABOUT)

    def to_specification(self) -> CommandDocument:
        """Return the document as the broker is now."""
        return CommandDocument(super().to_specification())


class CommandDocument:
    """FastStream's document of the commands, completed."""

    def __init__(self, made: Specification) -> None:
        self._made = made

    @property
    def title(self) -> str:
        """The title of the document."""
        return self._made.title

    def to_json(self) -> str:
        """Return the document as JSON."""
        return orjson.dumps(self.to_jsonable()).decode()

    def to_yaml(self) -> str:
        """Return the document as YAML, of which JSON is a part."""
        return self.to_json()

    def to_jsonable(self) -> dict[str, Any]:
        """Return the document as JSON objects, in an order that stays the same."""
        document: dict[str, Any] = self._made.to_jsonable()
        # Where this process's own server listens is nobody else's business.
        document.pop("servers", None)
        components = document["components"]
        components.pop("securitySchemes", None)
        schemas = components["schemas"]
        schemas["Event"] = event_in(schemas)
        schemas.update(_answers())
        for operation in COMMANDED:
            _complete(document, operation.name, operation.answer.__name__)
        for group in ("channels", "operations"):
            document[group] = dict(sorted(document[group].items()))
        components["schemas"] = dict(sorted(schemas.items()))
        components["messages"] = dict(sorted(components["messages"].items()))
        return document


def _complete(document: dict[str, Any], name: str, answer: str) -> None:
    """Add to one command what FastStream does not say: the namespace and the answers."""
    channel = document["channels"][name]
    channel.pop("servers", None)
    channel["description"] = inspect.cleandoc(channel["description"])
    channel["parameters"] = {
        "namespace": {"description": "1 to 64 letters, digits, hyphens or underscores."}
    }
    answers = {
        "receipt": {
            "contentType": "application/json",
            "payload": {"$ref": _REFERENCE.format(model=answer)},
        },
        "problem": {
            "contentType": PROBLEM_TYPE,
            "payload": {"$ref": _REFERENCE.format(model=Problem.__name__)},
        },
    }
    document["channels"][f"{name}_reply"] = {"address": None, "messages": answers}
    (operation,) = [
        one
        for one in document["operations"].values()
        if one["channel"]["$ref"] == f"#/channels/{name}"
    ]
    operation["reply"] = {
        "address": {"location": "$message.header#/reply"},
        "channel": {"$ref": f"#/channels/{name}_reply"},
        "messages": [{"$ref": f"#/channels/{name}_reply/messages/{one}"} for one in answers],
    }


def _answers() -> dict[str, Any]:
    """Return the schemas of the answers."""
    models: list[type[BaseModel]] = [*(operation.answer for operation in COMMANDED), Problem]
    _, found = models_json_schema(
        [(model, "serialization") for model in models],
        ref_template=_REFERENCE,
    )
    definitions: dict[str, Any] = found["$defs"]
    return definitions


def event_in(schemas: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an event of any type; the schemas that it names go to `schemas`."""
    schema = event_schema()
    schemas.update(_moved(schema.pop("$defs")))
    schema.pop("$schema")
    moved: dict[str, Any] = _moved(schema)
    return moved


def _moved(part: Any) -> Any:
    """Return a schema whose references lead to the document's own place for schemas."""
    if isinstance(part, dict):
        return {
            key: value.replace("#/$defs/", "#/components/schemas/")
            if key == "$ref"
            else _moved(value)
            for key, value in part.items()
        }
    if isinstance(part, list):
        return [_moved(one) for one in part]
    return part
