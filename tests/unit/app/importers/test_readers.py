"""Each reader on files that the real tool wrote: what it tells is what happened, and no more."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from anabranch.importers.readers.catalogue import READERS, sources_below
from tests.support.transcripts import Line, Told, cases, expected, told

if TYPE_CHECKING:
    from pathlib import Path

CASES = cases()


def read(case: Path) -> Told:
    """Return all that the readers tell of the files below a folder."""
    return told(
        record for source in sources_below([case]) for record in READERS[source.tool].read(source)
    )


def shown(line: Line, lines: dict[str, Line]) -> dict[str, Any]:
    """Return a line as EXPECT.json describes one."""
    parent = lines[line.opened.parent] if line.opened.parent else None
    return {
        "source_id": line.opened.source_id,
        "kind": line.opened.kind,
        "parent": parent.opened.source_id if parent else None,
        "task": line.task,
        "result": line.result,
        "texts": line.texts,
    }


def by_id(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sort lines as they are described: the order of parallel agents is not told."""
    return sorted(lines, key=lambda one: (str(one["source_id"]), str(one["task"])))


def subsequence(part: list[Any], whole: list[Any]) -> bool:
    """Tell whether `part` stands in `whole`, in its order."""
    rest = iter(whole)
    return all(one in rest for one in part)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_a_case_is_read_as_it_happened(case: Path) -> None:
    """Sessions, parents, tasks, results and texts in order are those of EXPECT.json, no others."""
    right = expected(case)
    assert sources_below([case])

    found = read(case)

    wanted = [
        {name: one.get(name) for name in ("source_id", "kind", "parent", "task", "result", "texts")}
        for one in right["sessions"]
    ]
    lines = [line for line in found.speaking if line.opened.kind not in {"abandoned", "memory"}]
    assert by_id([shown(line, found.lines) for line in lines]) == by_id(wanted)
    assert found.broken == []
    assert found.unknown == {}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_a_case_keeps_its_branches_tools_and_summaries(case: Path) -> None:
    """What was inherited, abandoned, called and summarised is where EXPECT.json says."""
    right = expected(case)

    found = read(case)

    lines = {
        (line.opened.source_id, line.task): line
        for line in found.speaking
        if line.opened.kind != "abandoned"
    }
    for one in right["sessions"]:
        line = lines[one["source_id"], one["task"]]
        told_before = [text for _, text in line.before]
        if "forked_after" in one:
            assert told_before[-1] == one["forked_after"]
        assert subsequence(one.get("inherited", []), line.before)
        for tool in one.get("tools", []):
            assert any(
                tool["input_has"] in orjson.dumps(call.input).decode()
                and tool["output_has"] in line.results[call_id].output
                and call.by == tool.get("by", "assistant")
                for call_id, call in line.calls.items()
                if call_id in line.results
            ), tool
        for summary in one.get("summaries", []):
            assert any(summary in text for text in line.summaries)
        abandoned = [
            other.texts
            for other in found.lines.values()
            if other.opened.kind == "abandoned" and other.opened.parent == line.opened.key
        ]
        assert abandoned == one.get("abandoned", [])
        if "ended" in one:
            assert line.ended is not None
            assert line.ended.how == one["ended"]
        if "started" in one:
            assert line.opened.time is not None
            assert line.opened.time.isoformat().startswith(one["started"].rstrip("Z"))


def test_what_a_plain_session_added_to_a_file_with_branches_is_read(tmp_path: Path) -> None:
    """A SQLiteSession gives its messages no branch: openai-agents 0.24.0, see findings/.

    Beside a session with branches they belong to its main line, of another session they are all.
    """
    (branched,) = [case for case in CASES if case.name == "advanced-branch"]
    shutil.copy(branched / "session.db", tmp_path / "session.db")
    added = [
        ("lighthouse-branch", "user", "Who keeps the lamp?"),
        ("plain", "user", "Is the pump red?"),
        ("plain", "assistant", "It is."),
    ]
    with closing(sqlite3.connect(tmp_path / "session.db")) as database:
        database.execute("INSERT INTO agent_sessions (session_id) VALUES ('plain')")
        database.executemany(
            "INSERT INTO agent_messages (session_id, message_data) VALUES (?, ?)",
            [(name, orjson.dumps({"role": r, "content": c}).decode()) for name, r, c in added],
        )
        database.commit()

    before, found = read(branched), read(tmp_path)

    def talk(of: Told) -> dict[str | None, list[list[str]]]:
        return {line.opened.source_id: line.texts for line in of.lines.values()}

    assert talk(found) == {
        **talk(before),
        "lighthouse-branch": [
            *talk(before)["lighthouse-branch"],
            ["user", "Who keeps the lamp?"],
        ],
        "plain": [["user", "Is the pump red?"], ["assistant", "It is."]],
    }
