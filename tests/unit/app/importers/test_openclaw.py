"""Sessions of OpenClaw whose agents waited for others, or that went on under another id."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from anabranch.importers.readers.catalogue import READERS, sources_below
from tests.support.transcripts import CASES, told

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.transcripts import Told

CASE = CASES / "openclaw-2026.9.6"


def read(folder: Path) -> Told:
    """Return what is told of the one source below a folder."""
    (source,) = sources_below([folder])
    return told(READERS[source.tool].read(source))


def _octets(text: str) -> int:
    return len(text.encode())


def test_an_agent_that_was_woken_again_has_the_task_it_was_given(tmp_path: Path) -> None:
    """Its run's record is replaced then: a notice stands for the task, and another beginning."""
    shutil.copytree(CASE / "nested", tmp_path / "copy")
    state = tmp_path / "copy" / "state" / "openclaw.sqlite"
    with closing(sqlite3.connect(state)) as database, database:
        database.create_function("octet_length", 1, _octets)
        for run, payload in database.execute("SELECT run_id, payload_json FROM subagent_runs"):
            woken: dict[str, Any] = json.loads(payload)
            woken["task"] = "[Subagent Context] Your prior run ended."
            woken["execution"]["startedAt"] += 60_000
            database.execute(
                "UPDATE subagent_runs SET payload_json = ? WHERE run_id = ?",
                (json.dumps(woken), run),
            )

    found = read(tmp_path)

    right = read(CASE / "nested")
    assert [line.texts for line in found.lines.values()] == [
        line.texts for line in right.lines.values()
    ]
    assert [line.task for line in found.lines.values()] == [
        "Ask a chain of helpers.",
        "Helper Delta: ask the next one.",
        "Helper Echo: check the rope by a shell echo.",
    ]
    for line in list(found.lines.values())[1:]:
        assert line.ended is not None
        assert line.ended.started is not None
        assert line.ended.time is not None
        assert line.ended.started <= line.ended.time


def test_a_session_that_began_anew_is_one_of_its_own(tmp_path: Path) -> None:
    """It names the one before it, and has none of its entries."""
    shutil.copytree(CASE / "fork-and-rewind", tmp_path / "copy")
    agent = tmp_path / "copy" / "agents" / "main" / "agent" / "openclaw-agent.sqlite"
    with closing(sqlite3.connect(agent)) as database, database:
        database.execute("PRAGMA ignore_check_constraints = ON")
        database.create_function("octet_length", 1, _octets)
        (later,) = database.execute(
            "SELECT session_id FROM session_windows WHERE previous_session_id IS NOT NULL"
        ).fetchone()
        changed = "json_set(event_json, '$.timestamp', '2026-12-01T00:00:00.000Z')"
        database.execute(
            f"UPDATE transcript_events SET event_json = {changed} "  # noqa: S608 - no input.
            "WHERE session_id = ?",
            (later,),
        )

    found = read(tmp_path)

    kinds = [line.opened.kind for line in found.lines.values()]
    assert sorted(kinds) == ["abandoned", "fork", "main", "main"]
    assert found.lines[later].opened.parent is None
