"""Settings with comments: one member changes, and every other character stays."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from anabranch.mcp.jsonc import parsed, with_member, without_member
from tests.support.rounds import examples

PATH: Final = ("mcpServers", "anabranch")
ENTRY: Final = {"command": "anabranch", "args": ["mcp"]}
COMMENTED: Final = """{
  // The model of mine: "mcpServers": {}
  "model": "stub", /* and } another */
  "mcpServers": {
    // keep this
    "files": {"command": "files", "args": ["a,}"]}, // and this
  },
}
"""


def test_a_member_is_added_behind_the_last() -> None:
    """Comments stay where they are, and a comma at the end stays at the end."""
    found = with_member(COMMENTED, PATH, ENTRY)

    assert (
        found
        == """{
  // The model of mine: "mcpServers": {}
  "model": "stub", /* and } another */
  "mcpServers": {
    // keep this
    "files": {"command": "files", "args": ["a,}"]}, // and this
    "anabranch": {
      "command": "anabranch",
      "args": [
        "mcp"
      ]
    },
  },
}
"""
    )
    assert without_member(found, PATH) == COMMENTED


def test_the_lines_of_a_comment_say_nothing_of_the_steps() -> None:
    """A comment before the settings has an indent of its own."""
    before = '/*\n * Settings.\n */\n{\n    "a": 1\n}\n'

    after = with_member(before, ("servers", "anabranch"), {"command": "x"})

    added = {"a": 1, "servers": {"anabranch": {"command": "x"}}}
    assert after == before[: before.index("{")] + json.dumps(added, indent=4) + "\n"


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        '{"mcpServers": {"x": {}}}\n',
        '{"mcpServers": {"x": {}, }, }\n',
        '{\n  "mcpServers": {\n    "x": {} // x\n  }\n}',
        '{\r\n  "mcpServers": {\r\n    "x": {}\r\n  }\r\n}\r\n',
        '{\n\t"a": [1, 2], // one\n\t"mcpServers": {"x": 1,\n"y": "//"}\n}\n',
        "// nothing yet\n{\n}\n",
        "{ /* none */ }",
        "",
        "\n",
        '{"mcpServers": {}}',
        '{"mcpServers": {"anabranch": {"command": "old"}, "x": 1}}',
    ],
)
def test_any_layout_is_kept(text: str) -> None:
    """The member is there, all others are as they were, and it can be taken out again."""
    before = parsed(text)

    added = with_member(text, PATH, ENTRY)
    removed = without_member(added, PATH)

    others = {k: v for k, v in before.get("mcpServers", {}).items() if k != "anabranch"}
    assert parsed(added) == {**before, "mcpServers": {**others, "anabranch": ENTRY}}
    assert parsed(removed) == {**before, "mcpServers": others}
    assert with_member(added, PATH, ENTRY) == added
    assert without_member(removed, PATH) == removed


_VALUES: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


@hypothesis_settings(max_examples=examples(200))
@given(
    document=st.dictionaries(
        st.sampled_from(["a", "mcpServers", '"', "//"]),
        st.dictionaries(st.text(max_size=4), _VALUES),
    ),
    indent=st.sampled_from([None, 2, "\t"]),
)
def test_what_was_added_is_taken_out_again(document: dict[str, Any], indent: Any) -> None:
    """Of any document nothing but the member changes; where it has servers, not a character."""
    text = json.dumps(document, indent=indent)

    added = with_member(text, PATH, ENTRY)

    servers = document.get("mcpServers", {})
    assert parsed(added) == {**document, "mcpServers": {**servers, "anabranch": ENTRY}}
    if servers and "anabranch" not in servers:
        assert without_member(added, PATH) == text


@pytest.mark.parametrize("text", ["{", "[1]", '{"mcpServers": 3}', '{"a": }', "no json", '"x"'])
def test_what_cannot_be_changed_is_refused(text: str) -> None:
    """A text that is broken, or has something else in the place, is an error."""
    with pytest.raises(ValueError, match=r"."):
        with_member(text, PATH, ENTRY)
