"""Write the pages of docs/reference from the code: `python docs/generate.py`.

A test compares what this gives with what is committed.
"""

from __future__ import annotations

import inspect
import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer.main
from pydantic import SecretStr

import anabranch_projections.errors  # noqa: F401  # pyright: ignore[reportUnusedImport]  The tree is whole once every part is imported.
import anabranch_thinking.errors  # noqa: F401  # pyright: ignore[reportUnusedImport]  As above.
from anabranch.cli.application import application
from anabranch.cli.examples import EXAMPLES
from anabranch.commands.asyncapi import commands_document
from anabranch.http.application import described
from anabranch.settings import Settings, variable
from anabranch_events.errors import AnabranchError
from anabranch_events.event.registry import EVENT_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic.fields import FieldInfo

    from anabranch_events.event.types import EventData

EVENTS: Final = Path(__file__).parents[1] / "tests/fixtures/events"
REFERENCE: Final = Path(__file__).parent / "reference"
_COMMON: Final = ("namespace", "home", "json")
_EXIT_CODES: Final = (
    ("0", "done"),
    ("1", "failed, or the set-up must change"),
    ("2", "the input or the usage breaks a rule"),
    ("3", "what was named is not found"),
    ("4", "in conflict with what is there"),
    ("75", "try again later"),
    ("130", "ended by Ctrl-C"),
    ("141", "whoever read stdout has gone"),
    ("143", "ended by SIGTERM, by a command that calls off what it began: `think`"),
)
_STREAMS: Final = (
    "Data goes to stdout, messages and errors to stderr. With `--json` a command writes one "
    "object, or where it lists a line of JSON an item; an error is then "
    '`{"error": {"type", "message", "fix"}}` on stderr, a warning `{"warning": {"message"}}`. Where an '
    "id is taken, its end is enough, in the form in which commands print it."
)
_VARIABLES: Final = (
    "Made by `python docs/generate.py` from the settings themselves. Each is an environment "
    "variable, read once when a command or a program begins; one that is empty counts as not set."
)


def pages() -> dict[str, str]:
    """Return the generated pages by file name."""
    return {
        "../differences.md": _differences_page(),
        "asyncapi.json": _commands_document(),
        "cli.md": _command_page(),
        "errors.md": _errors_page(),
        "events.md": _events_page(),
        "mcp.md": _mcp_page(),
        "openapi.json": _http_document(),
        "python.md": _python_page(),
        "sessions.md": _sessions_page(),
        "settings.md": _settings_page(),
    }


def main() -> None:
    """Write the pages where they are committed."""
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, encoding="utf-8")
    from docs.generate_mcp import TOOLS_FILE, tools_json

    (REFERENCE.parents[1] / TOOLS_FILE).write_text(tools_json(), encoding="utf-8")


def _mcp_page() -> str:
    from docs.generate_mcp import mcp_page

    return mcp_page()


def _differences_page() -> str:
    from docs.cypher_differences import DIFFERENCES, shown
    from tests.support.neo4j_server import CALENDAR, LONG_TERM

    lines = [
        "# The same Cypher on three stores",
        "",
        "Made by `python docs/generate.py` from a table that a test asks of each store: the "
        f"embedded graph (ArcadeDB {version('arcadedb-embedded')}), Neo4j {LONG_TERM} and "
        f"{CALENDAR}. Some 290 queries were tried, and what is not here was answered alike. Left "
        "out are the words of errors, the scores of full-text search and the ids of elements.",
        "",
    ]
    for topic in dict.fromkeys(one.topic for one in DIFFERENCES):
        lines += [
            f"## {topic.capitalize()}",
            "",
            "| query | embedded graph | Neo4j 5.26 | Neo4j 2026 | on all of them |",
            "|---|---|---|---|---|",
        ]
        lines += [
            f"| `{one.query}` | {shown(one.embedded)} | {shown(one.long_term)} | "
            f"{shown(one.calendar)} | {one.advice} |"
            for one in DIFFERENCES
            if one.topic == topic
        ]
        lines.append("")
    return "\n".join(lines)


def _sessions_page() -> str:
    from docs.sessions_table import page

    return page()


def _python_page() -> str:
    from docs.generate_python import page

    return page(REFERENCE.parents[1])


def _commands_document() -> str:
    return json.dumps(commands_document(), indent=2, ensure_ascii=False) + "\n"


def _http_document() -> str:
    return json.dumps(described(), indent=2, ensure_ascii=False) + "\n"


def _command_page() -> str:
    commands = list(_commands(typer.main.get_command(application), "anabranch"))
    common = [parameter for parameter in commands[0][1].params if parameter.name in _COMMON]
    parts = [
        "# Commands",
        "Made by `python docs/generate.py` from the commands themselves.",
        _STREAMS,
        "Every command takes these, before its name or after it:",
        _table(("option", "meaning"), map(_option, common)),
        "## Exit codes",
        _table(("code", "meaning"), _EXIT_CODES),
    ]
    for path, one in commands:
        parts += _command(path, one)
    return "\n\n".join(parts) + "\n"


def _commands(group: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield every command with the words that call it. Typer's own classes are private: Any."""
    for name, one in sorted(group.commands.items()):
        if hasattr(one, "commands"):
            yield from _commands(one, f"{path} {name}")
        else:
            yield f"{path} {name}", one


def _command(path: str, one: Any) -> Iterator[str]:
    own = [parameter for parameter in one.params if parameter.name not in _COMMON]
    arguments = [parameter for parameter in own if parameter.param_type_name == "argument"]
    options = [parameter for parameter in own if parameter.param_type_name == "option"]
    yield f"## {path}"
    yield f"`{' '.join([path, *map(_name, arguments)])}`"
    yield one.help
    if own:
        rows = [(f"`{_name(one)}`", one.help) for one in arguments]
        yield _table(("argument or option", "meaning"), [*rows, *map(_option, options)])
    yield f"`{EXAMPLES[path]}`"
    yield f"{one.epilog}."


def _name(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _option(option: Any) -> tuple[str, str]:
    names = ", ".join(f"`{name}`" for name in option.opts)
    default = option.default
    shown = "" if default in {None, False, (), ""} else f" Default: `{default}`."
    return names, ("Required. " if option.required else "") + option.help + shown


def _settings_page() -> str:
    rows = [_setting(name, field) for name, field in Settings.model_fields.items()]
    parts = [
        "# Settings",
        _VARIABLES,
        _table(("variable", "default", "meaning"), rows),
    ]
    return "\n\n".join(parts) + "\n"


def _setting(name: str, field: FieldInfo) -> tuple[str, str, str]:
    default = field.get_default()
    shown = "" if default is None or isinstance(default, SecretStr) else f"`{default}`"
    return f"`{variable(name)}`", shown, field.description or ""


def _events_page() -> str:
    parts = [
        "# Events",
        "Made by `python docs/generate.py` from the event types themselves.",
        "Each message is one CloudEvents 1.0 event in structured mode (`Content-Type: "
        "application/cloudevents+json`) on the subject "
        "`anabranch.events.<namespace>.<session_id>`. Its attributes: `id` (a UUID), `source`, "
        "`type`, `subject` (the session's id), `time`, `data`; and the extensions `namespace`, "
        "`correlationid`, `causationid` and `agent`.",
        "Any valid CloudEvent 1.0 of these types is taken, in structured and in binary mode. Further "
        "attributes are kept. `subject`, `namespace` and `time` may be left out: they are those of "
        "the message. An `id` that is no UUID becomes one, the same for the same `source` and `id`. "
        "The data may stand in `data_base64`; `datacontenttype` is any that means JSON.",
        "A stored event never changes: a new meaning is a new version, and what older versions "
        "wrote is read for ever, taken up to the current version step by step. An event of a type "
        "or a version that is not on this page is opaque: it is handed on, shown, exported and "
        "imported byte for byte, and the projection puts it aside as a dead letter (`EventUnknown`) "
        "until a rebuild by a version that knows it.",
        "A message over 512 KiB carries `dataref` in place of `data`: the name of an object in "
        "the bucket `ANABRANCH_OBJECTS`.",
    ]
    for name, data_class in EVENT_TYPES.items():
        parts += _event(name, data_class)
    return "\n\n".join(parts) + "\n"


def _event(name: str, data_class: type[EventData]) -> Iterator[str]:
    schema = data_class.model_json_schema()
    required = set(schema.get("required", ()))
    rows = [
        (f"`{field}`", _shape(shape, schema), "yes" if field in required else "")
        for field, shape in schema["properties"].items()
    ]
    yield f"## {name}"
    yield inspect.cleandoc(data_class.__doc__ or "")
    yield _table(("data", "shape", "required"), rows)
    example = (EVENTS / f"{name}.json").read_text(encoding="utf-8").strip()
    yield f"```json\n{example}\n```"


def _shape(shape: dict[str, Any], schema: dict[str, Any]) -> str:
    """Say in a few words what a value of this JSON Schema looks like."""
    if "$ref" in shape:
        return _shape(schema["$defs"][shape["$ref"].rpartition("/")[2]], schema)
    if "anyOf" in shape:
        return " or ".join(_shape(one, schema) for one in shape["anyOf"])
    if "enum" in shape:
        return " or ".join(f"`{value}`" for value in shape["enum"])
    kind = shape.get("type", "any JSON")
    if kind == "array":
        items = shape.get("items") or shape.get("prefixItems", [{}])[0]
        return f"list of {_shape(items, schema)}{_bounds(shape, 'minItems', 'maxItems')}"
    if kind == "object" and "properties" in shape:
        return "object of " + ", ".join(f"`{field}`" for field in shape["properties"])
    named = shape.get("format", kind)
    if "maxLength" in shape:
        return f"{named} of at most {shape['maxLength']:,} characters"
    return f"{named}{_bounds(shape, 'minimum', 'maximum')}"


def _bounds(shape: dict[str, Any], low: str, high: str) -> str:
    least, most = shape.get(low), shape.get(high)
    if least is None and most is None:
        return ""
    if most is None:
        return f", at least {least}"
    return f", at most {most}" if least is None else f", {least} to {most}"


def _errors_page() -> str:
    parts = [
        "# Errors",
        "Made by `python docs/generate.py` from the errors themselves. Every error says what "
        "happened (`message`) and what to do (`fix`); the tree is ordered by what the caller can "
        "do, and the command line turns it into an exit code.",
        _table(("error", "exit code", "part", "meaning"), _errors(AnabranchError, 0)),
    ]
    return "\n\n".join(parts) + "\n"


def _errors(error: type[AnabranchError], depth: int) -> Iterator[tuple[str, ...]]:
    part = error.__module__.partition(".")[0]
    meaning = " ".join((error.__doc__ or "").split())
    yield f"{'&emsp;' * depth}`{error.__name__}`", str(error.exit_code), f"`{part}`", meaning
    for leaf in sorted(error.__subclasses__(), key=lambda leaf: leaf.__name__):
        yield from _errors(leaf, depth + 1)


def _table(heads: Iterable[str], rows: Iterable[tuple[str, ...]]) -> str:
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(_row(cells) for cells in lines)


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    sys.path.insert(0, str(REFERENCE.parents[1]))  # Where `docs` lies.
    main()
