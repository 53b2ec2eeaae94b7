"""Write what agents see of the tools: the file that the server gives, and the page about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from anabranch.mcp.prompts import INSTRUCTIONS, PROMPTS
from anabranch.mcp.resources import RESOURCES, TEMPLATES
from anabranch.mcp.schemas import tool_schemas

if TYPE_CHECKING:
    from collections.abc import Iterator

TOOLS_FILE: Final = "app/anabranch/mcp/tools.json"


def tools_json() -> str:
    """Return the tools as the server lists them."""
    return orjson.dumps(tool_schemas(), option=orjson.OPT_INDENT_2).decode() + "\n"


def mcp_page() -> str:
    """Return the reference of tools, resources and prompts."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield from ("# MCP", "")
    yield "Made by `python docs/generate.py` from the tools themselves."
    yield ""
    yield "The tools, resources and prompts of `anabranch mcp`. Each tool is an operation, and takes"
    yield "and gives a part of what that does. Set-up: [use with agents](../how-to/use-with-agents.md)."
    yield from ("", "## Instructions", "", "Every client reads these:", "", "```text")
    yield INSTRUCTIONS.rstrip()
    yield from ("```", "", "## Tools", "")
    yield "An answer that is too long for its client has `cut`, which says what is not there and how"
    yield "to see it: [long answers](../how-to/use-with-agents.md#long-answers)."
    yield ""
    for tool in tool_schemas():
        yield from _tool(tool)
    yield from ("## Resources", "", "| address | gives |", "|---|---|")
    for uri, (_, title, says) in {**TEMPLATES, **RESOURCES}.items():
        yield f"| `{uri}` | {title}. {says} |"
    yield from ("", "## Prompts", "", "| prompt | arguments | for |", "|---|---|---|")
    for spec in PROMPTS:
        names = ", ".join(
            f"`{name}`" if must else f"`{name}` (optional)"
            for name, (_, must) in spec.arguments.items()
        )
        yield f"| `{spec.name}` | {names} | {spec.description} |"


def _tool(tool: dict[str, Any]) -> Iterator[str]:
    yield from (f"### `{tool['name']}`", "", tool["description"], "")
    yield from ("| argument | type | |", "|---|---|---|")
    schema = tool["inputSchema"]
    for name, part in schema["properties"].items():
        must = " Must be given." if name in schema["required"] else ""
        default = f" By default {part['default']}." if "default" in part else ""
        says = part["description"].rstrip(".")
        yield f"| `{name}` | {_type(part)} | {says}.{default}{must} |"
    gives = ", ".join(f"`{name}`" for name in tool["outputSchema"]["properties"])
    yield from ("", f"Gives {gives}.", "")


def _type(part: dict[str, Any]) -> str:
    if "anyOf" in part:
        return " or ".join(_type(one) for one in part["anyOf"])
    if "enum" in part:
        return ", ".join(f"`{one}`" for one in part["enum"])
    if part.get("type") == "array":
        return f"list of {_type(part['items'])}"
    return str(part.get("format") or part.get("type") or "any JSON")
