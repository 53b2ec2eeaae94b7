"""Answers that broke off, as tools keep them: the half is no answer, for the whole may deny it.

See findings/agents_keep_other_parts_of_an_answer_that_broke_off.sh.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from anabranch.importers.readers.catalogue import READERS, sources_below
from anabranch.importers.records.model import Turn
from tests.support.claude_files import ClaudeFile
from tests.unit.app.importers.test_other_lines import OPENCODE

if TYPE_CHECKING:
    from pathlib import Path

HALF = "The buoy is safe at the pier, "


def ends(folder: Path) -> list[bool | None]:
    """Return of each of the assistant's texts whether its turn ends with it."""
    (source,) = sources_below([folder])
    turns = [one for one in READERS[source.tool].read(source) if isinstance(one, Turn)]
    return [one.final for one in turns if one.said == "assistant"]


def test_claude_code_marks_what_was_stopped(tmp_path: Path) -> None:
    """Its `stop_reason` is null: without the mark, what follows tells whether the turn had ended."""
    file = ClaudeFile(tmp_path)
    file.ask("Where is the buoy?")
    said = {"role": "assistant", "content": [{"type": "text", "text": HALF}], "stop_reason": None}
    file.record("assistant", said, isAbortedMidStream=True)
    file.ask("Is it safe?")
    file.record("assistant", said)

    assert ends(tmp_path) == [False, None]


@pytest.mark.parametrize(
    ("end", "final"),
    [
        ({"finish": "unknown"}, False),
        ({"error": {"name": "MessageAbortedError", "data": {}}}, False),
        ({"finish": "stop"}, True),
        ({}, True),
    ],
)
def test_opencode_goes_on_from_half_an_answer(
    tmp_path: Path, end: dict[str, Any], *, final: bool
) -> None:
    """A stream that ended early has no reason for its end, and is a step of the work."""
    messages: list[tuple[str, dict[str, Any], str]] = [
        ("m1", {"role": "user"}, "Where is the buoy?"),
        ("m2", {"role": "assistant", **end}, HALF),
    ]
    with closing(sqlite3.connect(tmp_path / "opencode.db")) as database:
        database.executescript(OPENCODE)
        row = ("s", None, "/srv/pier", "1.18.33", None, "general", 1000)
        database.execute("INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        for name, data, text in messages:
            said = json.dumps({"type": "text", "text": text})
            database.execute(
                "INSERT INTO message VALUES (?, 's', 1000, ?)", (name, json.dumps(data))
            )
            database.execute("INSERT INTO part VALUES (?, ?, 's', 1000, ?)", (name, name, said))
        database.commit()

    assert ends(tmp_path) == [final]


@pytest.mark.parametrize(
    ("reason", "final"), [("stop", True), ("length", True), ("error", False), ("aborted", False)]
)
def test_pi_says_why_a_message_ended(tmp_path: Path, reason: str, *, final: bool) -> None:
    """Its own types know these reasons (pi 1.6.0)."""
    content = [{"type": "text", "text": HALF}]
    head = {"type": "session", "version": 3, "id": "s-1", "cwd": "/srv/pier"}
    entry = {"type": "message", "timestamp": "2026-11-28T05:44:01.000Z"}
    asked = {"role": "user", "content": [{"type": "text", "text": "Where is the buoy?"}]}
    said = {"role": "assistant", "content": content, "stopReason": reason}
    lines = [
        head | {"timestamp": "2026-11-28T05:44:00.000Z"},
        entry | {"id": "00000001", "parentId": None, "message": asked},
        entry | {"id": "00000002", "parentId": "00000001", "message": said},
    ]
    path = tmp_path / "sessions" / "--pier--" / "2026_s-1.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    assert ends(tmp_path) == [final]
