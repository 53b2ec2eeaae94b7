"""Records that hold nothing but results of tools: passed over undecoded, to the same effect."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

import pytest

from anabranch.importers.readers import claude_code
from anabranch.importers.readers.catalogue import READERS, sources_below
from anabranch.importers.records.model import ToolResult
from tests.support.claude_files import ClaudeFile
from tests.support.rounds import examples

if TYPE_CHECKING:
    from pathlib import Path

    from anabranch.importers.records.model import Record

RESULT: Final = {"type": "tool_result", "tool_use_id": "c1", "content": "lit", "is_error": False}
CONTENTS: Final[list[Any]] = [
    "lit", "schräg", "a\ud800b", "", None, 7, [], {"a": 1}, True,
    [{"type": "text", "text": "lit"}, {"type": "image"}],
]  # fmt: skip
BLOCKS: Final[list[Any]] = [
    *({**RESULT, "content": content} for content in CONTENTS),
    *({**RESULT, "is_error": failed} for failed in (True, None, "no", 1)),
    *({**RESULT, "tool_use_id": call_id} for call_id in ("", None, 7, "c2")),
    {"type": "tool_result"},
    {"type": "text", "text": "Is it lit?"},
    {"type": 7},
    "text",
]
FIELDS: Final[list[dict[str, Any]]] = [
    *({"toolUseResult": told} for told in ("Error: out", None, 7, [1, {"agentId": "a"}], True)),
    *({"toolUseResult": {"agentId": agent, "stdout": 'a"b'}} for agent in ("a1", None, 7, "")),
    *({"isMeta": value} for value in (True, False, None)),
    *({"isSidechain": value} for value in (True, False, None, "no")),
    *({"isCompactSummary": value} for value in (True, False)),
    *({"timestamp": value} for value in ("2026-11-01T08:00:00Z", "never", None, 7)),
    *({"forkedFrom": value} for value in ({"messageUuid": "m"}, None, "x")),
    *({"uuid": value} for value in (None, 7)),
    {"origin": {"kind": "task"}},
    {"turnOrigin": "task_notification"},
    {"promptSource": "system"},
    {"promptSource": None},
    {"promptId": "p1"},
    {"type": "assistant"},
    {"message": {"content": "lit"}},
    {"message": [RESULT]},
    {"message": None},
]


def read(folder: Path) -> list[Record | tuple[Any, ...]]:
    """Return all that is told of a folder, results with their decoded outputs."""
    return [
        (one.line, one.call_id, one.output, one.failed, one.time)
        if isinstance(one, ToolResult)
        else one
        for source in sources_below([folder])
        for one in READERS[source.tool].read(source)
    ]


def test_what_is_told_is_the_same_as_with_every_line_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a result holds, and whatever stands beside it."""
    chance = random.Random(3)  # noqa: S311 - it must be the same again.
    for number in range(examples(30)):
        file = ClaudeFile(tmp_path / str(number))
        file.ask("Is the lamp lit?")
        asked = file.leaf
        for _ in range(20):
            content = chance.choices(BLOCKS, k=chance.choice((1, 1, 1, 2)))
            fields = chance.choice(FIELDS) if chance.random() < 0.5 else {}
            given: dict[str, Any] = {"kind": "user", "message": {"content": content}} | fields
            file.record(**given)
            if chance.random() < 0.1:
                file.leaf = asked
                file.ask("And now?")
    quick = read(tmp_path)

    def none(_: object) -> None: ...

    monkeypatch.setattr(claude_code, "results_in", none)

    assert any(isinstance(one, tuple) for one in quick)
    assert quick == read(tmp_path)


def test_most_results_are_passed_over(tmp_path: Path) -> None:
    """The record of a result as the tool writes it is not decoded."""
    file = ClaudeFile(tmp_path)
    file.ask("Is the lamp lit?")
    file.call("c1", "Bash", command="cat lamp")
    file.give("c1", "lit")

    (result,) = [one for one in _told(tmp_path) if isinstance(one, ToolResult)]

    assert not isinstance(result.given, str)
    assert result.output == "lit"


@pytest.mark.parametrize(
    ("part", "damaged"),
    [
        (b"fog", b"f\xffg"),
        (b'"uuid":"', b'"uuid":"\xff'),
        (b'"fog"', b"[" * 100_000),
        (b'"fog"', b"1e999"),
        (b'"isSidechain"', b"\n"),
    ],
    ids=["text", "id", "depth", "number", "cut"],
)
@pytest.mark.parametrize("given", ["result", "answer"])
def test_a_line_that_cannot_be_read_moves_no_other(
    tmp_path: Path, part: bytes, damaged: bytes, given: str
) -> None:
    """Beside a rewind each record stays on its line, and no line ends the import."""
    file = ClaudeFile(tmp_path)
    first = file.ask("Q1")
    if given == "result":
        file.give("c1", "fog")
    else:
        file.record("assistant", {"role": "assistant", "content": "fog"})
    file.ask("Q2 one")
    file.leaf = first
    file.ask("Q2 two")
    lines = file.path.read_bytes().splitlines(keepends=True)
    file.path.write_bytes(b"".join([lines[0], lines[1].replace(part, damaged), *lines[2:]]))

    told = _told(tmp_path)

    texts = {getattr(one, "text", None): getattr(one, "line", None) for one in told}
    assert texts["Q2 two"] == texts["Q1"] == file.session_id
    assert texts["Q2 one"] != file.session_id


def _told(folder: Path) -> list[Record]:
    (source,) = sources_below([folder])
    return list(READERS[source.tool].read(source))
