"""`think` and `roles`: executors, roles of one's own, and a thought that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.fixtures.memory import CommandLine

pytestmark = pytest.mark.timeout(900)


def test_think_with_a_command(anabranch: CommandLine, namespace: str) -> None:
    """Each branch runs the command with its task on stdin; the results are consolidated."""
    script = (
        "import json, sys; task = json.load(sys.stdin)['task']; "
        "print(json.dumps({'result': task, 'insights': ['Known about ' + task + '.']}))"
    )
    thought = anabranch.here(
        *("think", "Where to go?", "--branch", "Chiang Mai", "--branch", "Queenstown"),
        *("--executor", f'python3 -c "{script}"', "-N", namespace, "--json"),
    ).value
    again = anabranch.here("consolidate", thought["session_id"], "-N", namespace, "--json").value

    assert [branch["result"] for branch in thought["branches"]] == ["Chiang Mai", "Queenstown"]
    assert (thought["total_branches"], len(thought["consolidation"]["sources"])) == (2, 2)
    assert {"session_id", "task", "result", "duration_ms"} < set(thought["branches"][0])
    assert again["consolidation_id"] == thought["consolidation"]["consolidation_id"]
    assert {"root_id", "sessions", "sources", "text", "position"} < set(again)


def test_a_subject_without_a_name_is_refused(anabranch: CommandLine, namespace: str) -> None:
    """An empty variable of a script does not settle the whole memory instead."""
    found = anabranch.here("consolidate", "--entity", "", "-N", namespace)

    assert (found.code, "entity: is empty" in found.err) == (2, True)


def test_roles_of_ones_own_are_listed_and_thought_in(
    anabranch: CommandLine, namespace: str, tmp_path: Path
) -> None:
    """A file's roles come before the presets; a command hears their instructions."""
    path = tmp_path / "roles.toml"
    path.write_text('[skeptic]\ninstructions = "Doubt it."\n[focus]\nscope = "thought"\n')
    script = "import json, sys; print(json.load(sys.stdin)['instructions'])"

    listed = anabranch.here("roles", "--roles", str(path), "--json").lines
    thought = anabranch.here(
        *("think", "Where to go?", "--roles", str(path), "-N", namespace, "--json"),
        *("--executor", f'python3 -c "{script}"'),
    ).value

    assert [(one["name"], one["scope"], one["preset"]) for one in listed[:3]] == [
        ("skeptic", "namespace", False),
        ("focus", "thought", False),
        ("pattern recognition", "namespace", True),
    ]
    assert [one["role"] for one in thought["branches"]] == ["skeptic", "focus"]
    assert [one["result"] for one in thought["branches"]] == [
        "Doubt it.",
        listed[1]["instructions"],
    ]
    assert "skeptic" in anabranch.here("roles", "--roles", str(path)).out


def test_think_without_a_command_asks_memory(anabranch: CommandLine, namespace: str) -> None:
    """Without an executor each of `-n` branches recalls, from one role after the other."""
    for text in ("Kenta is exhausted after work.", "Kenta wants simple steps."):
        anabranch.here("remember", text, "-N", namespace, "--json")

    thought = anabranch.here(
        "think", "What helps Kenta?", "-n", "6", "-N", namespace, "--json"
    ).value

    assert thought["total_branches"] == 6
    assert [branch["role"] for branch in thought["branches"]][:2] == [
        "focus",
        "pattern recognition",
    ]
    assert "Kenta" in thought["consolidation"]["text"]


def test_a_thought_without_a_branch_that_completed_fails(
    anabranch: CommandLine, namespace: str
) -> None:
    """Scripts see it by the exit code, and the error names the first reason."""
    ran = anabranch.here("think", "plan", "-n", "2", "-x", "false", "-N", namespace, "--json")

    assert (ran.code, ran.error["type"]) == (1, "ThoughtFailed")
    assert "none of the 2 branches" in ran.error["message"]
