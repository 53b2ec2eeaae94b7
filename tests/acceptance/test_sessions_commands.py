"""Sessions of agent tools through the command line: found, imported, recalled, followed."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import SpanExportResult

from tests.support.agent_spans import InstrumentedAgents
from tests.support.claude_files import ClaudeFile
from tests.support.patience import until
from tests.support.rounds import in_full_only
from tests.support.transcripts import CASES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.fixtures.memory import CommandLine

pytestmark = pytest.mark.timeout(900)

FIELDS = {
    "source_id",
    "session_id",
    "parent_source_id",
    "kind",
    "task",
    "result",
    "insights",
    "skipped",
}


def test_a_real_run_becomes_a_tree_that_recall_answers_from(
    anabranch: CommandLine, namespace: str
) -> None:
    """Two agents in the background: three lines of JSON, a tree of three, a hit with its session."""
    case = str(CASES / "claude-code-2.1.332" / "subagents-background")

    lines = anabranch.here("sessions", "import", case, "-N", namespace, "--json").lines
    again = anabranch.here("sessions", "import", case, "-N", namespace).out
    root = next(line for line in lines if line["kind"] == "main")
    tree = anabranch.here("session", "tree", root["session_id"], "-N", namespace, "--json").lines
    hits = anabranch.here("recall", "Are the stairs dry?", "-N", namespace, "--json").value["hits"]

    assert all(set(line) == FIELDS for line in lines)
    assert [line["parent_source_id"] for line in lines] == [
        None,
        root["source_id"],
        root["source_id"],
    ]
    assert "stored    0 events" in again
    assert next(view["task"] for view in tree) == "Ask two helpers in the background."
    assert {view["result"] for view in tree if view["depth"]} == {
        "Bravo's answer: the stairs are dry.",
        "Charlie's answer: the foghorn is loud.",
    }
    bravo = next(line for line in lines if "Bravo" in line["task"])
    assert (hits[0]["text"], hits[0]["session_id"]) == (bravo["result"], bravo["session_id"])
    letters = anabranch.here("dead-letters", "list", "-N", namespace, "--json").lines
    assert letters == []


def test_every_case_projects_without_a_dead_letter(anabranch: CommandLine, namespace: str) -> None:
    """What all tools wrote is applied to the graph; nothing breaks a rule of the log."""
    lines = anabranch.here("sessions", "import", str(CASES), "-N", namespace, "--json").lines

    listed = anabranch.here("session", "list", "-N", namespace, "--limit", "1000", "--json").lines

    assert {line["session_id"] for line in lines} == {view["session_id"] for view in listed}
    letters = anabranch.here("dead-letters", "list", "-N", namespace, "--json").lines
    assert letters == []


def test_a_dry_run_stores_nothing(alone: CommandLine) -> None:
    """It tells the same lines, and starts no server."""
    case = str(CASES / "codex-0.171.0" / "revert")

    lines = alone.here("sessions", "import", case, "--dry-run", "--json").lines

    assert [line["kind"] for line in lines] == ["main", "abandoned"]
    assert not alone.home.exists()


def test_what_lies_on_the_machine_is_listed(
    anabranch: CommandLine, namespace: str, tmp_path: Path
) -> None:
    """By tool and project, with what is new; a name that is no tool and no path is refused."""
    shutil.copytree(CASES / "pi-1.6.0" / "compact", tmp_path / "pi")

    before = anabranch.here("sessions", "found", str(tmp_path), "-N", namespace, "--json").lines
    anabranch.here("sessions", "import", str(tmp_path), "-N", namespace)
    after = anabranch.here("sessions", "found", str(tmp_path), "-N", namespace, "--json").lines
    wrong = anabranch.here("sessions", "found", "no-such-tool", "--json")

    (row,) = before
    assert (row["tool"], row["project"], row["sources"], row["new"]) == (
        "pi",
        "/work/gull-point",
        1,
        1,
    )
    assert [one["new"] for one in after] == [0]
    assert (wrong.code, wrong.error["type"]) == (2, "InputInvalid")


@in_full_only
def test_a_session_is_followed_as_it_grows(
    anabranch: CommandLine, namespace: str, tmp_path: Path
) -> None:
    """A turn that is written while `watch` runs is recalled."""
    file = ClaudeFile(tmp_path)
    file.turns(1)
    command = anabranch.command("sessions", "watch", str(tmp_path), "-N", namespace, "--json")
    with subprocess.Popen(command, env=anabranch.environment, stdout=subprocess.PIPE) as watching:
        assert watching.stdout is not None
        try:
            first = json.loads(watching.stdout.readline())
            file.ask("Who keeps the spare wick?")
            file.say("The harbour master keeps the spare wick.")
            second = json.loads(watching.stdout.readline())
            found = anabranch.here("recall", "spare wick keeper", "-N", namespace, "--json").value
        finally:
            watching.terminate()

    assert first["result"] == "The buoy 0 lies at the pier."
    assert second["result"] == "The harbour master keeps the spare wick."
    assert any(hit["text"] == second["result"] for hit in found["hits"])


def test_a_session_leaves_as_a_handoff_note(
    anabranch: CommandLine, namespace: str, tmp_path: Path
) -> None:
    """To the terminal, or into a file that is not replaced unasked."""
    opened = anabranch.here(
        "session", "open", "--task", "Repair the pier", "-N", namespace, "--json"
    ).value
    words = ("sessions", "export", opened["session_id"][-8:], "-N", namespace)
    file = tmp_path / "handoff.md"

    shown = anabranch.here(*words)
    written = anabranch.here(*words, "-o", str(file), "--json")
    again = anabranch.here(*words, "-o", str(file), "--json")

    told = {"session_id": opened["session_id"], "to": "markdown", "file": str(file)}
    assert shown.out.startswith("# Hand-off: Repair the pier\n")
    assert file.read_text() == shown.out
    assert written.value == told
    assert (again.code, again.error["type"]) == (4, "FileExists")


@in_full_only
def test_what_tools_write_while_a_service_runs_is_recalled(
    alone: CommandLine, tmp_path: Path
) -> None:
    """`up --watch-sessions` imports it; what it could not read is told by `doctor`.

    With `--otlp` it takes spans, too.
    """
    file = ClaudeFile(tmp_path)
    file.turns(1)
    alone.environment |= {"HOME": str(tmp_path), "CLAUDE_CONFIG_DIR": str(tmp_path)}
    alone.environment["ANABRANCH_OTLP_PORT"] = "0"
    started = alone("up", "--detach", "--watch-sessions", "--otlp", "--json")
    agents = InstrumentedAgents()
    with agents.agent("keeper", "Who has the spare wick's keeper seen?"):
        pass
    answer = "The harbour master keeps the spare wick."

    def recalled() -> bool:
        hits = alone("recall", "spare wick keeper", "--json").value["hits"]
        return any(hit["text"] == answer for hit in hits)

    try:
        file.ask("Who keeps the spare wick?")
        file.record("tide-table", {"role": "user", "content": "spring tide"})
        file.say(answer)
        asyncio.run(until(recalled))
        exported = OTLPSpanExporter(endpoint=f"{started.value['otlp']}/v1/traces").export(
            agents.ended
        )
        asyncio.run(until(lambda: len(alone("session", "list", "--json").lines) == 2))
        checks = alone.here("doctor", "--json").value["checks"]
    finally:
        ended = alone("down", "--json")

    details = [check["detail"] for check in checks if check["name"] == "transcripts"]
    assert (ended.code, exported) == (0, SpanExportResult.SUCCESS)
    assert details == ["imports counted and left out: 1 x claude-code 2.1.332 record tide-table"]


def test_a_broken_line_is_warned_of_and_the_rest_is_imported(
    anabranch: CommandLine, namespace: str, tmp_path: Path
) -> None:
    """Its file and number stand on stderr."""
    file = ClaudeFile(tmp_path)
    file.ask("Q1")
    file.line('{"type":"user","uuid":')
    file.say("A1")

    done = anabranch.here("sessions", "import", str(tmp_path), "-N", namespace, "--json")

    assert [line["result"] for line in done.lines] == ["A1"]
    assert f"{file.path}:2: is no JSON" in done.err


def test_an_import_of_nothing_but_damaged_files_fails(alone: CommandLine, tmp_path: Path) -> None:
    """Each is warned of; with one good file among them it ends well.

    So does a folder without sessions of a known form: its tool may not have written any yet.
    """
    whole, fresh = ClaudeFile(tmp_path / "good"), tmp_path / "fresh"
    whole.turns(1)
    torn = tmp_path / "torn" / whole.path.name
    for folder in (torn.parent, fresh):
        folder.mkdir()
    torn.write_bytes(whole.path.read_bytes()[:20])
    packed = torn.parent / "more.jsonl.gz"
    packed.write_bytes(b"\xf6\xaf no gzip")
    (fresh / "settings.json").write_text("{}")

    def done(*where: Path) -> tuple[int, str | None]:
        told = alone.here("sessions", "import", *map(str, where), "--dry-run", "--json")
        return told.code, told.error["type"] if told.code else None

    assert done(torn, packed) == done(torn) == (2, "SessionsUnread")
    assert done(torn, packed, whole.path) == done(fresh) == (0, None)
