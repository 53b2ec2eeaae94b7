#!/usr/bin/env bash
# mcp 2.3.0 (Python SDK): a text for an optional parameter is read as JSON first. "null" becomes None, and a text in
# brackets is refused as no text.
#
# `@server.tool() def remember(text: str, reason: str | None = None)` is published with a schema in which `reason` is a
# string or null. One would guess that any string that a client sends for it arrives as it is, as it does for `text`.
# In fact, where the type is not `str` alone, a string that is valid JSON is replaced by what it holds:
#
# 1. `reason: str | None` given "null" is None: the word is gone, and no error tells.
# 2. Given '["a"]', '[]' or '{"a": 1}', the call is refused: "Input should be a valid string". The client sent one.
# 3. `str | list[str]` given the text '["a"]' is a list, and `object` or `Any` given a text may be anything.
# 4. Texts that are JSON of a number, a word or a string ("7", "true", '"a"') are left alone; so is each text within a
#    list. `str` alone, also with a length in `Annotated`, is left alone.
# 5. A parameter that the tool does not have is dropped without a word, so a misspelt name loses its text.
#
# Models do send JSON as texts: a tool's result to remember, a configuration as a reason. A server that keeps texts
# should make every one of them `str` with a default of "".
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "mcp==2.3.0"
cd "$work"
cat >trial.py <<'PY'
import asyncio
from typing import Annotated, Any

from mcp import Client
from mcp.server import MCPServer
from pydantic import Field

server = MCPServer("trial")
TEXTS = ["a", "null", '["a"]', "[]", '{"a": 1}', "7", "true", '"a"']


@server.tool()
def plain(text: Annotated[str, Field(max_length=100)]) -> str:
    return repr(text)


@server.tool()
def optional(text: str | None = None) -> str:
    return repr(text)


@server.tool()
def either(text: str | list[str]) -> str:
    return repr(text)


@server.tool()
def defaulted(text: str = "") -> str:
    return repr(text)


@server.tool()
def anything(text: Any) -> str:
    return repr(text)


@server.tool()
def an_object(text: object) -> str:
    return repr(text)


@server.tool()
def each(text: list[str]) -> str:
    return repr(text)


async def main():
    async with Client(server) as client:

        async def ask(tool, **given):
            answer = await client.call_tool(tool, given)
            said = answer.content[0].text
            return "refused: " + said.splitlines()[2].strip().partition(" [")[0] if answer.is_error else said

        [schema] = [tool.input_schema for tool in (await client.list_tools()).tools if tool.name == "optional"]
        print("optional may be:", [one["type"] for one in schema["properties"]["text"]["anyOf"]])
        for tool in ("plain", "defaulted", "optional", "either", "anything", "an_object"):
            for text in TEXTS:
                print(f"{tool}, {text}: {await ask(tool, text=text)}")
        print("each:", await ask("each", text=["null", '{"a": 1}']))
        print("misspelt:", await ask("optional", txet="a"))


asyncio.run(main())
PY
cat >expected.txt <<'TXT'
optional may be: ['string', 'null']
plain, a: 'a'
plain, null: 'null'
plain, ["a"]: '["a"]'
plain, []: '[]'
plain, {"a": 1}: '{"a": 1}'
plain, 7: '7'
plain, true: 'true'
plain, "a": '"a"'
defaulted, a: 'a'
defaulted, null: 'null'
defaulted, ["a"]: '["a"]'
defaulted, []: '[]'
defaulted, {"a": 1}: '{"a": 1}'
defaulted, 7: '7'
defaulted, true: 'true'
defaulted, "a": '"a"'
optional, a: 'a'
optional, null: None
optional, ["a"]: refused: Input should be a valid string
optional, []: refused: Input should be a valid string
optional, {"a": 1}: refused: Input should be a valid string
optional, 7: '7'
optional, true: 'true'
optional, "a": '"a"'
either, a: 'a'
either, null: refused: Input should be a valid string
either, ["a"]: ['a']
either, []: []
either, {"a": 1}: refused: Input should be a valid string
either, 7: '7'
either, true: 'true'
either, "a": '"a"'
anything, a: 'a'
anything, null: None
anything, ["a"]: ['a']
anything, []: []
anything, {"a": 1}: {'a': 1}
anything, 7: '7'
anything, true: 'true'
anything, "a": '"a"'
an_object, a: 'a'
an_object, null: None
an_object, ["a"]: ['a']
an_object, []: []
an_object, {"a": 1}: {'a': 1}
an_object, 7: '7'
an_object, true: 'true'
an_object, "a": '"a"'
each: ['null', '{"a": 1}']
misspelt: None
TXT
"$work/venv/bin/python" trial.py >seen.txt 2>said.txt || { cat seen.txt said.txt; exit 1; }
cat seen.txt
diff expected.txt seen.txt && echo "as described"
