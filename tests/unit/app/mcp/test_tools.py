"""The tools as a client sees them: the file is current, its schemas are valid and short."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest
from docs.generate_mcp import TOOLS_FILE, tools_json
from jsonschema import Draft202012Validator

from anabranch.api.operations import OPERATIONS
from anabranch.errors import InputInvalid
from anabranch.mcp.prompts import INSTRUCTIONS, PROMPTS, prompt_text
from anabranch.mcp.schemas import tool_schemas
from anabranch.mcp.tool_table import TOOLS
from anabranch.mcp.tools import listed_tools
from tests.support.repository import ROOT

TOOLS_MAX = 12
BYTES_MAX = 20_000
CODEX_BYTES_MAX = 5_000


def test_the_file_of_the_tools_is_current() -> None:
    """`python docs/generate.py` writes it from the operations."""
    assert (ROOT / TOOLS_FILE).read_text() == tools_json()
    assert listed_tools() == tool_schemas()


def test_tools_are_few_and_their_names_say_what_they_do() -> None:
    """At most twelve, of the characters that every client takes; each is an operation."""
    names = [spec.name for spec in TOOLS]

    assert len(names) == len(set(names)) <= TOOLS_MAX
    assert all(re.fullmatch(r"[a-z_]{1,40}", name) for name in names)
    assert {spec.operation for spec in TOOLS} <= {one.name for one in OPERATIONS}
    assert len(orjson.dumps(listed_tools())) < BYTES_MAX


@pytest.mark.parametrize("tool", listed_tools(), ids=lambda tool: tool["name"])
def test_a_tool_has_schemas_that_a_model_reads(tool: dict[str, Any]) -> None:
    """They are whole JSON schemas, and every argument says what it means."""
    given, gives = tool["inputSchema"], tool["outputSchema"]

    Draft202012Validator.check_schema(given)
    Draft202012Validator.check_schema(gives)
    assert given["type"] == gives["type"] == "object"
    assert all(part["description"] for part in given["properties"].values())
    assert b"$ref" not in orjson.dumps(tool)
    assert len(tool["description"]) < 400
    assert tool["annotations"]["destructiveHint"] is False


@pytest.mark.parametrize("tool", listed_tools(), ids=lambda tool: tool["name"])
def test_words_say_what_codex_takes_out_of_a_schema(tool: dict[str, Any]) -> None:
    """Its model sees no limit and no default, and no description in a schema of over 5,000 bytes.

    See findings/codex_shows_its_model_another_schema_of_a_tool.sh (Codex 0.171.0).
    """
    given = tool["inputSchema"]

    assert len(orjson.dumps(given)) < CODEX_BYTES_MAX
    for name, part in given["properties"].items():
        told = [part.get(of) for of in ("maximum", "maxItems", "default")]
        words = [f"{one:.10g}" if isinstance(one, float) else str(one) for one in told if one]
        said = part["description"]
        if set(part) == {"description"}:  # Of any value it sees no description either.
            words, said = ["JSON"], tool["description"]
        assert all(re.search(rf"\b{word}\b", said) for word in words), name


def test_an_argument_of_another_name_has_a_fix_of_its_own() -> None:
    """An operation's own words about a field are no help where the tool calls it otherwise."""
    for spec in TOOLS:
        for one in spec.instead:
            assert set(one.fields) <= set(spec.fields)
            assert {name for name, its in one.fields.items() if name != its} == set(one.fixes)


def test_arguments_that_belong_together_are_known_to_do_so() -> None:
    """What only another operation takes is told as its own, and what each one wants, as a choice."""
    fields = {one.name: one.request.model_fields for one in OPERATIONS}
    for spec in TOOLS:
        own, chosen = fields[spec.operation], {one.given for one in spec.instead}
        for one in spec.instead:
            assert set(one.alone) == {*one.fields} - {*own} - chosen
        wanted = {
            name
            for name, field in own.items()
            if field.is_required() and not any(name in one.fields for one in spec.instead)
        }
        choice = wanted - {name for one in spec.instead for name in one.fixed}
        assert set(spec.one_of) == (choice | chosen if spec.instead and choice else set())


def test_the_instructions_name_tools_that_there_are() -> None:
    """What instructions and prompts call for can be called."""
    named = set(re.findall(r"`?\b([a-z]+_[a-z_]+)\b`?", INSTRUCTIONS))
    called = {word for spec in PROMPTS for word in re.findall(r"Call ([a-z_]+)", spec.text)}

    names = {spec.name for spec in TOOLS}
    assert named - {"session_id", "recall_id"} <= names
    assert called <= names
    assert len(INSTRUCTIONS) < 2000


def test_a_prompt_has_its_arguments_in_its_text() -> None:
    """What must be given is asked for; what may be left out is not missed."""
    _, text = prompt_text("hand_off", {"session_id": "abc"})
    _, named = prompt_text("hand_off", {"session_id": "abc", "to_agent": "ben"})

    assert "session abc." in text
    assert "session abc to ben." in named
    for name, field in (("hand_off", "session_id"), ("sing", "name")):
        with pytest.raises(InputInvalid) as caught:
            prompt_text(name, {})
        assert caught.value.field == field
