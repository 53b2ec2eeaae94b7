"""The JSON schemas of the tools, from the operations' own models.

They are written into `tools.json` (`docs/generate_mcp.py`), which the server gives its clients: so
it answers at once, without importing a model. A test holds the file and the models together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anabranch.api.operations import OPERATIONS
from anabranch.mcp.tool_table import TOOLS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anabranch.api.operations import Operation
    from anabranch.mcp.tool_table import ToolSpec

_DROPPED = ("title", "default", "description")


def tool_schemas() -> list[dict[str, Any]]:
    """Return every tool as its clients see it."""
    table = {operation.name: operation for operation in OPERATIONS}
    return [_tool(spec, table) for spec in TOOLS]


def _tool(spec: ToolSpec, table: Mapping[str, Operation]) -> dict[str, Any]:
    operation = table[spec.operation]
    return {
        "name": spec.name,
        "title": spec.title,
        "description": spec.description,
        "inputSchema": _input(spec, table),
        "outputSchema": _output(spec, operation),
        "annotations": {
            "title": spec.title,
            "readOnlyHint": spec.reads,
            "destructiveHint": False,
            "idempotentHint": spec.name != "set_note" or spec.reads,
            "openWorldHint": False,
        },
    }


def _input(spec: ToolSpec, table: Mapping[str, Operation]) -> dict[str, Any]:
    """Return the schema of a tool's arguments; needed is what each of its operations needs."""
    schema = table[spec.operation].request.model_json_schema()
    others = [(one, table[one.operation].request.model_json_schema()) for one in spec.instead]
    parts = {
        name: (other["properties"][its], other)
        for one, other in reversed(others)
        for name, its in one.fields.items()
    }
    parts |= {name: (part, schema) for name, part in schema["properties"].items()}
    required = [
        name
        for name in spec.fields
        if name in schema.get("required", ())
        and all(name in {*one.fields, *one.fixed} for one in spec.instead)
    ]
    return {
        "type": "object",
        "properties": {name: _argument(*parts[name], said) for name, said in spec.fields.items()},
        "required": required,
        "additionalProperties": False,
    }


def _argument(part: dict[str, Any], schema: dict[str, Any], said: str | None) -> dict[str, Any]:
    """Return an argument's schema: one that may be left out need not be null."""
    found: dict[str, Any] = _inlined(part, schema)
    kinds = [one for one in found.get("anyOf", []) if one != {"type": "null"}]
    if len(kinds) == 1:
        found = kinds[0]
    elif kinds:
        found = {"anyOf": kinds}
    described = {"description": said or part.get("description", "")}
    default = part.get("default")
    return described | found | ({} if default in (None, [], {}, "") else {"default": default})


def _output(spec: ToolSpec, operation: Operation) -> dict[str, Any]:
    schema = operation.answer.model_json_schema(mode="serialization")
    properties: dict[str, Any] = {}
    for name, members in spec.answer.items():
        part = _inlined(spec.added.get(name) or schema["properties"][name], schema)
        properties[name] = part if members is None else _picked(part, members)
    said = {"cut": {"type": "string"}} if spec.shortening else {}
    return {"type": "object", "properties": said | properties, "required": list(properties)}


def _picked(part: dict[str, Any], members: tuple[str, ...]) -> dict[str, Any]:
    """Return the schema of a list whose items have these members; it may be null, too."""
    if "anyOf" in part:
        return {"anyOf": [_picked(one, members) for one in part["anyOf"]]}
    if part.get("type") != "array":
        return part
    properties = {name: part["items"]["properties"][name] for name in members}
    item = {"type": "object", "properties": properties, "required": list(members)}
    return {"type": "array", "items": item}


def _inlined(part: Any, schema: dict[str, Any]) -> Any:
    """Return a schema without references, titles and defaults."""
    if isinstance(part, list):
        return [_inlined(one, schema) for one in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _inlined(schema["$defs"][part["$ref"].rpartition("/")[2]], schema)
    return {
        name: {each: _inlined(one, schema) for each, one in value.items()}
        if name == "properties"
        else _inlined(value, schema)
        for name, value in part.items()
        if name not in _DROPPED
    }
